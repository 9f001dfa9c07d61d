package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
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

func (a *app) writeRun(r *steer.Run, runs []steer.Run, p palette) {
	writeRun(a.streams.Out, r, runs, p, time.Now())
}

// writeRun shows where a run is. A step that takes longer than three of four
// earlier ones is pointed out.
func writeRun(w io.Writer, r *steer.Run, runs []steer.Run, p palette, now time.Time) {
	fmt.Fprintf(w, "%s %s: %s, by %s (%s)\n", p.bold(r.ID), r.Book, runWord(p, r.State), clean(r.Owner), clean(r.Reason))
	if r.Why != "" {
		fmt.Fprintf(w, "  %s\n", clean(r.Why))
	}
	rows := [][]string{{"STEP", "DOES", "STATE", "TOOK", ""}}
	all := steer.State{Runs: runs}
	for i, s := range r.Steps {
		x := r.Progress[i]
		var took, note string
		switch {
		case x.State == steer.StepRunning:
			lasts := now.Sub(x.StartedAt).Round(time.Second)
			took, note = lasts.String(), awaited(&s, x, now)
			if usual, ok := runbook.Usual(&all, r.Book, s.ID); ok && lasts > usual {
				note += p.warn(fmt.Sprintf("; slower than usual (%s)", usual.Round(time.Second)))
			}
		case !x.EndedAt.IsZero() && !x.StartedAt.IsZero():
			took, note = x.EndedAt.Sub(x.StartedAt).Round(100*time.Millisecond).String(), x.Detail
		default:
			note = x.Detail
		}
		rows = append(rows, []string{s.ID, does(&s), stepWord(p, x.State), took, clean(note)})
	}
	table(w, p, rows)
	if next := r.Next(); next != "" {
		fmt.Fprintf(w, "next: %s\n", next)
	}
}

func does(s *steer.Step) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", s.Do, s.Site, s.Transport))
}

// awaited says what a running step waits for, and until when.
func awaited(s *steer.Step, x steer.StepProgress, now time.Time) string {
	left := x.StartedAt.Add(s.Limit.D()).Sub(now).Round(time.Second)
	what := s.Until
	switch {
	case s.Do == steer.ActApprove || s.Do == steer.ActManual:
		what = s.Text
		if s.People > 1 {
			what = fmt.Sprintf("%s (%d of %d people)", s.Text, len(x.Approvals), s.People)
		}
	case !x.TrueSince.IsZero():
		what = fmt.Sprintf("%s, true for %s of %s", s.Until, now.Sub(x.TrueSince).Round(time.Second), s.Stays)
	case s.Do.Outside():
		what = fmt.Sprintf("attempt %d", x.Attempt)
	}
	return fmt.Sprintf("waits for: %s; at most %s more", what, max(0, left))
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

func (a *app) runbookWatchCmd() *cobra.Command {
	return &cobra.Command{
		Use: "watch RUN", Short: "Watch a run until it ends or needs a person", Args: exactArgs("RUN"),
		Long:    "Shows where a run is, again and again: on a terminal as a picture, else one line\nfor each change. Ends when the run has ended or waits for a person; exit code 0\nonly when it is done or undone.",
		Example: "  sipsteer runbook watch run-412",
		RunE:    run(func(cmd *cobra.Command, args []string) error { return a.watchRun(cmd.Context(), args[0]) }),
	}
}

// watchRun goes on when the agents cannot be reached: the leader may be changing.
func (a *app) watchRun(ctx context.Context, id string) error {
	tick := time.NewTicker(watchInterval / 4)
	defer tick.Stop()
	said := map[string]string{}
	for {
		r, runs, err := a.oneRun(ctx, id)
		var remote *api.Error
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &remote):
		case err != nil:
			return err
		default:
			a.showRun(r, runs, said)
			if !r.Live() || r.Next() != "" {
				return a.runEnded(r)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// showRun draws the run, or prints what is new of it.
func (a *app) showRun(r *steer.Run, runs []steer.Run, said map[string]string) {
	if terminal(a.streams.Out) && !a.json {
		fmt.Fprint(a.streams.Out, "\x1b[H\x1b[2J")
		a.writeRun(r, runs, palette{a.colours()})
		return
	}
	for i, s := range r.Steps {
		x := r.Progress[i]
		text := string(x.State)
		if x.Detail != "" {
			text += ": " + clean(x.Detail)
		}
		if said[s.ID] == text || x.State == steer.StepPending {
			continue
		}
		said[s.ID] = text
		if a.json {
			a.printLine(map[string]any{"run": r.ID, "step": s.ID, "state": x.State, "detail": x.Detail})
			continue
		}
		fmt.Fprintf(a.streams.Out, "%s %s %s\n", r.ID, s.ID, text)
	}
}

func (a *app) runEnded(r *steer.Run) error {
	if a.json {
		a.printLine(map[string]any{"run": r.ID, "state": r.State, "why": r.Why, "next": r.Next()})
	} else {
		fmt.Fprintf(a.streams.Out, "%s %s %s\n", r.ID, r.State, clean(r.Why))
	}
	if r.State == steer.RunDone || r.State == steer.RunUndone {
		return nil
	}
	if next := r.Next(); next != "" {
		fmt.Fprintf(a.streams.Err, "sipsteer: hint: %s\n", next)
	}
	return &exitError{1}
}
