package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// maxPlanFile bounds a saved plan.
const maxPlanFile = 16 << 20

func (a *app) planCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "plan COMMAND", Short: "Show what a command would do, and save it for apply",
		Long: `Shows the records, gates and shares that a command would change, what follows by
itself and when, and the guard that would refuse it. It changes nothing. With
--out the plan is saved, which takes a reason; sipsteer apply carries it out, and
refuses when the fleet has changed in between. What would last is looked at for
` + draftFor + ` unless --for says otherwise. A table of tenants is planned by
sipsteer tenant import FILE, which changes nothing by itself, and saves with --save.`,
		Example: `  sipsteer plan drain calgary
  sipsteer plan drain calgary --reason "kernel update" --for 2h --out drain.plan
  sipsteer apply drain.plan`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"plan what?", "sipsteer plan drain SITE; sipsteer plan --help"}
			}
			return &usageError{fmt.Sprintf("unknown command %q to plan", args[0]), "sipsteer plan --help   # lists them"}
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	var out string
	c.PersistentFlags().StringVar(&out, "out", "", "save the plan to this file")
	show := func(ctx context.Context, w *wish) error {
		w.out = out
		return a.showPlan(ctx, w)
	}
	draft := func() bool { return out == "" }
	for _, v := range verbs() {
		v.draft = draft
		v.short = "Plan: " + v.short
		v.example = strings.ReplaceAll(strings.ReplaceAll(v.example, "sipsteer ", "sipsteer plan "), " --yes", "")
		c.AddCommand(a.verbCmd(v, show))
	}
	c.AddCommand(a.planFleetCmd(show, draft), a.rollbackCmd(show, draft), a.silenceBegin("silence SITE", "plan silence", show, draft))
	return c
}

func (a *app) planFleetCmd(show func(context.Context, *wish) error, draft func() bool) *cobra.Command {
	w := &wish{req: api.CommandRequest{Kind: string(steer.KindSetFleet)}}
	c := &cobra.Command{
		Use: "fleet FILE", Short: "Plan: replace the fleet file", Args: exactArgs("FILE"),
		Example: "  sipsteer plan fleet fleet.yaml --reason \"a fourth site\" --out fleet.plan\n  sipsteer apply fleet.plan",
	}
	w.flags(c)
	touches := 0
	c.Flags().IntVar(&touches, "touches", 0, "how many names may be answered in another way, where that is needed")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		if touches > 0 {
			w.req.Tenants = &api.TenantChange{Touches: touches}
		}
		if _, err := config.LoadFleet(args[0]); err != nil {
			return err
		}
		text, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		w.req.Fleet = string(text)
		v := verb{kind: w.req.Kind, use: "plan fleet " + args[0], draft: draft}
		if err := a.complete(v, w); err != nil {
			return err
		}
		return show(cmd.Context(), w)
	})
	return c
}

func (a *app) showPlan(ctx context.Context, w *wish) error {
	cs, err := a.clients()
	if err != nil {
		return err
	}
	p, err := ask(ctx, cs, func(ctx context.Context, c *api.Client) (plan.Plan, error) { return c.Plan(ctx, w.req) })
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(p)
	} else {
		p.Write(a.streams.Out)
	}
	if p.Refusal != nil {
		return &exitError{3}
	}
	if w.out == "" {
		return nil
	}
	return a.savePlan(w.out, p)
}

func (a *app) savePlan(path string, p plan.Plan) error {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("encode plan: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	fmt.Fprintf(a.streams.Err, "saved; carry it out with: sipsteer apply %s\n", path)
	return nil
}

func (a *app) applyCmd() *cobra.Command {
	var yes bool
	var owner, reason string
	c := &cobra.Command{
		Use: "apply PLAN", Short: "Carry out a saved plan, if the fleet has not changed since", Args: exactArgs("PLAN"),
		Example: "  sipsteer apply drain.plan --yes",
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().StringVar(&owner, "owner", "", "who wants it; default the plan's owner")
	c.Flags().StringVar(&reason, "reason", "", "why, for the next shift to read; default the plan's reason")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		p, err := readPlan(args[0])
		if err != nil {
			return err
		}
		w := &wish{req: requestOf(p), yes: yes}
		w.req.By, w.req.Reason = cmp.Or(owner, w.req.By), cmp.Or(reason, w.req.Reason)
		if w.req.Kind == string(steer.KindTenantCommit) {
			return a.applyTenants(cmd.Context(), w, p, args[0])
		}
		return a.act(cmd.Context(), w)
	})
	return c
}

func readPlan(path string) (plan.Plan, error) {
	info, err := os.Stat(path)
	if err != nil {
		return plan.Plan{}, &usageError{err.Error(), "sipsteer plan … --out " + path}
	}
	if info.Size() > maxPlanFile {
		return plan.Plan{}, &usageError{fmt.Sprintf("%s: %d octets are too many for a plan", path, info.Size()), ""}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return plan.Plan{}, &usageError{err.Error(), ""}
	}
	var p plan.Plan
	if err := json.Unmarshal(data, &p); err != nil {
		return plan.Plan{}, &usageError{fmt.Sprintf("%s: not a saved plan: %v", path, err), "make one: sipsteer plan … --out " + path}
	}
	switch {
	case p.Format != plan.Format:
		return plan.Plan{}, &usageError{fmt.Sprintf("%s: plan format %d; this program knows %d", path, p.Format, plan.Format), "make the plan again"}
	case p.Refusal != nil:
		return plan.Plan{}, api.AsError(p.Refusal)
	case p.Command.ExpectEpoch == 0:
		return plan.Plan{}, &usageError{path + ": the plan names no epoch", "make the plan again"}
	}
	return p, nil
}

// requestOf turns the planned command back into a request, bound to the
// plan's epoch.
func requestOf(p plan.Plan) api.CommandRequest {
	c := p.Command
	req := api.CommandRequest{
		ID: requestID(), Kind: string(c.Kind), Site: string(c.Site), Service: string(c.Service), Now: c.Now,
		By: c.By, Reason: c.Reason, ExpectEpoch: c.ExpectEpoch,
	}
	if c.Transport != 0 {
		req.Transport = c.Transport.String()
	}
	req.Cohort, req.Pace = c.Cohort.String(), string(c.Pace)
	if c.Past != nil {
		req.Epoch = c.Past.Epoch
	}
	if c.For != 0 {
		req.For = c.For.String()
	}
	for _, r := range c.Override {
		req.Override = append(req.Override, string(r))
	}
	if c.Tenants != nil {
		req.Tenants = &api.TenantChange{Replace: c.Tenants.Replace, Touches: c.Tenants.Touches}
	}
	if c.Silence != nil {
		req.Softswitch, req.Check = string(c.Silence.Switch), string(c.Silence.Check)
	}
	if c.Fleet != nil {
		if text, err := json.Marshal(c.Fleet); err == nil { // JSON is YAML
			req.Fleet = string(text)
		}
	}
	return req
}
