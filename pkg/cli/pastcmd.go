package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// epochOf reads an epoch from the command line; "now" is 0.
func epochOf(s string) (uint64, error) {
	if s == "now" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		return 0, &usageError{fmt.Sprintf("%q is not an epoch", s), "sipsteer history --epochs   # lists them"}
	}
	return n, nil
}

func (a *app) showCmd() *cobra.Command {
	return &cobra.Command{
		Use: "show EPOCH", Short: "Show what was in force at an epoch", Args: exactArgs("EPOCH"),
		Example: "  sipsteer show 412\n  sipsteer show 412 --json | jq .state.fleet",
		RunE: run(func(cmd *cobra.Command, args []string) error {
			epoch, err := epochOf(args[0])
			if err != nil {
				return err
			}
			if epoch == 0 {
				return &usageError{"now is not an epoch of the past", "sipsteer status"}
			}
			cs, err := a.clients()
			if err != nil {
				return err
			}
			p, err := ask(cmd.Context(), cs, func(ctx context.Context, c *api.Client) (api.PastState, error) { return c.Past(ctx, epoch, false) })
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(p)
				return nil
			}
			a.writePast(p)
			return nil
		}),
	}
}

func (a *app) writePast(p api.PastState) {
	w, pal := a.streams.Out, palette{a.colours()}
	fmt.Fprintf(w, "epoch %s, in force from %s (UTC), kept by %s\n", pal.bold(fmt.Sprint(p.Epoch)), p.At.UTC().Format(time.DateTime), p.Agent)
	for _, e := range p.Events {
		fmt.Fprintf(w, "  %s: %s\n", clean(e.By), clean(e.Text))
	}
	fmt.Fprintln(w)
	for _, set := range steer.Records(p.State).Sets {
		if set.Type != srv.TypeSRV {
			continue
		}
		fmt.Fprintf(w, "%s %d SRV\n", set.Name, set.TTL)
		for _, d := range set.Data {
			fmt.Fprintf(w, "    %s\n", d)
		}
	}
	for _, d := range p.State.Drains {
		fmt.Fprintf(w, "drain %s: %s, by %s (%s)\n", d.Scope(), d.Stage, clean(d.Owner), clean(d.Reason))
	}
	for _, o := range p.State.Outs {
		fmt.Fprintf(w, "out: %s, by %s (%s), %s\n", o.Slot, clean(o.By), clean(o.Reason), clean(o.Lasts()))
	}
	for _, h := range p.State.Holds {
		fmt.Fprintf(w, "hold %s: by %s (%s)\n", h.Service, clean(h.Owner), clean(h.Reason))
	}
	if p.Tenants > 0 {
		fmt.Fprintf(w, "tenants: %d (sipsteer tenant export --epoch %d)\n", p.Tenants, p.Epoch)
	}
	fmt.Fprintf(a.streams.Err, "\nto bring it back: sipsteer rollback %d --reason …\n", p.Epoch)
}

func (a *app) diffCmd() *cobra.Command {
	return &cobra.Command{
		Use: "diff EPOCH [EPOCH]", Short: "Show what differs between two epochs; the second is now if not given",
		Example: "  sipsteer diff 410 412\n  sipsteer diff 410",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return exactArgs("EPOCH")(cmd, args)
		},
		RunE: run(func(cmd *cobra.Command, args []string) error {
			from, err := epochOf(args[0])
			if err != nil {
				return err
			}
			if from == 0 {
				return &usageError{"the first epoch is of the past", "sipsteer diff EPOCH now"}
			}
			to := uint64(0)
			if len(args) == 2 {
				if to, err = epochOf(args[1]); err != nil {
					return err
				}
			}
			cs, err := a.clients()
			if err != nil {
				return err
			}
			d, err := ask(cmd.Context(), cs, func(ctx context.Context, c *api.Client) (plan.Comparison, error) { return c.Diff(ctx, from, to) })
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(d)
			} else {
				d.Write(a.streams.Out)
			}
			return nil
		}),
	}
}

// rollbackCmd makes the command; do carries it out or plans it, and draft is as
// in verb.
func (a *app) rollbackCmd(do func(context.Context, *wish) error, draft func() bool) *cobra.Command {
	w := &wish{req: api.CommandRequest{Kind: string(steer.KindRollback)}}
	c := &cobra.Command{
		Use: "rollback EPOCH", Short: "Bring the fleet file and the intents of an earlier epoch back", Args: exactArgs("EPOCH"),
		Long: `Brings back what people wanted at an earlier epoch: the fleet file, drains, holds
and removals. It becomes a new epoch; intents that have ended since stay ended,
and what the checks say is of today. The guards see the whole change at once.
Tenants stay as they are; sipsteer tenant rollback --epoch brings theirs back.`,
		Example: "  sipsteer plan rollback 410 --reason \"bad push\"\n  sipsteer rollback 410 --reason \"bad push\"",
	}
	w.flags(c)
	c.Flags().StringSliceVar(&w.req.Override, "override", nil, "pass this guard by name; repeatable")
	w.touchesFlag(c)
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		epoch, err := epochOf(args[0])
		if err != nil {
			return err
		}
		if epoch == 0 {
			return &usageError{"which epoch of the past?", "sipsteer history --epochs"}
		}
		w.req.Epoch = epoch
		if err := a.complete(verb{kind: w.req.Kind, use: "rollback " + args[0], draft: draft}, w); err != nil {
			return err
		}
		return do(cmd.Context(), w)
	})
	return c
}

func (a *app) listEpochs(ctx context.Context, cs clients, limit int) error {
	list, err := ask(ctx, cs, func(ctx context.Context, c *api.Client) ([]api.Epoch, error) { return c.Epochs(ctx, limit) })
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(list)
		return nil
	}
	rows := [][]string{{"TIME (UTC)", "EPOCH", "BY", ""}}
	for _, e := range list {
		rows = append(rows, []string{e.At.UTC().Format(time.DateTime), fmt.Sprint(e.Epoch), clean(e.By), clean(strings.TrimSpace(e.Text))})
	}
	table(a.streams.Out, palette{a.colours()}, rows)
	return nil
}
