package runbook

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Forecast is what a step under way waits for, why that takes its time, and when
// it should be over.
type Forecast struct {
	Step  string    `json:"step"`
	Waits string    `json:"waits"`         // what is awaited
	Why   string    `json:"why,omitempty"` // how that stands now
	Begun time.Time `json:"begun"`
	// Due is when the step should be over by the clocks of the decision: TTLs,
	// registration periods, steps of a failback, and the gates' own forecasts.
	// Zero when a person decides, or something that no clock tells.
	Due   time.Time `json:"due,omitzero"`
	Limit time.Time `json:"limit"` // after which on_limit follows
}

// Done is how much of the step's time is over, from 0 to 1; false when it is not
// known when it ends.
func (f Forecast) Done(now time.Time) (float64, bool) {
	if f.Due.IsZero() || !f.Due.After(f.Begun) {
		return 0, false
	}
	return min(1, max(0, float64(now.Sub(f.Begun))/float64(f.Due.Sub(f.Begun)))), true
}

// Forecasts tells of every step of a run that is under way.
func Forecasts(f *Facts, r *steer.Run, now time.Time) []Forecast {
	out := []Forecast{}
	for i := range r.Steps {
		s, p := &r.Steps[i], &r.Progress[i]
		if p.State != steer.StepRunning {
			continue
		}
		x := Forecast{Step: s.ID, Begun: p.StartedAt, Limit: p.StartedAt.Add(s.Limit.D())}
		switch {
		case s.Do.ByPerson():
			x.Waits, x.Why = s.Text, people(s, p)
		case s.Do.Outside():
			x.Waits, x.Why = awaitedOutside(s), fmt.Sprintf("attempt %d", p.Attempt)
		default:
			x.Waits, x.Why = s.Until, strings.Join(f.explain(s.Until, now), "; ")
			if due, ok := f.due(s, p, now); ok && due.Before(x.Limit) {
				x.Due = due
			}
		}
		out = append(out, x)
	}
	return out
}

func people(s *steer.Step, p *steer.StepProgress) string {
	who := "a person"
	if s.Role != "" {
		who = "a person with role " + string(s.Role)
	}
	if s.Do == steer.ActManual {
		return who + " ticks it off"
	}
	by := make([]string, len(p.Approvals))
	for i, a := range p.Approvals {
		by[i] = a.By
	}
	text := fmt.Sprintf("%d of %d approvals", len(by), max(1, s.People))
	if len(by) > 0 {
		text += ": " + strings.Join(by, ", ")
	}
	return text + "; next " + who
}

func awaitedOutside(s *steer.Step) string {
	switch s.Do {
	case steer.ActWebhook:
		return "the answer of the webhook"
	case steer.ActExec:
		return "the end of " + s.Command[0]
	case steer.ActEdge:
		return "the edge of " + s.Site
	case steer.ActStragglers:
		return "what the gate of " + s.Site + " says"
	}
	return "the softswitches' answers"
}

// maxForecast bounds how far a forecast goes: more things become due in no step.
const maxForecast = 200

// due lets time pass in the State, with nothing happening but what the clock
// brings, until the step's condition is true.
func (f *Facts) due(s *steer.Step, p *steer.StepProgress, now time.Time) (time.Time, bool) {
	if !p.TrueSince.IsZero() {
		return p.TrueSince.Add(s.Stays.D()), true
	}
	then := *f
	then.Left = maps.Clone(f.Left)
	at := now
	for range maxForecast {
		if yes, err := True(s.Until, &then); err == nil && yes {
			return at.Add(s.Stays.D()), true
		}
		next, ok := then.nextDue(at)
		if !ok || next.After(p.StartedAt.Add(s.Limit.D())) {
			return time.Time{}, false
		}
		at = next
		for _, c := range steer.Decide(then.State, steer.Input{Now: at, Settled: true, Offset: then.State.Offset}) {
			c.At = at
			if s, _, err := steer.Apply(then.State, c); err == nil {
				then.State = s
			}
		}
		for site, empty := range then.Empty { // any order: each sets its own
			if !empty.After(at) {
				then.Left[site] = 0
			}
		}
	}
	return time.Time{}, false
}

// nextDue is when the clock changes something next.
func (f *Facts) nextDue(after time.Time) (time.Time, bool) {
	next, ok := steer.NextDue(f.State, after)
	for _, t := range f.Empty { // any order: the earliest counts
		if t.After(after) && (!ok || t.Before(next)) {
			next, ok = t, true
		}
	}
	return next, ok
}
