package steer

import (
	"fmt"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// approve carries out what automation proposes for a site, where the service is
// set to advise. The guards are asked again, with what is true now.
func (t *transition) approve() error {
	scope, err := t.scope()
	if err != nil {
		return err
	}
	if err := t.ownerAndReason(); err != nil {
		return err
	}
	v := newView(&t.State)
	var slots []Slot
	for _, a := range t.Advice {
		if a.Rule == RuleAdvise && slices.Contains(scope, a.Slot) {
			slots = append(slots, a.Slot)
		}
	}
	if len(slots) == 0 {
		return &Invalid{Field: "site", Message: fmt.Sprintf("automation proposes nothing for %s", t.cmd.Site), Hint: "sipsteer status   # shows what it proposes"}
	}
	c := t.cmd.change(slots)
	c.failed = true
	if r := v.removalGuards(c, t.Now); r != nil {
		return r
	}
	for _, s := range slots {
		t.putOut(Out{Slot: s, Since: t.Now, By: t.cmd.By, Reason: t.cmd.Reason, Cause: v.cause(s)})
	}
	t.cancelFailbacks(slots, fleet.Cohort{})
	t.decided = true
	t.overrides(t.cmd.Override...)
	t.event(EventFailover, Event{Site: t.cmd.Site, Service: t.cmd.Service, Transport: t.cmd.Transport, Text: fmt.Sprintf("%s approved: %s out of %s until a failback", t.cmd.By, t.cmd.Site, describe(slots))})
	return nil
}
