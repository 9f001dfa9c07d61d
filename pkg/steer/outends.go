package steer

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// versionEnds is the version of commands from which on a failover may have an
// end. Programs before it took no notice of one, so it does not count in what
// they wrote.
const versionEnds = 3

// ends reports whether a failover has an end.
func (c Command) ends() bool {
	return c.Kind == KindFailover && c.For != 0 && c.Version >= versionEnds
}

// awaits reports whether the end of the removal is still to come about: its time
// may be over, but nobody has looked whether it can come back.
func (o *Out) awaits() bool { return !o.Until.IsZero() && o.Stays == "" }

func (o *Out) due(now time.Time) bool { return o.awaits() && !o.Until.After(now) }

// Lasts says in words until when the slot is out.
func (o *Out) Lasts() string {
	switch {
	case o.Until.IsZero():
		return "until a failback"
	case o.Stays != "":
		return "its end came at " + o.Until.UTC().Format(time.RFC3339) + ", but it stays out: " + o.Stays
	}
	return "until " + o.Until.UTC().Format(time.RFC3339) + ", then back in steps"
}

// ownerReasonEnd is rule expires for what may have an end and need not.
func (t *transition) ownerReasonEnd() error {
	if !t.cmd.ends() {
		return t.ownerAndReason()
	}
	return guardIntent(t.cmd, t.Fleet.Policy.MaxFor.D())
}

// outEnd is when a failover ends that begins now, or is given another end; zero
// when it waits for a person. It is not before those who left have registered
// elsewhere, so that nobody moves twice.
func (t *transition) outEnd(v *view, slots []Slot) time.Time {
	if !t.cmd.ends() {
		return time.Time{}
	}
	end, left := t.until(), t.Now
	if v.allOut(slots) {
		left = v.lastMove(t.cmd.change(slots))
	}
	if settled := left.Add(t.Fleet.Policy.RegistrationPeriod.D()); end.Before(settled) {
		return settled
	}
	return end
}

func (v *view) allOut(slots []Slot) bool {
	return !slices.ContainsFunc(slots, func(s Slot) bool { return !v.wholeOut(s) })
}

// renewOuts gives what is out already the end of this failover, or takes its end
// away, and returns the slots of which that is new.
func (t *transition) renewOuts(slots []Slot, end time.Time) []Slot {
	outs, renewed := slices.Clone(t.Outs), []Slot(nil)
	for i := range outs {
		o := &outs[i]
		if !slices.Contains(slots, o.Slot) || o.Until.Equal(end) && o.Stays == "" {
			continue
		}
		o.Until, o.Stays, o.By, o.Reason = end, "", t.cmd.By, t.cmd.Reason
		if !slices.Contains(renewed, o.Slot) {
			renewed = append(renewed, o.Slot)
		}
	}
	if len(renewed) > 0 {
		t.Outs = outs
	}
	return renewed
}

// outExpire ends the removals of a site whose time is over. They come back as by
// a failback of who took them out; what its guards refuse stays out and says why.
func (t *transition) outExpire() error {
	due := func(o Out) bool { return o.Site == t.cmd.Site && o.due(t.Now) }
	for {
		i := slices.IndexFunc(t.Outs, due)
		if i < 0 {
			return nil
		}
		first := t.Outs[i]
		var slots []Slot
		for _, o := range t.Outs {
			if due(o) && o.sameIntent(&first) {
				slots = append(slots, o.Slot)
			}
		}
		t.endOuts(first, slots)
	}
}

// sameIntent reports whether one command took both out.
func (o *Out) sameIntent(x *Out) bool {
	return o.Site == x.Site && o.Cohort == x.Cohort && o.By == x.By && o.Reason == x.Reason && o.Until.Equal(x.Until)
}

// endOuts ends one failover, whose removals are all like o.
func (t *transition) endOuts(o Out, slots []Slot) {
	mark := func(until time.Time, stays string) {
		outs := slices.Clone(t.Outs)
		for i := range outs {
			if x := &outs[i]; slices.Contains(slots, x.Slot) && x.sameIntent(&o) {
				x.Until, x.Stays = until, stays
			}
		}
		t.Outs = outs
	}
	if t.returning(&o, slots) {
		mark(time.Time{}, "") // somebody brings it back already
		return
	}
	t.decided = true
	what := fmt.Sprintf("the failover of %s by %s has ended by its time", o.Site, o.By)
	if r := t.refusesReturn(&o, slots); r != nil {
		why := fmt.Sprintf("%s (now %s, limit %s)", r.Text, r.Value, r.Limit)
		mark(o.Until, why)
		t.event(EventExpired, Event{
			Site: o.Site, Reason: o.Reason, Rule: r.Rule, Value: r.Value, Limit: r.Limit, Word: "stays",
			Text: fmt.Sprintf("%s, but it stays out of %s: %s; next: %s", what, describe(slots), why, r.Next),
		})
		return
	}
	mark(time.Time{}, "")
	t.startFailback(Failback{Site: o.Site, Cohort: o.Cohort, Slots: slots, NotBefore: t.Now, Owner: o.By, Reason: "failover ended: " + o.Reason})
	t.event(EventExpired, Event{Site: o.Site, Reason: o.Reason, Text: fmt.Sprintf("%s; %s%s", what, t.inSteps(), forCohort(o.Cohort))})
}

// returning reports whether failbacks bring all of the slots back to all whom
// they are out for.
func (t *transition) returning(o *Out, slots []Slot) bool {
	return !slices.ContainsFunc(slots, func(s Slot) bool {
		left := everyoneIfNone(o.Cohort)
		for _, f := range t.Failbacks {
			if slices.Contains(f.Slots, s) {
				left = left.Without(everyoneIfNone(f.Cohort))
			}
		}
		return !left.IsZero()
	})
}

// refusesReturn asks what a person is asked who types failback. A failback window
// that is closed refuses nothing: the return waits for the next one.
func (t *transition) refusesReturn(o *Out, slots []Slot) *Refusal {
	v := newView(&t.State)
	c := t.failbackOf(o, slots).change(slots)
	for _, d := range t.Drains {
		both := everyoneIfNone(d.Cohort).And(everyoneIfNone(o.Cohort))
		if !both.IsZero() && slices.ContainsFunc(slots, func(s Slot) bool { return d.covers(s, both.Least()) }) {
			return &Refusal{
				Rule: RuleManualBack, Text: fmt.Sprintf("%s was drained by %s (%s)", d.Scope(), d.Owner, d.Reason),
				Value: d.Stage.String(), Limit: "not drained", Next: "sipsteer undrain " + string(d.Site) + " --reason …",
			}
		}
	}
	if r := v.guardProvenSite(c); r != nil {
		return r
	}
	return v.guardBounce(c, t.Now)
}

// failbackOf is the command with which a person brings the slots back.
func (t *transition) failbackOf(o *Out, slots []Slot) Command {
	c := Command{Kind: KindFailback, Site: o.Site, Cohort: o.Cohort, By: o.By, Reason: o.Reason}
	if s := slots[0].Service; len(SlotsOf(t.Fleet, o.Site, s, 0)) < len(SlotsOf(t.Fleet, o.Site, "", 0)) &&
		!slices.ContainsFunc(slots, func(x Slot) bool { return x.Service != s }) {
		c.Service = s
	}
	if tr := slots[0].Transport; len(SlotsOf(t.Fleet, o.Site, "", tr)) < len(SlotsOf(t.Fleet, o.Site, "", 0)) &&
		!slices.ContainsFunc(slots, func(x Slot) bool { return x.Transport != tr }) {
		c.Transport = tr
	}
	return c
}

// ends proposes the end of what is out until a time that has come.
func (d *decision) ends() {
	if !slices.ContainsFunc(d.state.Outs, func(o Out) bool { return o.due(d.in.Now) }) {
		return
	}
	for _, site := range d.state.Fleet.SiteIDs() {
		if slices.ContainsFunc(d.state.Outs, func(o Out) bool { return o.Site == site && o.due(d.in.Now) }) {
			d.propose(Command{Kind: KindOutExpire, Site: site})
		}
	}
}

// Overdue names what has an end that has come, and neither is over nor says why
// it is not. A leader that has looked leaves nothing of the kind.
func Overdue(s State, now time.Time) string {
	var late []string
	for i := range s.Outs {
		if o := &s.Outs[i]; o.due(now) {
			late = append(late, fmt.Sprintf("%s is out %s", o.Slot, o.Lasts()))
		}
	}
	for _, d := range s.Drains {
		if !d.Until.After(now) {
			late = append(late, "the drain of "+d.Scope())
		}
	}
	for _, h := range s.Holds {
		if !h.Until.After(now) {
			late = append(late, "the hold of "+h.what())
		}
	}
	for i := range s.Silences {
		if x := &s.Silences[i]; !x.Until.After(now) {
			late = append(late, "the silence of "+x.SilenceScope.String())
		}
	}
	return strings.Join(late, ", ")
}

// endsFailover reports whether a runbook has a failover with an end.
func endsFailover(p *Procedure) bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Do == ActFailover && s.For != "" })
}

// endsOuts reports whether any removal of a past State has an end.
func endsOuts(outs []Out) bool {
	return slices.ContainsFunc(outs, func(o Out) bool { return !o.Until.IsZero() })
}
