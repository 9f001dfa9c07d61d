package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/plan"
)

func (a *app) readinessCmd() *cobra.Command {
	return &cobra.Command{
		Use: "readiness", Short: "Show on one page what would go wrong today", Args: exactArgs(),
		Long: `Tries the loss of each site on the fleet as it is, with the guards that would be
asked then, and lists what else stands in the way: agents, checks, test logins,
capacity, common fates, drills that are due, holds that were forgotten. Exit code
1 when something is broken.`,
		Example: "  sipsteer readiness\n  sipsteer readiness --json | jq '.findings[] | select(.grade == \"broken\")'",
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			cs, err := a.clients()
			if err != nil {
				return err
			}
			r, err := ask(cmd.Context(), cs, func(ctx context.Context, c *api.Client) (api.Readiness, error) { return c.Readiness(ctx) })
			if err != nil {
				return err
			}
			if !a.writeJSON(r) {
				a.writeReadiness(r)
			}
			for _, f := range r.Findings {
				if f.Grade == plan.Broken {
					return &exitError{1}
				}
			}
			return nil
		}),
	}
}

func (a *app) writeReadiness(r api.Readiness) {
	p, w := palette{a.colours()}, a.streams.Out
	fmt.Fprintf(w, "readiness at epoch %d, %s UTC\n\n", r.Epoch, r.At.UTC().Format(time.DateTime))
	if len(r.Findings) == 0 {
		fmt.Fprintln(w, p.good("nothing stands in the way"))
	}
	for _, f := range r.Findings {
		grade := string(f.Grade)
		switch f.Grade {
		case plan.Broken:
			grade = p.bad(grade)
		case plan.Warning:
			grade = p.warn(grade)
		}
		fmt.Fprintf(w, "%s %s: %s\n", grade, f.Topic, clean(f.Text))
		if f.Next != "" {
			fmt.Fprintf(w, "  next: %s\n", clean(f.Next))
		}
	}
	if len(r.Practice) == 0 {
		return
	}
	fmt.Fprintln(w)
	rows := [][]string{{"DRILL OF", "LAST", "VERDICT", "OUT IN", "BACK IN", "LAST GOOD"}}
	for _, d := range r.Practice {
		good := "never"
		if !d.GoodAt.IsZero() {
			good = d.GoodAt.UTC().Format(time.DateOnly)
		}
		rows = append(rows, []string{string(d.Site), d.At.UTC().Format(time.DateTime), string(d.Verdict), d.Leave.String(), d.Return.String(), good})
	}
	table(w, p, rows)
}
