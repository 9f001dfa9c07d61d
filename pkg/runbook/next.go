package runbook

import (
	"fmt"
	"time"

	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Errand is something outside that the leader has to do for a step, once it is
// noted that it begins. Key is the same for every attempt.
type Errand struct {
	Run, Step, Key string
	Attempt        int
	What           steer.Step
}

// Next returns the moves that a leader proposes now for all runs under way.
// known reports whether this leader itself has the errand in hand;
// one that is noted as begun and that nobody has in hand was left by a leader
// that is gone.
//
// A condition that cannot be answered now, because a gate cannot be asked,
// counts as not true yet: the limit of the step decides.
func Next(f *Facts, now time.Time, known func(key string) bool) []steer.Command {
	var moves []steer.Command
	for i := range f.State.Runs {
		r := &f.State.Runs[i]
		e := &engine{facts: f, now: now, run: r, known: known}
		switch r.State {
		case steer.RunRunning:
			e.forward()
		case steer.RunUndoing:
			e.backward()
		default:
			continue
		}
		moves = append(moves, e.moves...)
	}
	return moves
}

// engine looks at one run.
type engine struct {
	facts *Facts
	now   time.Time
	run   *steer.Run
	known func(string) bool
	moves []steer.Command
}

func (e *engine) move(step string, to steer.RunMove, attempt int, detail string) {
	e.moves = append(e.moves, steer.Command{
		Version: 1, Kind: steer.KindRunMove, At: e.now, By: steer.AutomationOwner,
		Run: &steer.RunChange{ID: e.run.ID, Step: step, To: to, Attempt: attempt, Detail: detail},
	})
}

func (e *engine) forward() {
	for _, c := range e.run.AbortIf {
		if yes, err := True(c, e.facts); err == nil && yes {
			e.move("", steer.MoveUndo, 0, "abort_if "+c)
			return
		}
	}
	open := false
	for i := range e.run.Steps {
		p := e.run.Progress[i]
		switch {
		case p.State == steer.StepPending && e.run.Ready(i):
			e.start(i)
			open = true
		case p.State == steer.StepRunning:
			e.follow(i)
			open = true
		case p.State != steer.StepDone && p.State != steer.StepSkipped:
			open = true
		}
	}
	if !open {
		e.end()
	}
}

// start begins a step whose turn it is, unless it is true already.
func (e *engine) start(i int) {
	s := &e.run.Steps[i]
	if s.Require != "" {
		if yes, err := True(s.Require, e.facts); err != nil {
			e.move(s.ID, steer.MoveFail, 0, err.Error())
			return
		} else if !yes {
			e.move(s.ID, steer.MoveFail, 0, "its condition is not true: "+s.Require)
			return
		}
	}
	if s.Until != "" && s.Stays == 0 && !s.Do.ByPerson() {
		if yes, err := True(s.Until, e.facts); err == nil && yes {
			e.move(s.ID, steer.MoveDone, 0, "true already: "+s.Until)
			return
		} else if s.Do == steer.ActVerify {
			e.move(s.ID, steer.MoveFail, 0, verdict(s.Until, err))
			return
		}
	}
	e.move(s.ID, steer.MoveBegin, e.run.Progress[i].Attempt+1, "")
}

func verdict(condition string, err error) string {
	if err != nil {
		return err.Error()
	}
	return "not true: " + condition
}

// follow looks whether a step that has begun is done or late.
func (e *engine) follow(i int) {
	s, p := &e.run.Steps[i], e.run.Progress[i]
	if s.Do.Outside() {
		e.outside(i)
		return
	}
	if s.Until != "" {
		yes, err := True(s.Until, e.facts)
		switch {
		case s.Do == steer.ActVerify && !yes:
			e.move(s.ID, steer.MoveFail, 0, verdict(s.Until, err))
			return
		case yes && s.Stays == 0, yes && !p.TrueSince.IsZero() && !e.now.Before(p.TrueSince.Add(s.Stays.D())):
			e.move(s.ID, steer.MoveDone, 0, "")
			return
		case yes && p.TrueSince.IsZero():
			e.move(s.ID, steer.MoveTrue, 0, "")
			return
		case !yes && !p.TrueSince.IsZero():
			e.move(s.ID, steer.MoveFalse, 0, "")
			return
		}
	}
	if !e.now.Before(p.StartedAt.Add(s.Limit.D())) {
		e.move(s.ID, steer.MoveLate, 0, "")
	}
}

// outside follows a step that the leader does. One that a former leader had in
// hand is asked first whether it is true already; a webhook is then sent again
// with the same key and parity asked again; a program is never started twice by
// itself, nor an edge told twice.
func (e *engine) outside(i int) {
	s, p := &e.run.Steps[i], e.run.Progress[i]
	key := fmt.Sprintf("%s#%d", e.run.Key(i), p.Attempt)
	if e.known(key) {
		return
	}
	if s.Until != "" {
		if yes, err := True(s.Until, e.facts); err == nil && yes {
			e.move(s.ID, steer.MoveDone, 0, "true already: "+s.Until)
			return
		}
	}
	switch {
	case !s.Do.Repeatable():
		e.move(s.ID, steer.MoveFail, 0, "the leader was lost while it was done: look whether it has done its work, then skip the step or try it again")
	case p.Attempt >= s.Tries:
		e.move(s.ID, steer.MoveFail, 0, fmt.Sprintf("not done after %d tries", p.Attempt))
	default:
		e.move(s.ID, steer.MoveBegin, p.Attempt+1, "")
	}
}

// Errands returns what has to be done outside after moves were applied: the
// steps that these moves have begun.
func Errands(s *steer.State, moves []steer.Command) []Errand {
	var out []Errand
	for _, m := range moves {
		if m.Kind != steer.KindRunMove || m.Run.To != steer.MoveBegin {
			continue
		}
		r := s.Run(m.Run.ID)
		if r == nil {
			continue
		}
		i := r.Step(m.Run.Step)
		if i < 0 || !r.Steps[i].Do.Outside() || r.Progress[i].State != steer.StepRunning || r.Progress[i].Attempt != m.Run.Attempt {
			continue
		}
		out = append(out, Errand{Run: r.ID, Step: r.Steps[i].ID, Key: fmt.Sprintf("%s#%d", r.Key(i), m.Run.Attempt), Attempt: m.Run.Attempt, What: r.Steps[i]})
	}
	return out
}

// end closes a run when what it promises at the end is true.
func (e *engine) end() {
	for _, c := range e.run.Finally {
		if yes, err := True(c, e.facts); err != nil || !yes {
			e.move("", steer.MoveStop, 0, "at the end "+verdict(c, err))
			return
		}
	}
	e.move("", steer.MoveEnd, 0, "")
}

func (e *engine) backward() {
	if i := e.run.NextRevert(); i >= 0 {
		e.move(e.run.Steps[i].ID, steer.MoveRevert, 0, "")
		return
	}
	e.move("", steer.MoveEnd, 0, "")
}
