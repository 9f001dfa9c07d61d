package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func (a *app) drillCmd() *cobra.Command {
	var minutes int
	var d runbook.Drill
	var wait bool
	w := &wish{req: api.CommandRequest{Kind: string(steer.KindRunStart)}}
	c := &cobra.Command{
		Use: "drill SITE", Short: "Practise the loss of a site with real traffic", Args: exactArgs("SITE"),
		Long: `Leads the traffic of a site away for some minutes, as a planned drain does, and
brings it back by itself. It starts only when all is well, outside of the hours
that policy.drill_blocked names; it stops and restores when another site does not
bear the traffic, an incident opens, or a condition of --stop-if is true. The
verdict (succeeded, failed, interrupted, capacity), the measured times, the
recovery beside policy.recovery_target, and who still came stand in readiness. A
drill is a runbook: watch, pause and undo it as one. policy.drills begins them by
itself.

With --cohort only some tenants leave, each with all its phones; the gate refuses
them, and stays open to all others. That practises little for few; readiness goes
on to ask for a drill of everyone.`,
		Example: "  sipsteer drill vancouver --minutes 30 --reason \"monthly drill\"\n  sipsteer drill vancouver --minutes 30 --cohort 5% --reason \"first drill\"\n  sipsteer drill calgary --service west --minutes 10 --reason \"new trunk\" --wait --yes\n  sipsteer drill ottawa --reason \"monthly drill\" --stop-if 'stragglers(\"ottawa\") > 50'",
	}
	w.flags(c)
	f := c.Flags()
	f.IntVar(&minutes, "minutes", 30, "how long the site stays empty")
	f.StringVar((*string)(&d.Service), "service", "", "only this service; default all")
	f.StringVar(&d.Cohort, "cohort", "", "only these tenants: a share, 5%, or buckets, 0-4,17; default everyone")
	f.StringArrayVar(&d.StopIf, "stop-if", nil, "stop and restore when this condition is true (sipsteer runbook conditions); repeatable")
	f.StringSliceVar(&w.req.Override, "override", nil, "pass this guard by name; repeatable")
	f.BoolVar(&wait, "wait", false, "watch it until it ends")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		d.Lasts = time.Duration(minutes) * time.Minute
		if d.Lasts < time.Minute || d.Lasts > runbook.MaxDrill {
			return &usageError{fmt.Sprintf("--minutes is %d", minutes), fmt.Sprintf("a number from 1 to %d", int(runbook.MaxDrill.Minutes()))}
		}
		if _, err := steer.ParseWhom(d.Cohort); err != nil {
			return &usageError{"--cohort: " + err.Error(), "leave it away for everyone"}
		}
		w.req.Run = &api.RunRequest{Book: string(d.Text()), Values: d.Values(fleet.SiteID(args[0]))}
		if err := a.complete(verb{kind: "drill", use: "drill " + args[0]}, w); err != nil {
			return err
		}
		return a.drill(cmd, w, args[0], wait)
	})
	return c
}

func (a *app) drill(cmd *cobra.Command, w *wish, site string, wait bool) error {
	cs, err := a.clients()
	if err != nil {
		return err
	}
	if !w.yes {
		if !terminal(a.streams.In) {
			return &usageError{"not confirmed, and there is no terminal to ask", "add --yes"}
		}
		p, err := ask(cmd.Context(), cs, planOf(*w.req.Run))
		if err != nil {
			return err
		}
		writeRunPlan(a.streams.Err, palette{a.colours()}, p)
		if err := a.typed(site); err != nil {
			return err
		}
	}
	res, err := each(cmd.Context(), cs, actTimeout, doing(w.req))
	if err != nil {
		return err
	}
	if wait {
		return a.watchRun(cmd.Context(), startedRun(res))
	}
	if err := a.printResult(res); err != nil || a.json {
		return err
	}
	fmt.Fprintf(a.streams.Out, "watch it: sipsteer runbook watch %s; end it: sipsteer runbook undo %s\n", startedRun(res), startedRun(res))
	return nil
}
