package steer

import (
	"fmt"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// clockFormat is how moments of failback windows are written.
const clockFormat = "Mon 2006-01-02 15:04"

// guardFailbackTime: traffic comes back in the windows that the policy names.
// A return in steps waits for the next one; who wants it at once says so.
func (t *transition) guardFailbackTime(c change) *Refusal {
	p := t.Fleet.Policy.Failback
	if !p.Timed() || c.overridden(RuleFailbackTime) {
		return nil
	}
	local := fleet.At(t.Now, t.Offset)
	next, ok := p.Schedule().Next(local)
	if ok && next.Equal(local) {
		return nil
	}
	return &Refusal{
		Rule: RuleFailbackTime, Text: fmt.Sprintf("traffic comes back in the failback windows only (%s)", p),
		Value: local.Format(clockFormat) + " " + p.Zone(),
		Limit: fmt.Sprintf("the next window, which opens %s, in %s", next.Format(clockFormat), next.Sub(local).Round(time.Minute)),
		Next:  c.retry + " --override failback-window   # or wait",
	}
}

// mayReturn reports whether a failback may take a step at a moment.
func (s *State) mayReturn(f *Failback, at time.Time, offset int) bool {
	p := s.Fleet.Policy.Failback
	return f.AnyTime || !p.Timed() || p.Schedule().Open(fleet.At(at, offset))
}

// FailbackDue is the earliest time from now on at which a failback takes its
// next step, if its site is well; waits says that it then waits for a window.
func FailbackDue(s State, f Failback, now time.Time) (due time.Time, waits bool) {
	due = f.NotBefore
	if f.Step >= 0 {
		due = f.StepAt.Add(s.Fleet.Policy.FailbackInterval.D())
	}
	if first := s.ReturnBefore(&f); first != nil {
		if over := s.returnsWhole(first); over.After(due) {
			due = over
		}
	}
	if s.mayReturn(&f, due, s.Offset) && due.After(now) {
		return due, false
	}
	if due.Before(now) {
		due = now
	}
	if s.mayReturn(&f, due, s.Offset) {
		return due, false
	}
	local := fleet.At(due, s.Offset)
	next, ok := s.Fleet.Policy.Failback.Schedule().Next(local)
	if !ok {
		return due, false
	}
	return due.Add(next.Sub(local)), true
}
