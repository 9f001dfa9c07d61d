package steer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// failover takes a site out at once because it failed, whether or not a check
// says so: people hear of failures that no check has been taught. What leaves
// is guarded as in a drain; only a failure that is seen is one to flee from.
func (t *transition) failover() error {
	slots, err := t.scope()
	if err != nil {
		return err
	}
	if err := t.ownerReasonEnd(); err != nil {
		return err
	}
	v := newView(&t.State)
	c := t.cmd.change(slots)
	c.failed = v.failureSeen(slots)
	if r := v.removalGuards(c, t.Now); r != nil {
		return r
	}
	end := t.outEnd(v, slots)
	known := deleted(slots, func(s Slot) bool { return !v.wholeOut(s) })
	renewed := t.renewOuts(known, end)
	var added []Slot
	for _, s := range slots {
		if !v.wholeOut(s) {
			added = append(added, s)
			t.putOut(Out{Slot: s, Since: t.Now, By: t.cmd.By, Reason: t.cmd.Reason, Cause: v.cause(s), Until: end})
		}
	}
	t.cancelFailbacks(slots, fleet.Cohort{})
	t.clearBlocks(t.cmd.Site)
	if len(added)+len(renewed) == 0 {
		return nil // repeated: harmless
	}
	t.decided = true
	t.overrides(t.cmd.Override...)
	lasts := (&Out{Until: end}).Lasts()
	text := fmt.Sprintf("%s failed over: out of %s %s", t.cmd.Site, describe(added), lasts)
	switch {
	case len(added) == 0:
		text = fmt.Sprintf("%s stays out of %s %s", t.cmd.Site, describe(renewed), lasts)
	case !c.failed:
		text += "; no check says that it has failed"
	}
	added = merged(added, renewed, Slot.Compare)
	t.event(EventFailover, Event{Site: t.cmd.Site, Service: t.cmd.Service, Transport: t.cmd.Transport, Word: transportsOf(added), Text: text})
	return nil
}

func (t *transition) ownerAndReason() error {
	c := t.cmd
	c.For = fleet.Duration(time.Second) // needs no end
	return guardIntent(c, t.Fleet.Policy.MaxFor.D())
}

// failureSeen reports whether a check says that one of the transports is down.
func (v *view) failureSeen(slots []Slot) bool {
	return slices.ContainsFunc(slots, func(s Slot) bool { return v.at(s.Site, s.Transport) == health.Down })
}

// cause returns what the checks say of a slot that is down.
func (v *view) cause(s Slot) health.Cause {
	for verdict := range v.verdicts(s) {
		if verdict.Status == health.Down {
			return verdict.Cause
		}
	}
	return health.CauseNone
}

// failback brings back what is out of a site, in steps.
func (t *transition) failback() error {
	scope, err := t.scope()
	if err != nil {
		return err
	}
	if err := t.ownerAndReason(); err != nil {
		return err
	}
	v := newView(&t.State)
	who := everyoneIfNone(t.cmd.Cohort)
	slots := deleted(scope, func(s Slot) bool { return v.outOf(s).And(who).IsZero() })
	if i := slices.IndexFunc(t.Drains, func(d Drain) bool {
		both := everyoneIfNone(d.Cohort).And(who)
		return !both.IsZero() && slices.ContainsFunc(scope, func(s Slot) bool { return d.covers(s, both.Least()) })
	}); i >= 0 {
		d := t.Drains[i]
		return &Invalid{Field: "site", Message: fmt.Sprintf("%s is drained by %s (%s)", d.Scope(), d.Owner, d.Reason), Hint: "sipsteer undrain " + string(d.Site) + " --reason …"}
	}
	if len(slots) == 0 {
		return nil // all in: repeating is harmless
	}
	if !t.cmd.Now && t.onTheWay(slots) {
		return nil // repeated while it runs: it goes on where it is
	}
	c := t.cmd.change(slots)
	if r := v.guardProvenSite(c); r != nil {
		return r
	}
	if r := v.guardBounce(c, t.Now); r != nil {
		return r
	}
	if r := t.guardFailbackTime(c); r != nil {
		return r
	}
	t.decided = true
	t.overrides(t.cmd.Override...)
	t.clearBlocks(t.cmd.Site)
	if t.cmd.Now {
		t.bringIn(slots, t.cmd.Cohort)
		t.event(EventFailback, Event{Site: t.cmd.Site, Service: t.cmd.Service, Transport: t.cmd.Transport, Word: "100", Text: fmt.Sprintf("%s is back in %s at once%s", t.cmd.Site, describe(slots), forCohort(t.cmd.Cohort))})
		return nil
	}
	if t.startFailback(Failback{Site: t.cmd.Site, Cohort: t.cmd.Cohort, Slots: slots, NotBefore: t.Now, Owner: t.cmd.By, Reason: t.cmd.Reason}) {
		return nil
	}
	return t.failbackStep()
}

// failbackStep goes one step further. It is proposed by Decide after the
// interval, and again looks whether the site is well.
func (t *transition) failbackStep() error {
	i := slices.IndexFunc(t.Failbacks, t.named)
	if i < 0 || t.Failbacks[i].NotBefore.After(t.Now) {
		return nil
	}
	f := t.Failbacks[i]
	if !t.mayReturn(&f, t.Now, t.Offset) {
		return nil // the window has closed meanwhile
	}
	v := newView(&t.State)
	if r := v.guardProvenSite(change{site: f.Site, slots: f.Slots, retry: "sipsteer failback " + string(f.Site), override: t.cmd.Override}); r != nil {
		return r
	}
	t.Failbacks = slices.Delete(slices.Clone(t.Failbacks), i, i+1)
	f.Step, f.StepAt = f.Step+1, t.Now
	t.decided = true
	steps := t.Fleet.Policy.FailbackSteps
	share := steps[min(f.Step, len(steps)-1)]
	if share >= 100 {
		t.bringIn(f.Slots, f.Cohort)
		t.event(EventFailback, Event{Site: f.Site, By: f.Owner, Reason: f.Reason, Word: "100", Text: fmt.Sprintf("%s is back in %s (100 %%)%s", f.Site, describe(f.Slots), forCohort(f.Cohort))})
		return nil
	}
	t.Failbacks = inserted(t.Failbacks, f, compareFailbacks)
	of := ""
	if f.byCohorts() {
		of = "the tenants of "
	}
	t.event(EventFailback, Event{Site: f.Site, By: f.Owner, Reason: f.Reason, Word: fmt.Sprint(share), Text: fmt.Sprintf("%s takes %d %% of %s%s%s", f.Site, share, of, describe(f.Slots), forCohort(f.Cohort))})
	return nil
}

// failbackAbort steps back because the site began to fail as load arrived
// (target-proven). What was out stays out.
func (t *transition) failbackAbort() error {
	i := slices.IndexFunc(t.Failbacks, t.named)
	if i < 0 {
		return nil
	}
	f := t.Failbacks[i]
	v := newView(&t.State)
	leave := v.mayStepBack(&f)
	if len(leave) == 0 {
		return nil
	}
	t.Failbacks = slices.Delete(slices.Clone(t.Failbacks), i, i+1)
	if stay := deleted(f.Slots, func(s Slot) bool { return slices.Contains(leave, s) }); len(stay) > 0 {
		f.Slots = stay
		t.Failbacks = inserted(t.Failbacks, f, compareFailbacks)
	}
	f.Slots = leave
	for _, s := range f.Slots {
		if c := v.outOf(s).And(everyoneIfNone(f.Cohort)); !c.IsZero() {
			t.putOut(Out{Slot: s, Cohort: c.NoneIfEveryone(), Since: t.Now, By: t.cmd.By, Reason: t.cmd.Reason, Cause: v.cause(s)})
		}
	}
	t.decided = true
	t.heardAt(f.Slots)
	t.event(EventStepBack, Event{Site: f.Site, Rule: RuleTargetProven, Text: fmt.Sprintf("%s began to fail while traffic came back: stepped back, out of %s%s", f.Site, describe(f.Slots), forCohort(f.Cohort))})
	return nil
}

// mayStepBack lists the slots of a failback that can go out again: those without
// which something is left in every answer (never-empty).
func (v *view) mayStepBack(f *Failback) []Slot {
	c := change{site: f.Site, slots: f.Slots, cohort: f.Cohort}
	var alone []Slot
	for _, s := range v.staysOf(c) {
		if s.from == s.to {
			alone = append(alone, s.slot)
		}
	}
	return deleted(f.Slots, func(s Slot) bool { return slices.Contains(alone, s) })
}

// bringIn ends the removals of slots for a cohort.
func (t *transition) bringIn(slots []Slot, cohort fleet.Cohort) {
	t.takeOuts(slots, cohort)
	t.cancelFailbacks(slots, cohort)
}

// cancelFailbacks takes slots out of the failbacks under way that bring anyone
// of the cohort back.
func (t *transition) cancelFailbacks(slots []Slot, cohort fleet.Cohort) {
	var left []Failback
	for _, f := range t.Failbacks {
		if !everyoneIfNone(f.Cohort).And(everyoneIfNone(cohort)).IsZero() {
			f.Slots = deleted(f.Slots, func(s Slot) bool { return slices.Contains(slots, s) })
		}
		if len(f.Slots) > 0 {
			left = append(left, f)
		}
	}
	t.Failbacks = left
}

// describe names slots shortly: the transports, and the services where they
// differ.
func describe(slots []Slot) string {
	var services []fleet.ServiceID
	var transports []string
	for _, s := range slots {
		if !slices.Contains(services, s.Service) {
			services = append(services, s.Service)
		}
		if t := s.Transport.Label(); !slices.Contains(transports, t) {
			transports = append(transports, t)
		}
	}
	slices.Sort(transports)
	if len(services) > 3 {
		return fmt.Sprintf("%s of %d services", strings.Join(transports, ", "), len(services))
	}
	return strings.Join(transports, ", ") + " of " + joined(services)
}
