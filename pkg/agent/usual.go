package agent

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// usualFile is what the metrics checks of this agent have learnt.
const usualFile = "usual.json"

// recallUsual takes in what was learnt before the last stop. Damage is named and
// costs the weeks that were learnt, not the agent.
func (a *Agent) recallUsual() error {
	text, err := checkedFile(filepath.Join(a.cfg.Dir, usualFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = a.numbers.Restore(text)
	}
	if err != nil {
		a.log.Error().Err(err).Str("file", usualFile).Msg("cannot read what numbers are usual; learning anew")
	}
	return nil
}

// keepUsual writes what was learnt, in a file that replaces the old one whole.
func (a *Agent) keepUsual() {
	text, err := a.numbers.Encode()
	if err == nil && a.numbers.Learnt() {
		err = replaceFile(filepath.Join(a.cfg.Dir, usualFile), text)
	}
	if err != nil {
		a.log.Error().Err(err).Msg("cannot keep what numbers are usual")
	}
}

// unusual says why a site does not carry what it usually does: it is drained,
// or another site is, whose phones come here. Then its numbers say nothing.
func (a *Agent) unusual(site fleet.SiteID) string {
	now, _ := a.pub.served()
	s := now.state
	if s.Fleet == nil {
		return "this agent has no fleet yet"
	}
	other := ""
	for _, st := range steer.Standings(s) {
		switch {
		case st.Place == steer.In:
		case st.Site == site:
			return string(site) + " is taken out of answers"
		default:
			other = string(st.Site) + " is taken out of answers"
		}
	}
	return other
}
