package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
)

func (a *app) probeCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "probe", Short: "Ask a softswitch now, and see what goes over the wire",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Sprintf("unknown command %q for probe", args[0]), "sipsteer probe run SITE KIND --show-wire"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.probeRunCmd())
	return c
}

func (a *app) probeRunCmd() *cobra.Command {
	var r api.ProbeRequest
	var wire bool
	c := &cobra.Command{
		Use: "run SITE KIND", Short: "Ask every listener of a site once, now", Args: exactArgs("SITE", "KIND"),
		Long: `Asks once, whatever the schedule, and counts for no verdict. KIND is options,
tls, register, or a further check such as storage or storage:spool. An agent at
the site asks, or the one that --agent names.

Exit codes: 0 all answered well, 1 one did not, 2 wrong usage, 4 no agent
reachable.`,
		Example: "  sipsteer probe run calgary register --transport tls --show-wire\n  sipsteer probe run calgary options --agent ottawa",
	}
	c.Flags().StringVar(&r.Transport, "transport", "", "only this one: udp, tcp, tls, ws, wss")
	c.Flags().StringVar(&r.Switch, "softswitch", "", "only this one")
	c.Flags().StringVar(&r.Agent, "agent", "", "who asks; default: an agent at the site")
	c.Flags().BoolVar(&wire, "show-wire", false, "print what was sent and received; passwords and proofs of them are hidden")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		r.Site, r.Kind = args[0], args[1]
		if r.Transport != "" {
			over, err := fleet.ParseTransport(r.Transport)
			if err != nil {
				return &usageError{fmt.Sprintf("--transport is %q", r.Transport), "--transport udp, tcp, tls, ws or wss"}
			}
			r.Transport = over.String()
		}
		cs, err := a.clients()
		if err != nil {
			return err
		}
		got, err := each(cmd.Context(), cs, actTimeout, func(ctx context.Context, c *api.Client) (api.ProbeRun, error) { return c.ProbeOnce(ctx, r) })
		if err != nil {
			return err
		}
		if a.json {
			a.printJSON(got)
		} else {
			a.writeProbes(got, wire)
		}
		for _, res := range got.Results {
			if res.Sample.Outcome != "success" {
				return &exitError{1}
			}
		}
		return nil
	})
	return c
}

func (a *app) writeProbes(run api.ProbeRun, wire bool) {
	p, w := palette{a.colours()}, a.streams.Out
	for _, r := range run.Results {
		verdict := map[string]string{"success": p.good("good"), "failure": p.bad("BAD"), "no-data": p.warn("no data")}[r.Sample.Outcome]
		fmt.Fprintf(w, "%s by agent %s", r.Check, run.Agent)
		if r.Address != "" {
			fmt.Fprintf(w, " at %s", r.Address)
		}
		fmt.Fprintf(w, ": %s", verdict)
		if r.Sample.Cause != "" {
			fmt.Fprintf(w, " %s:", r.Sample.Cause)
		}
		fmt.Fprintf(w, " %s", clean(r.Sample.Detail))
		if r.Sample.Took > 0 {
			fmt.Fprintf(w, " (%.1f ms)", r.Sample.Took)
		}
		fmt.Fprintln(w)
		if wire {
			writeWire(w, p, r.Wire)
		}
	}
}

// arrows stand before what was sent and received.
var arrows = map[string]string{"sent": ">", "received": "<", "note": "*"}

func writeWire(w interface{ Write([]byte) (int, error) }, p palette, lines []api.WireLine) {
	for _, l := range lines {
		fmt.Fprintf(w, "  %s\n", p.dim(fmt.Sprintf("%.1f ms %s", l.At, l.Direction)))
		for _, text := range strings.Split(strings.TrimRight(l.Text, "\n"), "\n") {
			fmt.Fprintf(w, "  %s %s\n", arrows[l.Direction], clean(strings.ReplaceAll(text, "\t", " ")))
		}
	}
}
