package steer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// A site and a cohort have two failbacks at most: one that has taken its first
// step, and one that waits for it to be over. What is to come back besides never
// makes what is on its way begin again: that would take it out of the answers,
// where it may be all that is left by now.

// onTheWay reports whether a failback that has taken its first step, and what waits
// for it, brings all of the slots back.
func (t *transition) onTheWay(slots []Slot) bool {
	var coming []Slot
	begun := false
	for _, f := range t.Failbacks {
		if t.named(f) {
			begun = begun || f.Step >= 0
			coming = append(coming, f.Slots...)
		}
	}
	return begun && !slices.ContainsFunc(slots, func(s Slot) bool { return !slices.Contains(coming, s) })
}

// named reports whether the command is about that failback.
func (t *transition) named(f Failback) bool {
	return f.Site == t.cmd.Site && f.Cohort == t.cmd.Cohort
}

func compareFailbacks(a, b Failback) int {
	return cmp.Or(strings.Compare(string(a.Site), string(b.Site)), compareCohorts(a.Cohort, b.Cohort), cmp.Compare(a.waiting(), b.waiting()))
}

// pace is by what the steps go that the command begins.
func (t *transition) pace() fleet.Pace {
	if p := cmp.Or(t.cmd.Pace, t.Fleet.Policy.Failback.Pace); p != fleet.PaceWeights {
		return p
	}
	return ""
}

// waiting is 1 before the first step, else 0.
func (f *Failback) waiting() int {
	if f.Step < 0 {
		return 1
	}
	return 0
}

// startFailback queues slots to come back. Slots that wait already begin together
// with the new ones; those that are on their way go on where they are, and what
// comes besides waits until they are back, of which it reports true.
func (t *transition) startFailback(f Failback) (waits bool) {
	f.Step, f.StepAt, f.Since, f.Pace = -1, t.Now, t.Now, t.pace()
	f.AnyTime = t.Fleet.Policy.Failback.Timed() && slices.Contains(t.cmd.Override, RuleFailbackTime)
	first := t.ReturnBefore(&f)
	if first != nil {
		f.Slots = deleted(f.Slots, func(s Slot) bool { return slices.Contains(first.Slots, s) })
	}
	if len(f.Slots) == 0 {
		return first != nil
	}
	if i, on := slices.BinarySearchFunc(t.Failbacks, f, compareFailbacks); on {
		before := &t.Failbacks[i]
		for _, s := range before.Slots {
			f.Slots = inserted(f.Slots, s, Slot.Compare)
		}
		if before.NotBefore.After(f.NotBefore) && t.cmd.Kind != KindFailback {
			f.NotBefore = before.NotBefore
		}
	}
	t.Failbacks = inserted(t.Failbacks, f, compareFailbacks)
	if first != nil {
		t.event(EventFailback, Event{Site: f.Site, By: f.Owner, Reason: f.Reason, Word: "waits", Text: fmt.Sprintf(
			"%s comes back in %s when it is back in %s%s", f.Site, describe(f.Slots), describe(first.Slots), forCohort(f.Cohort))})
	}
	return first != nil
}

// ReturnBefore is the return of the same site and cohort that has taken its first
// step, for which a failback waits; nil when it waits for none.
func (s *State) ReturnBefore(f *Failback) *Failback {
	if f.Step >= 0 {
		return nil
	}
	i := slices.IndexFunc(s.Failbacks, func(x Failback) bool { return x.Site == f.Site && x.Cohort == f.Cohort && x.Step >= 0 })
	if i < 0 {
		return nil
	}
	return &s.Failbacks[i]
}

// returnsWhole is when a return that has taken its first step is over, if every
// step is taken when it is due.
func (s *State) returnsWhole(f *Failback) time.Time {
	left := len(s.Fleet.Policy.FailbackSteps) - 1 - f.Step
	return f.StepAt.Add(time.Duration(max(left, 1)) * s.Fleet.Policy.FailbackInterval.D())
}
