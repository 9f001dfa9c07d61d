package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/plan"
)

func (a *app) readinessCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "readiness", Short: "Show on one page what would go wrong today",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Sprintf("unknown command %q for readiness", args[0]), "sipsteer readiness, readiness ack CONCERN or readiness unack CONCERN"}
			}
			return nil
		},
		Long: `Tries the loss of each site on the fleet as it is, with the guards that would be
asked then, and lists what else stands in the way: agents, their disks and delayed
copies, checks, test logins, capacity, common fates, certificates that end, name
servers and secondaries that serve something else, resolvers that hold names too
long, softswitches that answer differently, drills that are due, holds that were
forgotten. The leader looks every half hour by itself and tells people of what is
new. What is known and accepted for a time is acknowledged by its name: it comes
last then, until that time is over or it becomes worse. Exit code 1 when something
is broken that nobody has acknowledged.`,
		Example: "  sipsteer readiness\n  sipsteer readiness ack drill/ottawa --reason \"no drill before the move\" --for 168h\n  sipsteer readiness --json | jq '.findings[] | select(.grade == \"broken\")'",
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			cs, err := a.clients()
			if err != nil {
				return err
			}
			r, err := each(cmd.Context(), cs, actTimeout, func(ctx context.Context, c *api.Client) (api.Readiness, error) { return c.Readiness(ctx) })
			if err != nil {
				return err
			}
			if !a.writeJSON(r) {
				a.writeReadiness(r)
			}
			for _, f := range r.Findings {
				if f.Grade == plan.Broken && f.Acked == nil {
					return &exitError{1}
				}
			}
			return nil
		}),
	}
	c.AddCommand(a.concernAckCmd(), a.concernUnackCmd())
	return c
}

func (a *app) writeReadiness(r api.Readiness) {
	p, w := palette{a.colours()}, a.streams.Out
	fmt.Fprintf(w, "readiness at epoch %d, %s UTC, looked at by agent %s\n\n", r.Epoch, r.At.UTC().Format(time.DateTime), r.By)
	if len(r.Findings) == 0 {
		fmt.Fprintln(w, p.good("nothing stands in the way"))
	}
	for _, f := range r.Findings {
		name := f.Topic
		if f.Concern != "" {
			name = shellWord(clean(f.Concern))
		}
		if f.Acked != nil {
			fmt.Fprintln(w, p.dim(fmt.Sprintf("acknowledged %s (%s): %s", name, f.Grade, clean(f.Text))))
			fmt.Fprintln(w, p.dim(fmt.Sprintf("  by %s until %s: %s", clean(f.Acked.Owner), f.Acked.Until.UTC().Format(time.DateTime), clean(f.Acked.Reason))))
			continue
		}
		grade := string(f.Grade)
		switch f.Grade {
		case plan.Broken:
			grade = p.bad(grade)
		case plan.Warning:
			grade = p.warn(grade)
		}
		fmt.Fprintf(w, "%s %s: %s\n", grade, name, clean(f.Text))
		if f.Next != "" {
			fmt.Fprintf(w, "  next: %s\n", clean(f.Next))
		}
	}
	if len(r.Practice) == 0 {
		return
	}
	fmt.Fprintln(w)
	rows := [][]string{{"DRILL OF", "LAST", "VERDICT", "OUT IN", "EMPTY IN", "TARGET", "BACK IN", "LAST GOOD"}}
	for _, d := range r.Practice {
		good := "never"
		if !d.GoodAt.IsZero() {
			good = d.GoodAt.UTC().Format(time.DateOnly)
		}
		who := string(d.Site)
		if !d.Cohort.IsZero() {
			who += " cohort " + d.Cohort.String()
		}
		rows = append(rows, []string{who, d.At.UTC().Format(time.DateTime), string(d.Verdict), d.Leave.String(), measured(d.Recovery), measured(d.Target), d.Return.String(), good})
	}
	table(w, p, rows)
	for _, d := range r.Practice {
		if d.Stragglers != "" {
			fmt.Fprintf(w, "%s: %s\n", d.Site, clean(d.Stragglers))
		}
	}
}

// measured is a time, or - where there is none.
func measured(d fleet.Duration) string {
	if d == 0 {
		return "-"
	}
	return d.String()
}
