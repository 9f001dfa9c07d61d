package runbook

import (
	"errors"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Plan is a runbook before it is run.
type Plan struct {
	Procedure *steer.Procedure `json:"procedure"`
	Epoch     uint64           `json:"epoch"`
	Require   []Answer         `json:"require"` // what must be true before it starts
	AbortIf   []Answer         `json:"abort_if"`
	Refusals  []StepRefusal    `json:"refusals"` // by the guards, as the fleet is now
	AtMost    fleet.Duration   `json:"at_most"`  // all limits, where steps wait for each other
}

// Answer is a condition with what it says now.
type Answer struct {
	Condition string `json:"condition"`
	True      bool   `json:"true"`
	Problem   string `json:"problem,omitempty"`
}

// StepRefusal is a step that a guard would refuse now.
type StepRefusal struct {
	Step    string         `json:"step"`
	Message string         `json:"message"`
	Refusal *steer.Refusal `json:"refusal,omitempty"`
}

// Ask answers conditions.
func Ask(conditions []string, f *Facts) []Answer {
	out := []Answer{}
	for _, c := range conditions {
		yes, err := True(c, f)
		a := Answer{Condition: c, True: yes}
		if err != nil {
			a.Problem = err.Error()
		}
		out = append(out, a)
	}
	return out
}

// Make plans a bound runbook: what its conditions say, and which steps the
// guards would refuse when they are done one after the other now.
func Make(p *steer.Procedure, f *Facts, now time.Time) Plan {
	out := Plan{Procedure: p, Epoch: f.State.Epoch, Refusals: []StepRefusal{}, AtMost: longest(p.Steps)}
	out.Require, out.AbortIf = Ask(p.Require, f), Ask(p.AbortIf, f)
	run := steer.Run{ID: "plan", Procedure: *p, Owner: "plan", Reason: "plan", Ends: true}
	s := f.State
	for i := range p.Steps {
		c, ok := p.Steps[i].Wish(&run)
		if !ok {
			continue
		}
		c.At = now
		next, _, err := steer.Apply(s, c)
		if err == nil {
			s = next
			continue
		}
		r := StepRefusal{Step: p.Steps[i].ID, Message: err.Error()}
		_ = errors.As(err, &r.Refusal)
		out.Refusals = append(out.Refusals, r)
	}
	return out
}

// longest is the longest way through the limits.
func longest(steps []steer.Step) fleet.Duration {
	end := make([]fleet.Duration, len(steps))
	var most fleet.Duration
	for range steps { // each round settles at least one more step
		for i, s := range steps {
			var begin fleet.Duration
			for _, id := range s.After {
				if j := slices.IndexFunc(steps, func(o steer.Step) bool { return o.ID == id }); j >= 0 {
					begin = max(begin, end[j])
				}
			}
			end[i] = begin + s.Limit
			most = max(most, end[i])
		}
	}
	return most
}

// slowAfter is how many earlier runs it takes to say that a step is slow.
const slowAfter = 4

// Refused is the refusal of a runbook whose conditions are not true now; nil
// when they are.
func Refused(p *steer.Procedure, f *Facts) *steer.Refusal {
	for _, a := range Ask(p.Require, f) {
		if a.True {
			continue
		}
		value := "not true"
		if a.Problem != "" {
			value = a.Problem
		}
		return &steer.Refusal{
			Rule: steer.RuleRequire, Hard: true, Text: "runbook " + p.Book + " does not start: " + a.Condition, Value: value, Limit: "true",
			Next: "sipsteer status   # then again; sipsteer runbook plan " + p.Book + " shows all of its conditions",
		}
	}
	return nil
}

// Usual is the 75th percentile of how long a step took in earlier runs of the
// book; false when there are too few.
func Usual(s *steer.State, book, step string) (time.Duration, bool) {
	var took []time.Duration
	for i := range s.Runs {
		r := &s.Runs[i]
		k := r.Step(step)
		if r.Book != book || k < 0 || r.Progress[k].State != steer.StepDone {
			continue
		}
		took = append(took, r.Progress[k].EndedAt.Sub(r.Progress[k].StartedAt))
	}
	if len(took) < slowAfter {
		return 0, false
	}
	slices.Sort(took)
	return took[(len(took)*3+3)/4-1], true
}
