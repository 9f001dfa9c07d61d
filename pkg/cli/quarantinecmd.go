package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
)

func (a *app) quarantineCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "quarantine", Short: "Keep the new work of a source out, also while a site is open", Args: exactArgs(),
		Long: `Keeps a source out at the gates of one site or all: a device that has gone mad,
or somebody who looks for holes. What it begins is met with silence; its calls
that are up go on, and its emergency calls pass. It ends by itself. The addresses
of the fleet's own sites, softswitches and agents cannot be kept out.`,
		Example: "  sipsteer gate quarantine add 203.0.113.7 --minutes 60 --reason \"registers 900 times a second\"\n  sipsteer gate quarantine list",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.quarantineAddCmd(), a.quarantineListCmd(), a.quarantineRemoveCmd())
	return c
}

func (a *app) quarantineAddCmd() *cobra.Command {
	w, minutes := &wish{req: api.CommandRequest{Kind: "quarantine"}}, 0
	c := &cobra.Command{
		Use: "add NETWORK", Short: "Keep a source out", Args: exactArgs("NETWORK"),
		Long:    "Keeps an address or a network out; a second time renews it.",
		Example: "  sipsteer gate quarantine add 203.0.113.7 --minutes 60 --reason \"registers 900 times a second\" --yes\n  sipsteer gate quarantine add 203.0.113.0/24 --site calgary --for 12h --reason \"scans\"",
	}
	w.flags(c)
	c.Flags().StringVar(&w.req.Site, "site", "", "only at this site; default all")
	c.Flags().StringVar(&w.req.For, "for", "", "how long it lasts: 30m, 2h; 72h at most")
	c.Flags().IntVar(&minutes, "minutes", 0, "the same in minutes; one of both is required")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		if minutes > 0 && w.req.For == "" {
			w.req.For = (time.Duration(minutes) * time.Minute).String()
		}
		return a.quarantine(cmd.Context(), w, verb{kind: "quarantine", use: "gate quarantine add " + args[0], lasts: true}, args[0])
	})
	return c
}

func (a *app) quarantineRemoveCmd() *cobra.Command {
	w := &wish{req: api.CommandRequest{Kind: "unquarantine"}}
	c := &cobra.Command{
		Use: "remove NETWORK", Short: "Let a source in again", Args: exactArgs("NETWORK"),
		Long:    "Ends a quarantine; the network is written as the list has it.",
		Example: "  sipsteer gate quarantine remove 203.0.113.7 --yes",
	}
	w.flags(c)
	c.Flags().StringVar(&w.req.Site, "site", "", "only what is for this site; default all")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		return a.quarantine(cmd.Context(), w, verb{kind: "unquarantine", use: "gate quarantine remove " + args[0], optional: true}, args[0])
	})
	return c
}

func (a *app) quarantine(ctx context.Context, w *wish, v verb, source string) error {
	if err := a.complete(v, w); err != nil {
		return err
	}
	w.req.Source = source
	return a.act(ctx, w)
}

// keptOut is a quarantine with what came of the source at each gate.
type keptOut struct {
	api.Quarantine
	Dropped map[string]uint64 `json:"dropped"` // by site
	Last    *time.Time        `json:"last,omitempty"`
}

func (a *app) quarantineListCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the sources that are kept out, and what came of them", Args: exactArgs(),
		Example: "  sipsteer gate quarantine list\n  sipsteer gate quarantine list --json | jq '.[].source'",
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			cs, err := a.clients()
			if err != nil {
				return err
			}
			st, err := ask(cmd.Context(), cs, func(ctx context.Context, c *api.Client) (api.Status, error) { return c.Status(ctx) })
			if err != nil {
				return err
			}
			gates, err := cs.gates(cmd.Context(), nil)
			if err != nil {
				return err
			}
			a.printQuarantines(keptOutAt(st.Quarantines, gates))
			return nil
		}),
	}
}

// keptOutAt adds the counts of the gates.
func keptOutAt(all []api.Quarantine, gates []api.GateReport) []keptOut {
	out := []keptOut{}
	for _, q := range all {
		k := keptOut{Quarantine: q, Dropped: map[string]uint64{}}
		for _, g := range gates {
			for _, n := range g.Quarantine {
				if n.Source != q.Source || q.Site != "" && q.Site != g.Site {
					continue
				}
				k.Dropped[g.Site] = n.Dropped
				if n.Last != nil && (k.Last == nil || n.Last.After(*k.Last)) {
					k.Last = n.Last
				}
			}
		}
		out = append(out, k)
	}
	return out
}

func (a *app) printQuarantines(all []keptOut) {
	if a.json {
		a.printJSON(all)
		return
	}
	if len(all) == 0 {
		fmt.Fprintln(a.streams.Out, "nobody is kept out")
		return
	}
	rows := [][]string{{"SOURCE", "SITE", "DROPPED", "LAST (UTC)", "ENDS (UTC)", "BY", "WHY"}}
	for _, k := range all {
		site, last, dropped := k.Site, "-", uint64(0)
		if site == "" {
			site = "all"
		}
		if k.Last != nil {
			last = k.Last.UTC().Format(time.TimeOnly)
		}
		for _, n := range k.Dropped {
			dropped += n
		}
		rows = append(rows, []string{k.Source, site, fmt.Sprint(dropped), last, k.Until.UTC().Format(time.DateTime), clean(k.Owner), clean(k.Reason)})
	}
	table(a.streams.Out, palette{a.colours()}, rows)
}

// sourceAt names a source that is kept out and where.
func sourceAt(source, site string) string {
	if site == "" {
		site = "all sites"
	}
	return strings.TrimSuffix(strings.TrimSuffix(source, "/32"), "/128") + " at " + site
}

// writeKeptOut says who is kept out, until when, and what lets him in again.
func writeKeptOut(w io.Writer, p palette, st api.Status) {
	for _, q := range st.Quarantines {
		at := ""
		if q.Site != "" {
			at = " --site " + q.Site
		}
		fmt.Fprintf(w, "%s %s, by %s (%s), ends in %s\n  next: sipsteer gate quarantine remove %s%s   # lets it in again\n", p.warn("kept out"),
			sourceAt(q.Source, q.Site), clean(q.Owner), clean(q.Reason), q.Until.Sub(st.Time).Round(time.Second), q.Source, at)
	}
}
