package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
)

func (a *app) gateCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "gate", Short: "Show what the gates do, and who is left at a site", Args: exactArgs(),
		Long: `Shows the drain meter: how many registrations and calls are left at a site, who
sends what, how well each answer moves each family of devices, and who still
comes although it should not.`,
		Example: "  sipsteer gate status calgary\n  sipsteer gate top calgary\n  sipsteer gate stragglers calgary --csv",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.gateStatusCmd(), a.gateTopCmd(), a.stragglersCmd(), a.quarantineCmd(), a.pushCmd())
	return c
}

func (a *app) gateStatusCmd() *cobra.Command {
	return &cobra.Command{
		Use: "status [SITE]", Short: "Show registrations and calls left, and who was moved by what",
		Args:    atMostOne("SITE"),
		Example: "  sipsteer gate status\n  sipsteer gate status calgary\n  sipsteer gate status --json | jq '.[].registrations_left'",
		RunE: run(func(cmd *cobra.Command, args []string) error {
			cs, err := a.clients()
			if err != nil {
				return err
			}
			gates, err := cs.gates(cmd.Context(), args)
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(gates)
				return nil
			}
			p := palette{a.colours()}
			writeGates(a.streams.Out, p, gates)
			if len(args) > 0 {
				writeGate(a.streams.Out, p, gates[0])
			}
			return nil
		}),
	}
}

func (a *app) gateTopCmd() *cobra.Command {
	var count int
	var every time.Duration
	c := &cobra.Command{
		Use: "top SITE", Short: "Show requests per second at a site, again and again", Args: exactArgs("SITE"),
		Long:    "Shows requests per second by method and by User-Agent until interrupted; with --json one object a line.",
		Example: "  sipsteer gate top calgary\n  sipsteer gate top calgary --count 1 --json",
	}
	c.Flags().IntVar(&count, "count", 0, "end after so many; default never")
	c.Flags().DurationVar(&every, "every", 2*time.Second, "between two, at least 1s")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		if every < time.Second || count < 0 {
			return &usageError{"--every is at least 1s, --count at least 0", "sipsteer gate top " + args[0] + " --every 2s"}
		}
		cs, err := a.clients()
		if err != nil {
			return err
		}
		tick := time.NewTicker(every)
		defer tick.Stop()
		for n := 1; ; n++ {
			gates, err := cs.gates(cmd.Context(), args)
			switch {
			case err != nil:
				return err
			case a.json:
				a.printLine(gates[0])
			default:
				if terminal(a.streams.Out) {
					fmt.Fprint(a.streams.Out, "\x1b[H\x1b[2J")
				}
				writeTop(a.streams.Out, palette{a.colours()}, gates[0])
			}
			if n == count {
				return nil
			}
			select {
			case <-tick.C:
			case <-cmd.Context().Done():
				return nil
			}
		}
	})
	return c
}

func atMostOne(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return exactArgs(name)(cmd, args)
	}
}

// gates asks for all gates, or for the one of a site.
func (cs clients) gates(ctx context.Context, site []string) ([]api.GateReport, error) {
	all, err := ask(ctx, cs, func(ctx context.Context, c *api.Client) ([]api.GateReport, error) { return c.Gates(ctx) })
	if err != nil || len(site) == 0 {
		return all, err
	}
	i := slices.IndexFunc(all, func(g api.GateReport) bool { return g.Site == site[0] })
	if i < 0 {
		return nil, &usageError{fmt.Sprintf("there is no gate at site %q", site[0]), "sipsteer gate status   # lists the gates"}
	}
	return all[i : i+1], nil
}

func writeGates(w io.Writer, p palette, gates []api.GateReport) {
	rows := [][]string{{"SITE", "GATE", "REGISTRATIONS LEFT", "MOVED", "CALLS LEFT", "STRAGGLERS", "CONNECTIONS", "LAST LEAVES"}}
	for _, g := range gates {
		if g.Problem != "" {
			rows = append(rows, []string{p.bold(g.Site), p.bad(clean(g.Problem))})
			continue
		}
		left := fmt.Sprint(g.Left)
		if g.Since != nil && g.Left > 0 {
			left = p.warn(left)
		}
		stragglers := fmt.Sprint(g.Stragglers)
		if g.Stragglers > 0 {
			stragglers = p.bad(stragglers)
		}
		rows = append(rows, []string{p.bold(g.Site), gateWord(p, g.Gate, g.Refused), left, fmt.Sprint(g.Moved), fmt.Sprint(g.Calls), stragglers, fmt.Sprint(g.Conns), finish(g)})
	}
	table(w, p, rows)
}

func finish(g api.GateReport) string {
	switch {
	case g.Since == nil:
		return "-"
	case g.Finish == nil:
		return "nobody left"
	}
	return "about " + g.Finish.UTC().Format(time.TimeOnly) + " UTC"
}

// writeGate writes the parts that only one site's report shows.
func writeGate(w io.Writer, p palette, g api.GateReport) {
	if g.Since != nil {
		fmt.Fprintf(w, "\nrefusing since %s UTC", g.Since.UTC().Format(time.DateTime))
		if g.Horizon != nil {
			fmt.Fprintf(w, "; old answers run out at %s UTC", g.Horizon.UTC().Format(time.TimeOnly))
		}
		fmt.Fprintf(w, "\nregistrations: %d not refused yet, %d refused and not gone yet, %d moved, %d stuck, %d ran out; %d strangers refused\n", g.Untold, g.Told, g.Moved, g.Stuck, g.Lapsed, g.Strangers)
	}
	writeRefused(w, p, g)
	if len(g.Tenants) > 0 {
		rows := [][]string{{"TENANT", "LEFT"}}
		for _, t := range g.Tenants {
			rows = append(rows, []string{clean(t.Domain), fmt.Sprint(t.Left)})
		}
		fmt.Fprintln(w)
		table(w, p, rows)
	}
	if len(g.Shares) > 0 {
		rows := [][]string{{"USER-AGENT", "ANSWER", "DEVICES REFUSED", "MOVED", "SHARE"}}
		for _, s := range g.Shares {
			rows = append(rows, []string{clean(s.Family), s.Answer, fmt.Sprint(s.Refused), fmt.Sprint(s.Moved), fmt.Sprintf("%.0f %%", 100*float64(s.Moved)/float64(max(s.Refused, 1)))})
		}
		fmt.Fprintln(w)
		table(w, p, rows)
	}
	if len(g.Certs) > 0 {
		rows := [][]string{{"CERTIFICATE", "FOR", "KIND", "UNTIL (UTC)", ""}}
		for _, c := range g.Certs {
			until := "-"
			if c.NotAfter != nil {
				until = c.NotAfter.UTC().Format(time.DateTime)
			}
			rows = append(rows, []string{clean(c.File), clean(strings.Join(c.Names, " ")), c.Kind, until, p.bad(clean(c.Problem))})
		}
		fmt.Fprintln(w)
		table(w, p, rows)
	}
	writeQuarantine(w, p, g)
	if len(g.Offenders) > 0 {
		rows := [][]string{{"SOURCE THAT SENDS TOO MUCH", "DROPPED", "LAST (UTC)"}}
		for _, o := range g.Offenders {
			rows = append(rows, []string{p.bad(clean(o.Source)), fmt.Sprint(o.Dropped), o.Last.UTC().Format(time.TimeOnly)})
		}
		fmt.Fprintln(w)
		table(w, p, rows)
	}
	if n := g.Push; n.Asked > 0 {
		fmt.Fprintf(w, "\nasked to look again: %d (%d took it, %d refused it, %d silent, %d gone, %d waiting)\n", n.Asked, n.Taken, n.Refused, n.Silent, n.Gone, n.Waiting)
	}
	if g.Stragglers > 0 {
		fmt.Fprintf(w, "\n%s %s\n", p.warn(fmt.Sprintf("%d stragglers:", g.Stragglers)), "sipsteer stragglers "+g.Site)
	}
}

// writeQuarantine names the sources that are kept out.
func writeQuarantine(w io.Writer, p palette, g api.GateReport) {
	if len(g.Quarantine) == 0 {
		return
	}
	rows := [][]string{{"IN QUARANTINE", "DROPPED", "LAST (UTC)", "UNTIL (UTC)"}}
	for _, q := range g.Quarantine {
		last := "-"
		if q.Last != nil {
			last = q.Last.UTC().Format(time.TimeOnly)
		}
		rows = append(rows, []string{p.warn(q.Source), fmt.Sprint(q.Dropped), last, q.Until.UTC().Format(time.DateTime)})
	}
	fmt.Fprintln(w)
	table(w, p, rows)
}

const topRows = 15

func writeTop(w io.Writer, p palette, g api.GateReport) {
	if g.Problem != "" {
		fmt.Fprintf(w, "%s: %s\n", g.Site, p.bad(clean(g.Problem)))
		return
	}
	fmt.Fprintf(w, "%s: gate %s, %d registrations left, %d calls, %d connections\n\n", p.bold(g.Site), gateWord(p, g.Gate, g.Refused), g.Left, g.Calls, g.Conns)
	rows := [][]string{{"METHOD", "REQUESTS/S", "REFUSED/S"}}
	for _, r := range g.Methods {
		rows = append(rows, rateRow(r))
	}
	table(w, p, rows)
	writeQuarantine(w, p, g)
	fmt.Fprintln(w)
	rows = [][]string{{"USER-AGENT", "REQUESTS/S", "REFUSED/S"}}
	for _, r := range g.Agents[:min(len(g.Agents), topRows)] {
		rows = append(rows, rateRow(r))
	}
	table(w, p, rows)
	if more := len(g.Agents) - topRows; more > 0 {
		fmt.Fprintln(w, p.dim(fmt.Sprintf("and %d more", more)))
	}
	writeSources(w, p, g)
}

// writeSources names those that begin most.
func writeSources(w io.Writer, p palette, g api.GateReport) {
	if len(g.Sources) == 0 {
		return
	}
	rows := [][]string{{"SOURCE", "BEGINS/S"}}
	for _, s := range g.Sources[:min(len(g.Sources), topRows)] {
		rows = append(rows, []string{clean(s.Source), fmt.Sprintf("%.1f", s.PerSecond)})
	}
	fmt.Fprintln(w)
	table(w, p, rows)
}

func rateRow(r api.Rate) []string {
	return []string{cmp.Or(strings.TrimSpace(clean(r.Name)), "-"), fmt.Sprintf("%.1f", r.PerSecond), fmt.Sprintf("%.1f", r.Refused)}
}
