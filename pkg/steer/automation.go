package steer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// setVerdicts takes over what the leader has combined from the observers.
func (t *transition) setVerdicts() error {
	for _, nv := range t.cmd.Verdicts {
		if !t.hasTarget(nv.Check.Target) {
			continue
		}
		old := t.verdict(nv.Check)
		nv.Maintenance = t.beganIn(&old, &nv)
		t.Verdicts = inserted(t.Verdicts, nv, compareVerdicts)
		if old.Status != nv.Status {
			e := Event{Site: nv.Check.Site, Transport: nv.Check.Transport, Word: nv.Status.String(), Cause: nv.Cause, Text: verdictText(old, nv)}
			if nv.Quiet() {
				e.Value = ValueMaintenance
			}
			t.event(EventVerdict, e)
		}
	}
	return nil
}

func compareVerdicts(a, b health.Verdict) int { return a.Check.Compare(b.Check) }

func (t *transition) verdict(c health.Check) health.Verdict {
	if i, ok := slices.BinarySearchFunc(t.Verdicts, health.Verdict{Check: c}, compareVerdicts); ok {
		return t.Verdicts[i]
	}
	return health.Verdict{Check: c}
}

func (t *transition) hasTarget(g health.Target) bool {
	site := t.Fleet.Site(g.Site)
	return site != nil && slices.ContainsFunc(site.Softswitches, func(sw fleet.Softswitch) bool {
		return sw.Name == g.Switch && slices.ContainsFunc(sw.Listeners, func(l fleet.Listener) bool { return l.Transport == g.Transport })
	})
}

func verdictText(old, v health.Verdict) string {
	text := fmt.Sprintf("%s %s: %s, was %s", v.Check.Target, v.Check.Kind, v.Status, old.Status)
	if v.Cause != health.CauseNone {
		text += "; " + string(v.Cause)
	}
	if v.Detail != "" {
		text += ": " + v.Detail
	}
	if v.Quiet() {
		text += "; in maintenance"
	}
	if len(v.Observers) > 0 {
		text += "; seen by " + joined(v.Observers)
	}
	return text
}

// automationGuards are asked, in this order, before automation takes one slot
// out.
func (v *view) automationGuards(c change, slot Slot, now time.Time) *Refusal {
	if r := v.guardHold(slot); r != nil {
		return r
	}
	if r := v.guardCommonCause(slot, now); r != nil {
		return r
	}
	if r := v.removalGuards(c, now); r != nil {
		return r
	}
	if r := v.guardBlock(slot, now); r != nil {
		return r
	}
	if r := v.guardMoveLimit(slot, now); r != nil {
		return r
	}
	return v.guardAdvise(c, slot)
}

func (v *view) guardHold(slot Slot) *Refusal {
	for _, h := range v.Holds {
		if h.Service == "" || h.Service == slot.Service {
			next := "sipsteer release"
			if h.Service != "" {
				next += " --service " + string(h.Service)
			}
			return &Refusal{
				Rule: RuleHold, Hard: true, Text: fmt.Sprintf("automation is held for %s by %s (%s)", h.what(), h.Owner, h.Reason),
				Value: "held", Limit: "not held", Next: next,
			}
		}
	}
	return nil
}

func (v *view) guardAdvise(c change, slot Slot) *Refusal {
	svc := v.service(slot.Service)
	if svc.Automation == fleet.AutomationAct {
		return nil
	}
	return &Refusal{
		Rule: RuleAdvise, Hard: true, Text: fmt.Sprintf("%s should leave %s, and %s is not set to act by itself", c.site, slot.Service, slot.Service),
		Value: "automation " + string(cmp.Or(svc.Automation, fleet.AutomationAdvise)), Limit: "automation act", Next: "sipsteer approve " + string(c.site) + "   # does what automation proposes",
	}
}

// guardBlock: no second automatic action on a service at another site until
// the block of the first is over. The same site growing worse is the same
// action.
func (v *view) guardBlock(slot Slot, now time.Time) *Refusal {
	for _, b := range v.Blocks {
		if b.Service == slot.Service && b.Site != slot.Site && b.Until.After(now) {
			return &Refusal{
				Rule: RuleBlock, Hard: true, Text: fmt.Sprintf("automation took %s out of %s and leaves it alone now", b.Site, b.Service),
				Value: "moved " + now.Sub(b.Since).Round(time.Second).String() + " ago", Limit: b.Until.Sub(b.Since).String() + " or acknowledged",
				Next: "sipsteer ack --service " + string(b.Service),
			}
		}
	}
	return nil
}

// guardCommonCause: the same failure at two sites is not cured by moving
// traffic. One that comes from what the sites share is looked at for as long as
// it takes to ask all of them again, since it may be on its way.
func (v *view) guardCommonCause(slot Slot, now time.Time) *Refusal {
	for i := range v.Brakes {
		if b := &v.Brakes[i]; b.holds(slot.Site, slot.Transport) {
			r := &Refusal{
				Rule: RuleCommonCause, Hard: true, Text: "common cause: " + b.Sentence + "; moving traffic would not cure it",
				Value: plural(len(b.Sites), "site"), Limit: "1 site inside " + v.Fleet.Policy.CommonCauseWindow.String(),
				Next: v.remedy(b, slot),
			}
			if b.Source.IsValid() {
				r.Limit = "1 site" // whenever they failed
			}
			return r
		}
	}
	for verdict := range v.verdicts(slot) {
		if until, spreads := v.lookUntil(verdict); spreads && until.After(now) {
			return &Refusal{
				Rule: RuleCommonCause, Hard: true, Text: fmt.Sprintf("%s at %s comes from what sites share: first all sites are asked again", verdict.Cause, slot.Site),
				Value: "seen " + now.Sub(verdict.Since).Round(time.Second).String() + " ago", Limit: v.lookTime(verdict.Check.Kind).String(),
				Next: "sipsteer status --watch   # automation goes on by itself",
			}
		}
	}
	return nil
}

// lookTime is how long it takes until every site has been asked again.
func (v *view) lookTime(kind health.Kind) time.Duration {
	t := v.Fleet.Checks.Of(string(kind))
	return t.Interval.D() + t.Timeout.D()
}

// lookUntil is how long automation looks whether a failure is at other sites
// too; false for one that does not spread.
func (v *view) lookUntil(verdict *health.Verdict) (time.Time, bool) {
	if verdict.Status != health.Down || !verdict.Cause.Spreads() {
		return time.Time{}, false
	}
	return verdict.Since.Add(v.lookTime(verdict.Check.Kind)), true
}

// withdraw takes slots out because they failed. The guards are asked here
// again: the leader may have decided on an older State.
func (t *transition) withdraw() error {
	c := change{site: t.cmd.Site, slots: t.cmd.Slots, failed: true, actor: t.cmd.By, retry: "sipsteer failover " + string(t.cmd.Site)}
	v := t.viewed()
	one := c
	one.together = true
	for _, s := range c.slots {
		if v.service(s.Service) == nil || s.Site != c.site {
			return &Invalid{Field: "slots", Message: "names a slot that the fleet does not have: " + s.String()}
		}
		one.slots = []Slot{s}
		if r := v.automationGuards(one, s, t.Now); r != nil {
			return r
		}
	}
	if r := v.guardCapacity(c, t.Now); r != nil {
		return r
	}
	cause := health.CauseNone
	known := slices.ContainsFunc(t.Outs, func(o Out) bool { return o.Site == c.site && o.By == AutomationOwner })
	added, outs, blocks := make([]Slot, 0, len(c.slots)), make([]Out, 0, len(c.slots)), make([]Block, 0, len(c.slots))
	for _, s := range c.slots {
		if v.wholeOut(s) {
			continue
		}
		added = append(added, s)
		cause = cmp.Or(cause, v.cause(s))
		outs = append(outs, Out{Slot: s, Since: t.Now, By: AutomationOwner, Reason: t.cmd.Reason, Cause: v.cause(s)})
		blocks = append(blocks, Block{Service: s.Service, Site: s.Site, Since: t.Now, Until: t.Now.Add(t.Fleet.Policy.Block.D())})
	}
	if len(added) == 0 {
		return nil
	}
	t.decided = true
	t.heardAt(added)
	t.noteMove(c.site, known)
	t.putOuts(outs)
	t.Blocks = merged(t.Blocks, blocks, func(a, b Block) int { return strings.Compare(string(a.Service), string(b.Service)) })
	t.event(EventWithdraw, Event{Site: t.cmd.Site, Word: transportsOf(added), Cause: cause, Text: fmt.Sprintf("%s taken out of %s: %s", t.cmd.Site, describe(added), t.cmd.Reason)})
	return nil
}

// advise replaces what automation would do and does not.
func (t *transition) advise() error {
	old := t.Advice
	t.Advice = slices.Clone(t.cmd.Advice)
	var said []string
	for _, a := range t.Advice {
		known := slices.ContainsFunc(old, func(o Advice) bool { return o.Site == a.Site && o.Rule == a.Rule })
		key := string(a.Site) + string(a.Rule)
		if known || slices.Contains(said, key) {
			continue
		}
		said = append(said, key)
		t.event(EventAdvice, Event{Site: a.Site, Service: a.Service, Transport: a.Transport, Rule: a.Rule, Reason: a.Next, Text: fmt.Sprintf("automation holds back (%s): %s", a.Rule, a.Text)})
	}
	return nil
}

func (v *view) commonCauses(now time.Time) []health.Common {
	return v.State.commonCauses(now)
}
