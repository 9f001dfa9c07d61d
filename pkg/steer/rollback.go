package steer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// Past is what a rollback brings back of an earlier State: what people wanted
// then. What is observed, the audit trail and the counters are not of the past.
type Past struct {
	Epoch     uint64       `json:"epoch"`
	Fleet     *fleet.Fleet `json:"fleet"`
	Drains    []Drain      `json:"drains,omitempty"`
	Outs      []Out        `json:"outs,omitempty"`
	Failbacks []Failback   `json:"failbacks,omitempty"`
	Holds     []Hold       `json:"holds,omitempty"`
}

// PastOf returns what a rollback to s would bring back.
func PastOf(s State) *Past {
	return &Past{Epoch: s.Epoch, Fleet: s.Fleet, Drains: s.Drains, Outs: s.Outs, Failbacks: s.Failbacks, Holds: s.Holds}
}

// rollback brings the fleet file and the intents of an earlier epoch back, as a
// new epoch. Intents that have ended since do not come back. The guards see the
// difference between now and then, as one change.
func (t *transition) rollback() error {
	p := t.cmd.Past
	if p == nil || p.Fleet == nil {
		return &Invalid{Field: "past", Message: "the command names no State to go back to", Hint: "sipsteer history --epochs   # lists them"}
	}
	if err := t.ownerAndReason(); err != nil {
		return err
	}
	f := p.Fleet.WithDefaults()
	if problems := fleet.Validate(f); len(problems) > 0 {
		return &Invalid{Field: problems[0].Path, Message: fmt.Sprintf("the fleet of epoch %d is not valid today: %s", p.Epoch, problems[0].Message), Hint: problems[0].Hint}
	}
	if err := t.tenantsInUse(&f); err != nil {
		return err
	}
	before := t.State
	t.Fleet, t.Failbacks = &f, slices.Clone(p.Failbacks)
	t.Outs = deleted(slices.Clone(p.Outs), func(o Out) bool { return o.due(t.Now) })
	t.Drains = deleted(slices.Clone(p.Drains), func(d Drain) bool { return !d.Until.After(t.Now) })
	t.Holds = deleted(slices.Clone(p.Holds), func(h Hold) bool { return !h.Until.After(t.Now) })
	t.dropUnknown()
	if sameWishes(before, t.State) {
		return nil // repeating is harmless
	}
	if r := t.guardRollback(before); r != nil {
		return r
	}
	t.decided = true
	t.overrides(t.cmd.Override...)
	t.event(EventRollback, Event{Text: fmt.Sprintf("rolled back to epoch %d: %s, %s, %s out, %s",
		p.Epoch, plural(len(f.Services), "service"), plural(len(t.Drains), "drain"), plural(len(t.Outs), "slot"), plural(len(t.Holds), "hold"))})
	return nil
}

// sameWishes compares the encoded form: equal times in other zones, or read at
// another moment, are not equal as values, and agents must agree.
func sameWishes(a, b State) bool {
	pa, pb := PastOf(a), PastOf(b)
	pa.Epoch, pb.Epoch = 0, 0
	ja, errA := json.Marshal(pa)
	jb, errB := json.Marshal(pb)
	return errA == nil && errB == nil && bytes.Equal(ja, jb)
}

// guardRollback asks, of every answer that would change, what the guards of a
// drain and of a failback ask. t is the State after.
func (t *transition) guardRollback(before State) *Refusal {
	then, now := newView(&t.State), newView(&before)
	c := t.cmd.change(nil)
	for i := range t.Fleet.Services {
		svc := &t.Fleet.Services[i]
		for _, bucket := range then.touched(svc, fleet.Cohort{}) {
			for _, tr := range svc.Transports {
				if r := then.guardAnswer(now, svc, tr, bucket); r != nil && (r.Hard || !c.overridden(r.Rule)) {
					r.Next = strings.ReplaceAll(r.Next, "RETRY", t.cmd.rollbackLine())
					return r
				}
			}
		}
	}
	limit := t.Fleet.Policy.MaxSitesOut
	out, was := then.sitesOut(""), now.sitesOut("")
	if len(out) > limit && len(out) > len(was) && !c.overridden(RuleOneAtATime) {
		return &Refusal{
			Rule: RuleOneAtATime, Text: "at that epoch more sites were out than may be: " + joined(out),
			Value: plural(len(out), "site") + " out", Limit: "max_sites_out " + fmt.Sprint(limit),
			Next: t.cmd.rollbackLine() + " --override one-at-a-time",
		}
	}
	return nil
}

func (c Command) rollbackLine() string {
	return fmt.Sprintf("sipsteer rollback %d --reason %q", c.Past.Epoch, c.Reason)
}

// guardAnswer looks at one service over one transport. v is the State after,
// now the one before.
func (v *view) guardAnswer(now *view, svc *fleet.Service, tr fleet.Transport, bucket int) *Refusal {
	name := tr.Label() + "." + string(svc.Name)
	slots := v.slotsFor(svc, tr, bucket)
	stay := deleted(slots, func(s Standing) bool { return s.Place == Gone || s.Place == Leaving })
	if len(stay) == 0 {
		return &Refusal{
			Rule: RuleNeverEmpty, Hard: true, Text: name + " would have no site left", Value: "0 sites left", Limit: "at least 1",
			Next: "sipsteer history --epochs   # choose another epoch",
		}
	}
	if least := v.Fleet.ServiceMinSites(svc); len(stay) < least {
		return &Refusal{
			Rule: RuleMinSites, Text: name + " would keep too few sites", Value: plural(len(stay), "site") + " left",
			Limit: "min_sites " + fmt.Sprint(least), Next: "RETRY --override min-sites",
		}
	}
	if !slices.ContainsFunc(stay, func(s Standing) bool { return s.Status == health.Up }) && !sameStay(now, svc, tr, bucket, stay) {
		return &Refusal{
			Rule: RuleTargetProven, Text: "no site that would be in " + name + " is known to be up",
			Value: "0 sites up", Limit: "at least 1 up", Next: "RETRY --override target-proven",
		}
	}
	for _, s := range stay {
		if back := now.standingFor(s.Slot, bucket).Place == Gone; back && s.Place == In && s.Status != health.Up {
			return &Refusal{
				Rule: RuleManualBack, Text: fmt.Sprintf("%s would come back into %s and is not known to be up", s.Site, name),
				Value: s.Status.String(), Limit: "up", Next: "RETRY --override manual-back",
			}
		}
	}
	return nil
}

// sameStay reports whether the answer keeps the sites that it has.
func sameStay(now *view, svc *fleet.Service, tr fleet.Transport, bucket int, stay []Standing) bool {
	old := now.Fleet.Service(svc.Name)
	if old == nil || !slices.Contains(old.Transports, tr) {
		return false
	}
	have := deleted(now.slotsFor(old, tr, bucket), func(s Standing) bool { return s.Place == Gone || s.Place == Leaving })
	return slices.EqualFunc(have, stay, func(a, b Standing) bool { return a.Site == b.Site })
}
