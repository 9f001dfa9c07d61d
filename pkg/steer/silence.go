package steer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// Silence is a person's word that something is worked on where phones still go, or
// need not have left: what begins to fail there is expected. It changes no verdict
// and keeps automation from nothing.
type Silence struct {
	ID string `json:"id"`
	SilenceScope
	Intent
}

// SilenceScope is what a silence is about: a site, or a part of it.
type SilenceScope struct {
	Site      fleet.SiteID    `json:"site"`
	Switch    fleet.SwitchID  `json:"softswitch,omitempty"` // "" = all of the site's
	Transport fleet.Transport `json:"transport,omitzero"`   // 0 = all
	// Check is a kind of check; "" is all. One without a name is also about those
	// with one: storage about storage:spool.
	Check health.Kind `json:"check,omitempty"`
}

// SilenceChange is what a command says of silences beside its site and transport.
type SilenceChange struct {
	Switch fleet.SwitchID `json:"softswitch,omitempty"`
	Check  health.Kind    `json:"check,omitempty"`
}

// MaxSilences bounds them: who needs more wants to drain, or to end some.
const MaxSilences = 64

// EventSilence is the kind of events that begin or end a silence.
const EventSilence EventKind = "silence"

// Covers reports whether a check is silenced.
func (s SilenceScope) Covers(c health.Check) bool {
	return s.Site == c.Site && (s.Switch == "" || s.Switch == c.Switch) && (s.Transport == 0 || s.Transport == c.Transport) &&
		(s.Check == "" || s.Check == c.Kind || s.Check == c.Kind.Base())
}

// String names it, as calgary/calgary-1 over udp (register).
func (s SilenceScope) String() string {
	text := string(s.Site)
	if s.Switch != "" {
		text += "/" + string(s.Switch)
	}
	if s.Transport != 0 {
		text += " over " + s.Transport.String()
	}
	if s.Check != "" {
		text += " (" + string(s.Check) + ")"
	}
	return text
}

func compareSilences(a, b Silence) int { return strings.Compare(a.ID, b.ID) }

// silenced reports whether a person has said that the check may fail.
func (s *State) silenced(c health.Check) bool {
	return slices.ContainsFunc(s.Silences, func(x Silence) bool { return x.Covers(c) })
}

// silence adds one, or renews one of the same scope.
func (t *transition) silence() error {
	scope, err := t.silenceScope()
	if err != nil {
		return err
	}
	if err := guardIntent(t.cmd, t.Fleet.Policy.MaxFor.D()); err != nil {
		return err
	}
	s := Silence{ID: fmt.Sprintf("s%d", t.Revision), SilenceScope: scope, Intent: t.intent()}
	known := slices.IndexFunc(t.Silences, func(x Silence) bool { return x.SilenceScope == scope })
	if known >= 0 {
		s.ID = t.Silences[known].ID
	} else if len(t.Silences) >= MaxSilences {
		return &Refusal{
			Rule: RuleReach, Hard: true, Text: "too much is silenced", Value: plural(len(t.Silences), "silence"), Limit: fmt.Sprint(MaxSilences),
			Next: "sipsteer silence list   # then end some, or silence the whole site",
		}
	}
	if r := t.guardHeard(s); r != nil {
		return r
	}
	t.decided = true
	t.overrides(t.cmd.Override...)
	text := fmt.Sprintf("%s is silenced (%s) until %s: what begins to fail there opens no incident, unless automation moves phones because of it", scope, s.ID, stamp(s.Until))
	if known >= 0 {
		text = fmt.Sprintf("%s stays silenced (%s) until %s", scope, s.ID, stamp(s.Until))
	}
	if failing := t.failingIn(scope); len(failing) > 0 {
		text += "; what fails there already stays a failure: " + strings.Join(failing, ", ")
	}
	t.Silences = inserted(t.Silences, s, compareSilences)
	t.event(EventSilence, Event{Site: scope.Site, Transport: scope.Transport, Word: "begun", Value: s.ID, Text: text})
	return nil
}

// failingIn names the checks of a scope that fail and are no maintenance.
func (t *transition) failingIn(scope SilenceScope) (names []string) {
	for i := range t.Verdicts {
		v := &t.Verdicts[i]
		if v.Loud() && scope.Covers(v.Check) {
			names = append(names, fmt.Sprintf("%s %s", v.Check.Transport, v.Check.Kind))
		}
	}
	return names
}

// unsilence ends one by its ID, or all of a site. Ending what is not silenced is
// harmless.
func (t *transition) unsilence() error {
	ends := func(s Silence) bool { return s.ID == t.cmd.Target }
	if !slices.ContainsFunc(t.Silences, ends) {
		if t.Fleet.Site(fleet.SiteID(t.cmd.Target)) == nil {
			return &Invalid{Field: "silence", Message: fmt.Sprintf("no silence and no site is called %q", t.cmd.Target), Hint: "sipsteer silence list"}
		}
		ends = func(s Silence) bool { return s.Site == fleet.SiteID(t.cmd.Target) }
	}
	t.endSilences(ends, func(s Silence) {
		t.event(EventSilence, Event{
			Site: s.Site, Transport: s.Transport, Word: "over", Value: s.ID,
			Text: fmt.Sprintf("%s is silenced no more (%s, by %s: %s)", s.SilenceScope, s.ID, s.Owner, s.Reason),
		})
	})
	return nil
}

// silenceExpire ends those whose time is over.
func (t *transition) silenceExpire() error {
	t.endSilences(func(s Silence) bool { return !s.Until.After(t.Now) }, func(s Silence) {
		t.event(EventExpired, Event{
			Site: s.Site, Transport: s.Transport, Value: s.ID, Reason: s.Reason,
			Text: fmt.Sprintf("the silence of %s by %s has ended by its time", s.SilenceScope, s.Owner),
		})
	})
	return nil
}

func (t *transition) endSilences(ends func(Silence) bool, say func(Silence)) {
	for _, s := range t.Silences {
		if ends(s) {
			t.decided = true
			say(s)
		}
	}
	t.Silences = deleted(t.Silences, ends)
}

// dropSilences forgets those of what the fleet has no more.
func (t *transition) dropSilences() {
	t.Silences = deleted(t.Silences, func(s Silence) bool {
		site := t.Fleet.Site(s.Site)
		return site == nil || s.Switch != "" && !slices.ContainsFunc(site.Softswitches, func(sw fleet.Softswitch) bool { return sw.Name == s.Switch })
	})
}

// silenceCommand carries out the commands about silences.
func (t *transition) silenceCommand() error {
	switch t.cmd.Kind {
	case KindSilence:
		return t.silence()
	case KindUnsilence:
		return t.unsilence()
	}
	return t.silenceExpire()
}

// silences ends those that are over.
func (d *decision) silences() {
	if slices.ContainsFunc(d.state.Silences, func(s Silence) bool { return !s.Until.After(d.in.Now) }) {
		d.propose(Command{Kind: KindSilenceExpire})
	}
}

// line is the command line of a silence, for hints.
func (s SilenceScope) line(reason string, d time.Duration) string {
	text := "sipsteer silence add " + string(s.Site)
	if s.Switch != "" {
		text += " --softswitch " + string(s.Switch)
	}
	if s.Transport != 0 {
		text += " --transport " + s.Transport.String()
	}
	if s.Check != "" {
		text += " --kind " + string(s.Check)
	}
	return fmt.Sprintf("%s --reason %q --for %s", text, reason, fleet.Duration(d))
}
