package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func (a *app) runbookCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "runbook", Short: "Carry out procedures that survive the leader's death",
		Long: `A runbook is a file of steps: drain, wait until a condition is true, ask for
approval, tell people, and so on. The agents carry it out: its position is
replicated, a new leader goes on where the old one died, and each step happens
once. Nothing is left half-done without the next command being named.`,
		Example: `  sipsteer runbook list
  sipsteer runbook plan evacuate-site --set site=calgary
  sipsteer runbook run evacuate-site --set site=calgary --reason "kernel update" --yes`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Sprintf("unknown command %q for runbook", args[0]), "sipsteer runbook --help   # lists them"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.runbookListCmd(), a.runbookShowCmd(), a.runbookCheckCmd(), a.runbookConditionsCmd(), a.runbookPlanCmd(), a.runbookRunCmd(), a.runbookWatchCmd(), a.runbookSaveCmd(), a.runbookRemoveCmd())
	for _, v := range runVerbs() {
		c.AddCommand(a.runVerbCmd(v))
	}
	return c
}

// writeJSON prints v when --json was given and reports whether it did.
func (a *app) writeJSON(v any) bool {
	if a.json {
		a.printJSON(v)
	}
	return a.json
}

func (a *app) runbookListCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the runbooks that come with the program, those of the fleet, and the runs", Args: exactArgs(), Example: "  sipsteer runbook list",
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			p := palette{a.colours()}
			var books []*runbook.Book
			rows := [][]string{{"RUNBOOK", "VALUES", "WHEN"}}
			for _, name := range runbook.Builtin() {
				b, _, err := config.BuiltinRunbook(name)
				if err != nil {
					return err
				}
				books = append(books, b)
				var values []string
				for _, v := range b.Values {
					values = append(values, v.Name)
				}
				rows = append(rows, []string{b.Name, dash(strings.Join(values, " ")), b.Summary})
			}
			runs, err := a.runs(cmd.Context())
			var usage *usageError
			if errors.As(err, &usage) {
				runs, err = nil, nil // no agents to ask: the list of books still helps
			}
			if err != nil {
				return err
			}
			saved, rows := a.savedRows(cmd.Context(), rows)
			if a.writeJSON(map[string]any{"runbooks": books, "saved": saved, "runs": append([]steer.Run{}, runs...)}) {
				return nil
			}
			table(a.streams.Out, p, rows)
			if len(runs) == 0 {
				return nil
			}
			fmt.Fprintln(a.streams.Out)
			rows = [][]string{{"RUN", "RUNBOOK", "STATE", "STEPS", "BY", "NEXT"}}
			for i := range runs {
				r := &runs[i]
				done := 0
				for _, s := range r.Progress {
					if s.State == steer.StepDone || s.State == steer.StepSkipped {
						done++
					}
				}
				rows = append(rows, []string{r.ID, r.Book, runWord(p, r.State), fmt.Sprintf("%d/%d", done, len(r.Steps)), clean(r.Owner), r.Next()})
			}
			table(a.streams.Out, p, rows)
			return nil
		}),
	}
}

func (a *app) runs(ctx context.Context) ([]steer.Run, error) {
	cs, err := a.clients()
	if err != nil {
		return nil, err
	}
	return ask(ctx, cs, func(ctx context.Context, c *api.Client) ([]steer.Run, error) { return c.Runs(ctx) })
}

// oneRun finds a run.
func (a *app) oneRun(ctx context.Context, id string) (*steer.Run, []steer.Run, error) {
	runs, err := a.runs(ctx)
	if err != nil {
		return nil, nil, err
	}
	s := steer.State{Runs: runs}
	if r := s.Run(id); r != nil {
		return r, runs, nil
	}
	return nil, nil, &usageError{fmt.Sprintf("no run is called %q", id), "sipsteer runbook list   # shows the runs"}
}

func (a *app) runbookShowCmd() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME|FILE|RUN", Short: "Show a runbook's file, or where a run is", Args: exactArgs("NAME"),
		Example: "  sipsteer runbook show failback\n  sipsteer runbook show run-412",
		RunE: run(func(cmd *cobra.Command, args []string) error {
			if strings.HasPrefix(args[0], "run-") {
				r, runs, err := a.oneRun(cmd.Context(), args[0])
				if err != nil || a.writeJSON(r) {
					return err
				}
				a.writeRun(runView{r, runs, a.forecasts(cmd.Context(), r)}, palette{a.colours()})
				return nil
			}
			b, text, err := a.book(cmd.Context(), args[0])
			if err != nil || a.writeJSON(b) {
				return err
			}
			fmt.Fprint(a.streams.Out, string(text))
			return nil
		}),
	}
}

func (a *app) runbookCheckCmd() *cobra.Command {
	return &cobra.Command{
		Use: "check FILE", Short: "Check a runbook file", Args: exactArgs("FILE"), Example: "  sipsteer runbook check runbooks/nightly.yaml",
		RunE: run(func(cmd *cobra.Command, args []string) error {
			b, _, err := a.book(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if !a.writeJSON(map[string]any{"name": b.Name, "steps": len(b.Steps), "values": len(b.Values)}) {
				fmt.Fprintf(a.streams.Out, "%s: %d steps, %d values, ok\n", b.Name, len(b.Steps), len(b.Values))
			}
			return nil
		}),
	}
}

func (a *app) runbookConditionsCmd() *cobra.Command {
	return &cobra.Command{
		Use: "conditions", Short: "List the words of conditions", Args: exactArgs(), Example: "  sipsteer runbook conditions",
		Long: "Conditions are written with these words and with and, or, not, ==, !=, <, <=, >, >=\nand brackets. Names of sites, services and transports stand in quotes.",
		RunE: run(func(*cobra.Command, []string) error {
			if a.writeJSON(runbook.Words()) {
				return nil
			}
			var rows [][]string
			rows = append(rows, []string{"WORD", "SAYS"})
			for _, w := range runbook.Words() {
				rows = append(rows, []string{w.Form, w.Says})
			}
			table(a.streams.Out, palette{a.colours()}, rows)
			return nil
		}),
	}
}

// sets reads --set name=value.
func sets(list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, s := range list {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" {
			return nil, &usageError{fmt.Sprintf("--set is %q", s), "--set NAME=VALUE, for example --set site=calgary"}
		}
		out[k] = v
	}
	return out, nil
}

func (a *app) runbookPlanCmd() *cobra.Command {
	var set []string
	c := &cobra.Command{
		Use: "plan NAME|FILE", Short: "Show what a runbook would do, and what would refuse it; changes nothing", Args: exactArgs("NAME"),
		Example: "  sipsteer runbook plan evacuate-site --set site=calgary",
	}
	c.Flags().StringArrayVar(&set, "set", nil, "a value: NAME=VALUE; repeatable")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		p, err := a.planRun(cmd.Context(), args[0], set)
		if err != nil || a.writeJSON(p) {
			return err
		}
		writeRunPlan(a.streams.Out, palette{a.colours()}, p)
		return nil
	})
	return c
}

func (a *app) planRun(ctx context.Context, name string, set []string) (runbook.Plan, error) {
	req, err := a.runRequest(ctx, name, set)
	if err != nil {
		return runbook.Plan{}, err
	}
	cs, err := a.clients()
	if err != nil {
		return runbook.Plan{}, err
	}
	return ask(ctx, cs, func(ctx context.Context, c *api.Client) (runbook.Plan, error) { return c.PlanRun(ctx, req) })
}

func (a *app) runRequest(ctx context.Context, name string, set []string) (api.RunRequest, error) {
	_, text, err := a.book(ctx, name)
	if err != nil {
		return api.RunRequest{}, err
	}
	values, err := sets(set)
	return api.RunRequest{Book: string(text), Values: values}, err
}

func (a *app) runbookRunCmd() *cobra.Command {
	var set []string
	var wait bool
	w := &wish{req: api.CommandRequest{Kind: string(steer.KindRunStart)}}
	c := &cobra.Command{
		Use: "run NAME|FILE", Short: "Start a runbook", Args: exactArgs("NAME"),
		Example: "  sipsteer runbook run evacuate-site --set site=calgary --reason \"kernel update\"\n  sipsteer runbook run ./nightly.yaml --reason \"change 4711\" --yes --wait",
	}
	w.flags(c)
	c.Flags().StringArrayVar(&set, "set", nil, "a value: NAME=VALUE; repeatable")
	c.Flags().BoolVar(&wait, "wait", false, "watch it until it ends or needs a person; exit code 1 unless it is done")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		req, err := a.runRequest(cmd.Context(), args[0], set)
		if err != nil {
			return err
		}
		w.req.Run = &req
		if err := a.complete(verb{kind: "runbook run", use: "runbook run " + args[0]}, w); err != nil {
			return err
		}
		res, err := a.startRun(cmd.Context(), w, args[0], set)
		if err != nil {
			return err
		}
		id := startedRun(res)
		if !wait {
			if err := a.printResult(res); err != nil || a.json {
				return err
			}
			fmt.Fprintf(a.streams.Out, "watch it: sipsteer runbook watch %s\n", id)
			return nil
		}
		return a.watchRun(cmd.Context(), id)
	})
	return c
}

// startRun shows the plan and asks, unless --yes.
func (a *app) startRun(ctx context.Context, w *wish, name string, set []string) (api.Result, error) {
	cs, err := a.clients()
	if err != nil {
		return api.Result{}, err
	}
	if !w.yes {
		if !terminal(a.streams.In) {
			return api.Result{}, &usageError{"not confirmed, and there is no terminal to ask", "add --yes; to see first what would happen: sipsteer runbook plan " + name}
		}
		p, err := a.planRun(ctx, name, set)
		if err != nil {
			return api.Result{}, err
		}
		writeRunPlan(a.streams.Err, palette{a.colours()}, p)
		word := "yes"
		if len(p.Procedure.Sites) > 0 {
			word = string(p.Procedure.Sites[0])
		}
		if err := a.typed(word); err != nil {
			return api.Result{}, err
		}
		w.req.ExpectEpoch = p.Epoch
	}
	return each(ctx, cs, actTimeout, doing(w.req))
}

// startedRun is the run that a result began.
func startedRun(r api.Result) string {
	for _, e := range r.Events {
		if e.Kind == steer.EventRun && e.Word == "started" {
			return e.Run
		}
	}
	return ""
}
