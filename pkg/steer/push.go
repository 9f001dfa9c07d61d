package steer

import (
	"fmt"
	"slices"
	"strings"
)

// Push has the stragglers of a site asked to look again where they belong. The
// State keeps only that it was done: the gate of the site knows the devices.
type Push struct {
	// Devices are the addresses of record that the operator named; none: all.
	Devices []string `json:"devices,omitempty"`
	// Count is how many stragglers are meant, and Calls how many calls are up
	// through the gate; both as the leader found them.
	Count int `json:"count"`
	Calls int `json:"calls,omitempty"`
}

// maxPushNamed is how many devices are named in the event.
const maxPushNamed = 5

// push notes who has devices asked, before they are.
func (t *transition) push() error {
	p := t.cmd.Push
	switch {
	case t.Fleet.Site(t.cmd.Site) == nil:
		return &Invalid{Field: "site", Message: fmt.Sprintf("the fleet has no site %q", t.cmd.Site), Hint: "sipsteer status   # lists the sites"}
	case p == nil || p.Count <= 0:
		return &Invalid{Field: "devices", Message: "nobody is to be asked", Hint: "sipsteer stragglers " + string(t.cmd.Site)}
	}
	passed := slices.Contains(t.cmd.Override, RuleCallsSurvive)
	if p.Calls > 0 && !passed {
		return &Refusal{
			Rule: RuleCallsSurvive, Text: "some phones restart when they are asked to look again, and a call of theirs ends with it",
			Value: plural(p.Calls, "call") + " up through the gate of " + string(t.cmd.Site), Limit: "0",
			Next: fmt.Sprintf("sipsteer gate status %[1]s   # until its calls have ended; or sipsteer gate push %[1]s --override %[2]s …", t.cmd.Site, RuleCallsSurvive),
		}
	}
	if passed {
		t.overrides(RuleCallsSurvive)
	}
	text := fmt.Sprintf("%s that still come to %s are asked to look again (check-sync)", plural(p.Count, "device"), t.cmd.Site)
	if p.Count == 1 {
		text = fmt.Sprintf("a device that still comes to %s is asked to look again (check-sync)", t.cmd.Site)
	}
	if n := len(p.Devices); n > 0 {
		named := make([]string, 0, maxPushNamed)
		for _, d := range p.Devices[:min(n, maxPushNamed)] {
			named = append(named, oneLine(d))
		}
		text += ": " + strings.Join(named, ", ")
		if n > maxPushNamed {
			text += fmt.Sprintf(" and %d more", n-maxPushNamed)
		}
	}
	t.event(EventGate, Event{Site: t.cmd.Site, Word: GatePush, Value: fmt.Sprint(p.Count), Text: text})
	return nil
}
