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

// silenceText is the manual of silences, for the commands that begin one.
const silenceText = `What begins to fail there is shown as ever, opens no incident, tells nobody, and is
no site of a common cause. It changes no verdict and keeps automation from nothing:
where a whole site is down over a transport, its phones are moved, and that is told.
To keep them, hold automation or drain the site; what is drained for everyone is in
maintenance without a silence. What fails already stays a failure. A service that is
left without any site is told of, whatever is silenced.`

func (a *app) silenceCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "silence", Short: "Say that something is worked on, so that nobody is called for it", Args: exactArgs(),
		Long: "Says that a site, a softswitch, a transport or a kind of check is worked on for a time.\n" + silenceText,
		Example: `  sipsteer silence add calgary --softswitch calgary-2 --reason "new certificate" --for 30m
  sipsteer silence list
  sipsteer silence end calgary`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.silenceBegin("add SITE", "silence add", a.act, nil), a.silenceListCmd(), a.silenceEndCmd())
	return c
}

// silenceBegin makes the command that begins a silence; do carries it out or plans
// it, and draft is as in verb.
func (a *app) silenceBegin(use, named string, do func(context.Context, *wish) error, draft func() bool) *cobra.Command {
	w := &wish{req: api.CommandRequest{Kind: "silence"}}
	c := &cobra.Command{
		Use: use, Short: "Silence a site, or a part of it", Args: exactArgs("SITE"),
		Long: "Silences a site or a part of it; a second time renews it.\n" + silenceText + `
The last site of a service of whose failure people would hear is refused (rule
heard).`,
		Example: "  sipsteer " + named + ` calgary --softswitch calgary-2 --reason "new certificate" --for 30m
  sipsteer ` + named + ` ottawa --transport tls --kind certificates --reason "ordered, ticket 4711" --for 48h`,
	}
	w.flags(c)
	w.forFlag(c)
	c.Flags().StringVar(&w.req.Softswitch, "softswitch", "", "only this one; default all of the site's")
	c.Flags().StringVar(&w.req.Transport, "transport", "", "only this transport: udp, tcp, tls, ws, wss; default all")
	c.Flags().StringVar(&w.req.Check, "kind", "", "only this kind of check: options, register, tls, storage, storage:spool; default all")
	c.Flags().StringSliceVar(&w.req.Override, "override", nil, "pass this guard by name; repeatable")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		w.req.Site = args[0]
		if err := a.complete(verb{kind: "silence", use: named + " " + shellWord(args[0]), lasts: true, draft: draft}, w); err != nil {
			return err
		}
		return do(cmd.Context(), w)
	})
	return c
}

func (a *app) silenceEndCmd() *cobra.Command {
	w := &wish{req: api.CommandRequest{Kind: "unsilence"}}
	c := &cobra.Command{
		Use: "end SILENCE", Short: "End a silence, or all of a site", Args: exactArgs("SILENCE"),
		Long:    "Ends a silence by the name that the list shows, or all of a site by its name. What\nstill fails there is a failure from now on. Nothing is asked.",
		Example: "  sipsteer silence end s412\n  sipsteer silence end calgary --reason \"work done\"",
	}
	w.flags(c)
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		w.req.Silence = args[0]
		if err := a.complete(verb{kind: "unsilence", use: "silence end " + shellWord(args[0]), optional: true}, w); err != nil {
			return err
		}
		cs, err := a.clients()
		if err != nil {
			return err
		}
		return a.give(cmd.Context(), cs, w.req) // not asked: more is told, and no traffic moves
	})
	return c
}

func (a *app) silenceListCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List what is silenced, and what fails there", Args: exactArgs(),
		Example: "  sipsteer silence list\n  sipsteer silence list --json | jq '.[].id'",
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			cs, err := a.clients()
			if err != nil {
				return err
			}
			st, err := ask(cmd.Context(), cs, func(ctx context.Context, c *api.Client) (api.Status, error) { return c.Status(ctx) })
			if err != nil {
				return err
			}
			a.printSilences(st.Silences)
			return nil
		}),
	}
}

func (a *app) printSilences(all []api.SilenceStatus) {
	if a.json {
		a.printJSON(all)
		return
	}
	if len(all) == 0 {
		fmt.Fprintln(a.streams.Out, "nothing is silenced")
		return
	}
	rows := [][]string{{"NAME", "WHAT", "FAILS", "ENDS (UTC)", "BY", "WHY"}}
	for _, s := range all {
		fails := "-"
		if len(s.Quiet) > 0 {
			fails = strings.Join(s.Quiet, " ")
		}
		rows = append(rows, []string{s.ID, silenced(s), fails, s.Until.UTC().Format(time.DateTime), clean(s.Owner), clean(s.Reason)})
	}
	table(a.streams.Out, palette{a.colours()}, rows)
}

// silenced names what a silence is about.
func silenced(s api.SilenceStatus) string {
	text := s.Site
	if s.Softswitch != "" {
		text += "/" + s.Softswitch
	}
	if s.Transport != "" {
		text += " over " + s.Transport
	}
	if s.Check != "" {
		text += " (" + clean(s.Check) + ")"
	}
	return text
}

// writeSilences says what nobody is told of, until when, and what ends that.
func writeSilences(w io.Writer, p palette, st api.Status) {
	for _, s := range st.Silences {
		fmt.Fprintf(w, "%s %s, by %s (%s), ends in %s\n  next: sipsteer silence end %s   # people are told again\n", p.warn("silence"),
			silenced(s), clean(s.Owner), clean(s.Reason), s.Until.Sub(st.Time).Round(time.Second), s.ID)
	}
}
