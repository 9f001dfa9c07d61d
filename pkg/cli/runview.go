package cli

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func (a *app) line() string {
	line, _ := bufio.NewReader(a.streams.In).ReadString('\n')
	return strings.TrimSpace(line)
}

func runWord(p palette, s steer.RunState) string {
	switch s {
	case steer.RunDone:
		return p.good(string(s))
	case steer.RunStopped, steer.RunAborted:
		return p.bad(string(s))
	}
	return p.warn(string(s))
}

func stepWord(p palette, s steer.StepState) string {
	switch s {
	case steer.StepDone:
		return p.good("✓ done")
	case steer.StepFailed:
		return p.bad("✗ failed")
	case steer.StepRunning:
		return p.warn("▸ running")
	case steer.StepSkipped:
		return p.warn("– skipped")
	case steer.StepUndone:
		return p.warn("↶ undone")
	}
	return p.dim("  pending")
}

func (a *app) writeRun(v runView, p palette) { writeRun(a.streams.Out, v, p, time.Now()) }

// runView is a run with what is told beside it.
type runView struct {
	run       *steer.Run
	past      []steer.Run // for how long steps usually take
	forecasts []runbook.Forecast
}

// forecast finds what is expected of a step.
func (v runView) forecast(step string) (runbook.Forecast, bool) {
	for _, f := range v.forecasts {
		if f.Step == step {
			return f, true
		}
	}
	return runbook.Forecast{}, false
}

// writeRun shows where a run is. A step that takes longer than three of four
// earlier ones is pointed out; below a step under way stands what it waits for.
func writeRun(w io.Writer, v runView, p palette, now time.Time) {
	r := v.run
	fmt.Fprintf(w, "%s %s: %s, by %s (%s)\n", p.bold(r.ID), r.Book, runWord(p, r.State), clean(r.Owner), clean(r.Reason))
	if r.Why != "" {
		fmt.Fprintf(w, "  %s\n", clean(r.Why))
	}
	over := 0
	for _, x := range r.Progress {
		if x.State == steer.StepDone || x.State == steer.StepSkipped {
			over++
		}
	}
	fmt.Fprintf(w, "  %s %d of %d steps\n\n", bar(float64(over)/float64(max(1, len(r.Steps)))), over, len(r.Steps))
	rows := [][]string{{"STEP", "DOES", "STATE", "TOOK", ""}}
	all := steer.State{Runs: v.past}
	for i, s := range r.Steps {
		x := r.Progress[i]
		var took, note string
		switch {
		case x.State == steer.StepRunning:
			lasts := now.Sub(x.StartedAt).Round(time.Second)
			took, note = lasts.String(), left(v, &s, x, now)
			if usual, ok := runbook.Usual(&all, r.Book, s.ID); ok && lasts > usual {
				note += p.warn(fmt.Sprintf("; slower than usual (%s)", usual.Round(time.Second)))
			}
		case !x.EndedAt.IsZero() && !x.StartedAt.IsZero():
			took, note = x.EndedAt.Sub(x.StartedAt).Round(100*time.Millisecond).String(), clean(x.Detail)
		default:
			note = clean(x.Detail)
		}
		rows = append(rows, []string{s.ID, does(&s), stepWord(p, x.State), took, note})
	}
	table(w, p, rows)
	for i, s := range r.Steps {
		if r.Progress[i].State == steer.StepRunning {
			fmt.Fprintf(w, "%s waits for: %s\n", p.bold(s.ID), clean(awaited(v, &s, r.Progress[i], now)))
		}
	}
	if next := r.Next(); next != "" {
		fmt.Fprintf(w, "next: %s\n", next)
	}
}

// barWidth is the width of a progress bar, in cells.
const barWidth = 20

func bar(done float64) string {
	full := min(barWidth, int(done*barWidth))
	return strings.Repeat("█", full) + strings.Repeat("░", barWidth-full)
}

// left is how much of a step under way is over, and when it ends.
func left(v runView, s *steer.Step, x steer.StepProgress, now time.Time) string {
	most := max(0, x.StartedAt.Add(s.Limit.D()).Sub(now).Round(time.Second))
	f, _ := v.forecast(s.ID)
	done, ok := f.Done(now)
	if !ok {
		return fmt.Sprintf("at most %s more", most)
	}
	return fmt.Sprintf("%s %3.0f %%, about %s left, at most %s", bar(done), 100*done, max(0, f.Due.Sub(now).Round(time.Second)), most)
}

func does(s *steer.Step) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", s.Do, s.Site, s.Transport))
}

// awaited says what a running step waits for, and why that takes its time.
func awaited(v runView, s *steer.Step, x steer.StepProgress, now time.Time) string {
	what, why := s.Until, ""
	if f, ok := v.forecast(s.ID); ok {
		what, why = f.Waits, f.Why
	}
	if !x.TrueSince.IsZero() {
		why = fmt.Sprintf("true for %s of %s", now.Sub(x.TrueSince).Round(time.Second), s.Stays)
	}
	if why != "" {
		return what + " — " + why
	}
	return what
}

func writeRunPlan(w io.Writer, p palette, plan runbook.Plan) {
	fmt.Fprintf(w, "%s at epoch %d: %s\n\n", p.bold(plan.Procedure.Book), plan.Epoch, plan.Procedure.Summary)
	for _, q := range []struct {
		title string
		list  []runbook.Answer
	}{{"must be true", plan.Require}, {"goes back by itself if", plan.AbortIf}} {
		for _, c := range q.list {
			now := "no"
			if c.True {
				now = "yes"
			}
			fmt.Fprintf(w, "  %s: %s — now %s %s\n", q.title, c.Condition, now, p.warn(clean(c.Problem)))
		}
	}
	rows := [][]string{{"STEP", "DOES", "AFTER", "UNTIL", "LIMIT", "IF NOT", "UNDO"}}
	for _, s := range plan.Procedure.Steps {
		undo := ""
		if s.Undo != nil {
			undo = string(s.Undo.Do)
		}
		until := s.Until
		if s.Text != "" {
			until = strings.TrimSpace(until + " “" + clean(s.Text) + "”")
		}
		rows = append(rows, []string{s.ID, does(&s), dash(strings.Join(s.After, " ")), until, s.Limit.String(), dash(string(s.OnLimit)), dash(undo)})
	}
	table(w, p, rows)
	fmt.Fprintf(w, "\nat most %s in all\n", plan.AtMost)
	for _, r := range plan.Refusals {
		fmt.Fprintf(w, "%s %s would be refused now: %s\n", p.bad("refused"), r.Step, clean(r.Message))
		if r.Refusal != nil {
			fmt.Fprintf(w, "  next: %s\n", r.Refusal.Next)
		}
	}
}
