package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

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
	said := &saidOfRun{states: map[string]string{}, told: map[string]time.Time{}}
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
			a.showRun(runView{r, runs, a.forecasts(ctx, r)}, said)
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

// forecasts asks what the steps wait for; what is not known is not shown.
func (a *app) forecasts(ctx context.Context, r *steer.Run) []runbook.Forecast {
	cs, err := a.clients()
	if err != nil || r.State != steer.RunRunning {
		return nil
	}
	list, err := ask(ctx, cs, func(ctx context.Context, c *api.Client) ([]runbook.Forecast, error) { return c.RunForecasts(ctx, r.ID) })
	if err != nil {
		return nil
	}
	return list
}

// saidOfRun is what lines have told already.
type saidOfRun struct {
	states map[string]string    // by step
	told   map[string]time.Time // when it was last told what a step waits for
}

// tellAgain is how often a line says what a step waits for.
const tellAgain = 30 * time.Second

// showRun draws the run, or prints what is new of it: a line for each change,
// and now and then what a step waits for.
func (a *app) showRun(v runView, said *saidOfRun) {
	if terminal(a.streams.Out) && !a.json {
		fmt.Fprint(a.streams.Out, "\x1b[H\x1b[2J")
		a.writeRun(v, palette{a.colours()})
		return
	}
	now := time.Now()
	for i, s := range v.run.Steps {
		x := v.run.Progress[i]
		text := string(x.State)
		if x.Detail != "" {
			text += ": " + clean(x.Detail)
		}
		if said.states[s.ID] != text && x.State != steer.StepPending {
			said.states[s.ID] = text
			if a.json {
				a.printLine(map[string]any{"run": v.run.ID, "step": s.ID, "state": x.State, "detail": x.Detail})
			} else {
				fmt.Fprintf(a.streams.Out, "%s %s %s\n", v.run.ID, s.ID, text)
			}
		}
		if x.State == steer.StepRunning && now.Sub(said.told[s.ID]) >= tellAgain {
			said.told[s.ID] = now
			a.tellAwaited(v, &s, x, now)
		}
	}
}

func (a *app) tellAwaited(v runView, s *steer.Step, x steer.StepProgress, now time.Time) {
	f, ok := v.forecast(s.ID)
	switch {
	case a.json && ok:
		a.printLine(map[string]any{"run": v.run.ID, "step": s.ID, "waits": f.Waits, "why": f.Why, "due": f.Due, "limit": f.Limit})
	case !a.json:
		when := fmt.Sprintf("at most %s more", max(0, x.StartedAt.Add(s.Limit.D()).Sub(now).Round(time.Second)))
		if _, known := f.Done(now); known {
			when = fmt.Sprintf("about %s left, %s", max(0, f.Due.Sub(now).Round(time.Second)), when)
		}
		fmt.Fprintf(a.streams.Out, "%s %s waits for: %s; %s\n", v.run.ID, s.ID, clean(awaited(v, s, x, now)), when)
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
