package steer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// defaultFor is how long a drain or hold of a runbook lasts when it does not say.
const defaultFor = fleet.Duration(2 * time.Hour)

// moveRun carries out what the leader found: whether a step may begin, is done,
// is late. A move that does not fit any more, because another leader made it
// first, does nothing: that is how an effect happens once.
func (t *transition) moveRun(r *Run, c *RunChange) error {
	if c.Step == "" {
		return t.moveWhole(r, c)
	}
	i := r.Step(c.Step)
	if i < 0 {
		return &Invalid{Field: "step", Message: fmt.Sprintf("%s has no step %q", r.ID, c.Step)}
	}
	p, running := &r.Progress[i], r.State == RunRunning
	switch {
	case c.To == MoveBegin && running && p.State == StepPending && r.Ready(i):
		t.begin(r, i)
	case c.To == MoveBegin && running && p.State == StepRunning && r.Steps[i].Do.Outside() && c.Attempt == p.Attempt+1:
		p.Attempt = c.Attempt // a new leader, or a second try
	case c.To == MoveDone && running && p.State == StepPending && r.Ready(i):
		p.StartedAt = t.Now
		t.finish(r, i, StepDone, c.Detail)
	case c.To == MoveDone && p.State == StepRunning:
		t.finish(r, i, StepDone, c.Detail)
	case c.To == MoveFail && (p.State == StepRunning || p.State == StepPending):
		t.fail(r, i, c.Detail)
	case c.To == MoveTrue && p.State == StepRunning && p.TrueSince.IsZero():
		p.TrueSince = t.Now
	case c.To == MoveFalse && p.State == StepRunning:
		p.TrueSince = time.Time{}
	case c.To == MoveLate && running && p.State == StepRunning && !t.Now.Before(p.StartedAt.Add(r.Steps[i].Limit.D())):
		t.fail(r, i, "not done within "+r.Steps[i].Limit.String())
	case c.To == MoveRevert && r.State == RunUndoing && p.State == StepDone:
		t.revert(r, i)
	}
	return nil
}

func (t *transition) moveWhole(r *Run, c *RunChange) error {
	defer t.practised(r)
	switch {
	case c.To == MoveUndo && r.State == RunRunning:
		r.State, r.Why = RunUndoing, c.Detail
		t.runEvent(r, "undoing", fmt.Sprintf("%s: taken back by itself: %s", r.ID, c.Detail))
	case c.To == MoveStop && r.State == RunRunning:
		r.State, r.Why = RunStopped, c.Detail
		t.runEvent(r, "stopped", fmt.Sprintf("%s: stopped: %s; next: %s", r.ID, c.Detail, r.Next()))
	case c.To == MoveEnd && r.State == RunRunning && r.finished():
		r.State, r.EndedAt = RunDone, t.Now
		t.runEvent(r, "done", fmt.Sprintf("%s: runbook %s done in %s", r.ID, r.Book, t.Now.Sub(r.StartedAt).Round(time.Second)))
	case c.To == MoveEnd && r.State == RunUndoing && r.NextRevert() < 0:
		r.State, r.EndedAt = RunUndone, t.Now
		t.runEvent(r, "undone", fmt.Sprintf("%s: runbook %s taken back", r.ID, r.Book))
	}
	return nil
}

func (r *Run) finished() bool {
	return !slices.ContainsFunc(r.Progress, func(p StepProgress) bool { return p.State != StepDone && p.State != StepSkipped })
}

// NextRevert is the step that is taken back next: the one that ended last among
// those that are done and can be taken back; -1 when there is none.
func (r *Run) NextRevert() int {
	last := -1
	for i, p := range r.Progress {
		if p.State == StepDone && r.Steps[i].Undo != nil && (last < 0 || !p.EndedAt.Before(r.Progress[last].EndedAt)) {
			last = i
		}
	}
	return last
}

// begin starts a step. What changes the State happens here, in the same
// command that notes it: there is no moment in between at which a leader could
// die.
func (t *transition) begin(r *Run, i int) {
	s, p := &r.Steps[i], &r.Progress[i]
	p.State, p.StartedAt, p.Attempt = StepRunning, t.Now, p.Attempt+1
	t.runEvent(r, "begun", fmt.Sprintf("%s: %s (%s) begun", r.ID, s.ID, s.Do))
	if s.Do.ByPerson() {
		t.runEvent(r, "asks", asks(r, s))
	}
	if !s.Do.Inside() {
		return
	}
	if s.Do == ActNotify {
		t.event(EventNotify, Event{Run: r.ID, Site: fleet.SiteID(s.Site), Reason: s.Text, Text: s.Text})
		t.finish(r, i, StepDone, "")
		return
	}
	c, err := s.command(r)
	if err == nil {
		err = t.perform(c)
	}
	switch {
	case err != nil:
		t.fail(r, i, err.Error())
	case s.Until == "":
		t.finish(r, i, StepDone, "")
	}
}

// asks says what a step wants of people, and by which command.
func asks(r *Run, s *Step) string {
	who := plural(max(1, s.People), "person")
	if s.Role != "" {
		who += " with role " + string(s.Role)
	}
	return fmt.Sprintf("%s: %s asks %s: %s; sipsteer runbook approve %s %s", r.ID, s.ID, who, s.Text, r.ID, s.ID)
}

// perform carries out a command inside this one, whole or not at all.
func (t *transition) perform(c Command) error {
	saved, before, said, decided := t.cmd, t.State, len(t.events), t.decided
	t.cmd = c
	err := t.run()
	if err != nil {
		refused := t.refusalEvents(err)
		t.State, t.decided = before, decided
		t.events = append(t.events[:said:said], refused...)
	}
	t.cmd = saved
	return err
}

// command is what the step does to the State.
func (s *Step) command(r *Run) (Command, error) {
	return wish(*s, r)
}

func (u *Undo) command(s *Step, r *Run) (Command, error) {
	return wish(Step{
		Do: u.Do, Site: cmp.Or(u.Site, s.Site), Service: cmp.Or(u.Service, s.Service), Transport: cmp.Or(u.Transport, s.Transport),
		Cohort: cmp.Or(u.Cohort, s.Cohort), Pace: u.Pace, Now: u.Now, For: s.For,
	}, r)
}

// wish is the command of what a step does, or of what takes it back.
func wish(does Step, r *Run) (c Command, err error) {
	c = Command{
		Kind: Kind(does.Do), By: r.Owner, Reason: "runbook " + r.Book + ": " + r.Reason, For: defaultFor, Override: does.Override,
		Site: fleet.SiteID(does.Site), Service: fleet.ServiceID(does.Service), Now: does.Now,
	}
	if does.For != "" {
		if err := c.For.UnmarshalText([]byte(does.For)); err != nil {
			return c, &Invalid{Field: "for", Message: err.Error()}
		}
	}
	if does.Do == ActFailover && does.For != "" && r.Ends {
		c.Version = versionEnds
	}
	c.Maintenance = r.Maintenance && does.Do == ActDrain
	if does.Transport != "" {
		if c.Transport, err = fleet.ParseTransport(does.Transport); err != nil {
			return c, &Invalid{Field: "transport", Message: err.Error()}
		}
	}
	if does.Do == ActHold || does.Do == ActRelease {
		return c, nil // about services, and the cohort of a step that they take back is none of theirs
	}
	if c.Cohort, err = ParseWhom(does.Cohort); err != nil {
		return c, &Invalid{Field: "cohort", Message: err.Error()}
	}
	if c.Pace, err = ParsePace(does.Pace); err != nil {
		return c, &Invalid{Field: "pace", Message: err.Error()}
	}
	return c, nil
}

// finish ends a step well.
func (t *transition) finish(r *Run, i int, to StepState, detail string) {
	p := &r.Progress[i]
	p.State, p.EndedAt, p.Detail = to, t.Now, detail
	if to == StepDone {
		text := fmt.Sprintf("%s: %s done", r.ID, r.Steps[i].ID)
		if detail != "" {
			text += ": " + detail
		}
		t.runEvent(r, "step-done", text)
	}
}

// fail ends a step badly, and goes on as the step says.
func (t *transition) fail(r *Run, i int, why string) {
	p := &r.Progress[i]
	p.State, p.EndedAt, p.Detail = StepFailed, t.Now, why
	text := fmt.Sprintf("%s: %s failed: %s", r.ID, r.Steps[i].ID, why)
	switch r.Steps[i].OnLimit {
	case LimitSkip:
		p.State = StepSkipped
		t.runEvent(r, "step-skipped", text+"; left out, as the runbook says")
		return
	case LimitUndo:
		r.State, r.Why = RunUndoing, r.Steps[i].ID+": "+why
		t.runEvent(r, "undoing", text+"; all that was done is taken back, as the runbook says")
		return
	}
	r.State, r.Why = RunStopped, r.Steps[i].ID+": "+why
	t.runEvent(r, "stopped", text+"; next: "+r.Next())
	t.practised(r)
}

// revert takes one step back.
func (t *transition) revert(r *Run, i int) {
	s, p := &r.Steps[i], &r.Progress[i]
	if s.Undo == nil {
		return
	}
	c, err := s.Undo.command(s, r)
	if err == nil {
		err = t.perform(c)
	}
	if err != nil {
		var refusal *Refusal
		p.Detail = "cannot be taken back: " + err.Error()
		r.State, r.Why = RunStopped, s.ID+": "+p.Detail
		next := "sipsteer runbook undo " + r.ID
		if errors.As(err, &refusal) {
			next = refusal.Next + "; then: " + next
		}
		t.runEvent(r, "stopped", fmt.Sprintf("%s: %s %s; next: %s", r.ID, s.ID, p.Detail, next))
		return
	}
	p.State, p.EndedAt = StepUndone, t.Now
	t.runEvent(r, "step-undone", strings.TrimSpace(fmt.Sprintf("%s: %s taken back by %s %s", r.ID, s.ID, c.Kind, c.Site)))
}

// Wish is what the step would do to the State; false when it does nothing to it.
func (s *Step) Wish(r *Run) (Command, bool) {
	if !s.Do.Inside() || s.Do == ActNotify {
		return Command{}, false
	}
	c, err := s.command(r)
	return c, err == nil
}
