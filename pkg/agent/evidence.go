package agent

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Bounds of what is shown of a transcript; `checks --show-wire` shows all of it.
const (
	evidenceLines = 6
	evidenceWidth = 120
	// evidenceSlack is what the clock of the machine that asked may be away from
	// the fleet's.
	evidenceSlack = time.Minute
)

// evidence gathers what the agents that can be reached saw when checks failed
// last, and then what was kept from before.
func (a *Agent) evidence(ctx context.Context, wanted func(steer.Evidence) bool, kept ...steer.Evidence) []steer.Evidence {
	agents, err := a.Checks(ctx)
	if err != nil {
		return nil
	}
	var all []steer.Evidence
	at := map[fleet.AgentID]fleet.SiteID{}
	for _, ag := range agents {
		at[fleet.AgentID(ag.Agent)] = fleet.SiteID(ag.Site)
		for _, c := range ag.Checks {
			if e, ok := evidenceOf(c); ok && c.Verdict != "" {
				e.Agent = fleet.AgentID(ag.Agent)
				all = append(all, e)
			}
		}
	}
	return steer.ChooseEvidence(append(all, kept...), at, wanted)
}

// evidenceOf is the last failure of a check that was written down.
func evidenceOf(c api.CheckSeen) (steer.Evidence, bool) {
	if c.WireAt == nil {
		return steer.Evidence{}, false
	}
	e := steer.Evidence{Check: c.Check, At: *c.WireAt, Cause: health.Cause(c.Cause), Detail: printable(c.Detail)}
	for _, s := range c.Recent {
		if s.Outcome == "failure" && !s.At.After(e.At.Add(time.Second)) {
			e.Cause, e.Detail = health.Cause(s.Cause), printable(s.Detail)
		}
	}
	for _, l := range c.Wire[:min(len(c.Wire), evidenceLines)] {
		first, _, _ := strings.Cut(strings.TrimLeft(l.Text, "\r\n"), "\n")
		text := printable(l.Direction + " " + strings.TrimRight(first, "\r "))
		e.Wire = append(e.Wire, text[:min(len(text), evidenceWidth)])
	}
	return e, true
}

// during reports whether evidence is of an incident: of one of its sites, while
// it lasted.
func during(in *steer.Incident, now time.Time) func(steer.Evidence) bool {
	end := now
	if !in.ResolvedAt.IsZero() {
		end = in.ResolvedAt
	}
	return func(e steer.Evidence) bool {
		return slices.Contains(in.Sites, e.Check.Site) &&
			!e.At.Before(in.StartedAt.Add(-evidenceSlack)) && !e.At.After(end.Add(evidenceSlack))
	}
}
