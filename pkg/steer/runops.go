package steer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// runCommand carries out what people say of runs.
func (t *transition) runCommand() error {
	c := t.cmd.Run
	if c == nil {
		return &Invalid{Field: "run", Message: "the command names no run"}
	}
	if strings.TrimSpace(t.cmd.By) == "" {
		return &Invalid{Field: "by", Message: "nobody is named as the owner", Hint: "give --owner NAME"}
	}
	if t.cmd.Kind == KindRunStart {
		return t.startRun(c)
	}
	i := slices.IndexFunc(t.Runs, func(r Run) bool { return r.ID == c.ID })
	if i < 0 {
		return &Invalid{Field: "run", Message: fmt.Sprintf("no run is called %q", c.ID), Hint: "sipsteer runbook list   # shows the runs"}
	}
	r := t.ownRun(i)
	switch t.cmd.Kind {
	case KindRunMove:
		return t.moveRun(r, c)
	case KindRunApprove:
		return t.approveStep(r, c)
	case KindRunSkip:
		return t.skipStep(r, c)
	case KindRunPause:
		return t.turn(r, RunPaused, RunRunning)
	case KindRunResume:
		return t.resumeRun(r)
	case KindRunAbort:
		return t.turn(r, RunAborted, RunRunning, RunPaused, RunStopped, RunUndoing)
	}
	return t.turn(r, RunUndoing, RunRunning, RunPaused, RunStopped, RunAborted, RunDone)
}

// ownRun returns a run that may be written to: the State from before keeps its
// own.
func (t *transition) ownRun(i int) *Run {
	t.Runs = slices.Clone(t.Runs)
	t.Runs[i].Progress = slices.Clone(t.Runs[i].Progress)
	return &t.Runs[i]
}

func (t *transition) startRun(c *RunChange) error {
	p := c.Procedure
	switch {
	case p == nil || len(p.Steps) == 0:
		return &Invalid{Field: "runbook", Message: "the runbook has no steps"}
	case len(p.Steps) > MaxSteps:
		return &Invalid{Field: "runbook", Message: fmt.Sprintf("%d steps, at most %d", len(p.Steps), MaxSteps), Hint: "split it into two runbooks"}
	}
	if err := t.ownerAndReason(); err != nil {
		return err
	}
	for _, s := range p.Sites {
		if t.Fleet.Site(s) == nil {
			return &Invalid{Field: "site", Message: fmt.Sprintf("no site is called %q", s), Hint: "one of " + joined(t.Fleet.SiteIDs())}
		}
	}
	if r := t.guardOneRun(p.Sites); r != nil {
		return r
	}
	if r := t.guardRoles(p); r != nil {
		return r
	}
	if r := t.guardDrill(p); r != nil {
		return r
	}
	r := Run{ID: fmt.Sprintf("run-%d", t.Revision), Procedure: *p, State: RunRunning, Owner: t.cmd.By, Reason: t.cmd.Reason, StartedAt: t.Now, Progress: make([]StepProgress, len(p.Steps))}
	r.Ends = t.cmd.Version >= versionEnds && endsFailover(p)
	r.Maintenance = t.cmd.Maintenance
	for i := range r.Progress {
		r.Progress[i].State = StepPending
	}
	t.Runs = append(slices.Clone(t.Runs), r)
	for len(t.Runs) > MaxRuns {
		i := max(0, slices.IndexFunc(t.Runs, func(r Run) bool { return !r.Live() }))
		t.Runs = slices.Delete(t.Runs, i, i+1)
	}
	t.runEvent(&r, "started", fmt.Sprintf("%s: runbook %s started, %s", r.ID, r.Book, plural(len(r.Steps), "step")))
	return nil
}

// guardOneRun: two runbooks on one site would undo each other's work.
func (t *transition) guardOneRun(sites []fleet.SiteID) error {
	live := 0
	for i := range t.Runs {
		r := &t.Runs[i]
		if !r.Live() {
			continue
		}
		live++
		for _, s := range r.Sites {
			if slices.Contains(sites, s) {
				return &Refusal{
					Rule: RuleOneRun, Hard: true, Text: fmt.Sprintf("%s (%s, by %s) works at %s", r.ID, r.Book, r.Owner, s),
					Value: "1 run at " + string(s), Limit: "1", Next: "sipsteer runbook watch " + r.ID + "   # or end it: sipsteer runbook abort " + r.ID,
				}
			}
		}
	}
	if live >= MaxLive {
		return &Refusal{
			Rule: RuleOneRun, Hard: true, Text: "too many runbooks are under way", Value: fmt.Sprint(live), Limit: fmt.Sprint(MaxLive),
			Next: "sipsteer runbook list   # shows the runs",
		}
	}
	return nil
}

// approveStep takes one person's yes, or the tick of a manual step.
func (t *transition) approveStep(r *Run, c *RunChange) error {
	i := r.Step(c.Step)
	if i < 0 || !r.Steps[i].Do.ByPerson() {
		return &Invalid{Field: "step", Message: fmt.Sprintf("%s has no step %q that waits for a person", r.ID, c.Step), Hint: "sipsteer runbook show " + r.ID}
	}
	p := &r.Progress[i]
	switch {
	case p.State == StepDone:
		return nil // repeated: harmless
	case r.State != RunRunning || p.State != StepRunning:
		return &Invalid{Field: "step", Message: fmt.Sprintf("%s does not wait for %s now: the run is %s, the step %s", r.ID, c.Step, r.State, p.State), Hint: nextOr(r, "sipsteer runbook watch "+r.ID)}
	case slices.ContainsFunc(p.Approvals, func(a Approval) bool { return person(a.By) == person(t.cmd.By) }):
		return &Refusal{
			Rule: RuleApproval, Hard: true, Text: fmt.Sprintf("%s has approved %s already; another person has to", t.cmd.By, c.Step),
			Value: plural(len(p.Approvals), "person"), Limit: fmt.Sprintf("%d different people", max(1, r.Steps[i].People)),
			Next: "sipsteer runbook approve " + r.ID + " " + c.Step + "   # typed by another person",
		}
	}
	if r := t.guardRole(&r.Steps[i]); r != nil {
		return r
	}
	p.Approvals = append(slices.Clone(p.Approvals), Approval{By: t.cmd.By, At: t.Now})
	need := 1
	if r.Steps[i].Do == ActApprove {
		need = max(1, r.Steps[i].People)
	}
	t.runEvent(r, "approved", fmt.Sprintf("%s: %s approved %s (%d of %d)", r.ID, t.cmd.By, c.Step, len(p.Approvals), need))
	if len(p.Approvals) >= need {
		t.finish(r, i, StepDone, c.Detail)
	}
	return nil
}

// person is who typed a command: a name that an authenticated caller only claims
// ("bob via alice") makes nobody a second person.
func person(by string) string {
	if i := strings.LastIndex(by, " via "); i >= 0 {
		return by[i+len(" via "):]
	}
	return by
}

func nextOr(r *Run, other string) string {
	if n := r.Next(); n != "" {
		return n
	}
	return other
}

func (t *transition) skipStep(r *Run, c *RunChange) error {
	i := r.Step(c.Step)
	switch {
	case i < 0:
		return &Invalid{Field: "step", Message: fmt.Sprintf("%s has no step %q", r.ID, c.Step), Hint: "sipsteer runbook show " + r.ID}
	case strings.TrimSpace(t.cmd.Reason) == "":
		return &Invalid{Field: "reason", Message: "a reason is required to leave a step out", Hint: `add --reason "why it is not needed"`}
	case !r.Live() || r.State == RunUndoing || r.Progress[i].State == StepDone:
		return &Invalid{Field: "step", Message: fmt.Sprintf("%s cannot be skipped: the run is %s, the step %s", c.Step, r.State, r.Progress[i].State), Hint: nextOr(r, "sipsteer runbook show "+r.ID)}
	}
	if refusal := t.guardSkip(r, i); refusal != nil {
		return refusal
	}
	t.finish(r, i, StepSkipped, "skipped by "+t.cmd.By+": "+t.cmd.Reason)
	t.runEvent(r, "skipped", fmt.Sprintf("%s: %s skipped %s: %s", r.ID, t.cmd.By, c.Step, t.cmd.Reason))
	if r.State == RunStopped && !slices.ContainsFunc(r.Progress, func(p StepProgress) bool { return p.State == StepFailed }) {
		r.State, r.Why = RunRunning, ""
	}
	return nil
}

// resumeRun lets a run go on; steps that failed are tried again.
func (t *transition) resumeRun(r *Run) error {
	if err := t.turn(r, RunRunning, RunPaused, RunStopped); err != nil {
		return err
	}
	r.Why = ""
	for i := range r.Progress {
		if p := &r.Progress[i]; p.State == StepFailed {
			*p = StepProgress{State: StepPending, Attempt: p.Attempt}
		}
	}
	return nil
}

// turn changes the state of a run that is in one of those named.
func (t *transition) turn(r *Run, to RunState, from ...RunState) error {
	if r.State == to {
		return nil // repeated: harmless
	}
	if !slices.Contains(from, r.State) {
		return &Invalid{Field: "run", Message: fmt.Sprintf("%s is %s and cannot become %s", r.ID, r.State, to), Hint: nextOr(r, "sipsteer runbook show "+r.ID)}
	}
	was := r.State
	r.State, r.EndedAt = to, time.Time{}
	if to == RunAborted {
		r.EndedAt = t.Now
	}
	if t.cmd.Reason != "" {
		r.Why = t.cmd.By + ": " + t.cmd.Reason
	}
	defer t.practised(r)
	if to == RunAborted || to == RunUndoing {
		r.EndedBy = t.cmd.By
	}
	t.runEvent(r, string(to), fmt.Sprintf("%s: %s, was %s, by %s", r.ID, to, was, t.cmd.By))
	return nil
}

// runEvent tells something of a run. Its sites are named by the first of them.
func (t *transition) runEvent(r *Run, word, text string) {
	e := Event{Run: r.ID, Word: word, Text: text}
	if len(r.Sites) > 0 {
		e.Site = r.Sites[0]
	}
	t.event(EventRun, e)
}
