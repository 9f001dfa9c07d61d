package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func (a *app) printLine(v any) {
	b, err := json.Marshal(v)
	if err == nil {
		fmt.Fprintln(a.streams.Out, string(b))
	}
}

func (a *app) historyCmd() *cobra.Command {
	var limit int
	var epochs, verify, follow bool
	var after uint64
	var export string
	c := &cobra.Command{
		Use: "history", Short: "Show what happened, by whom and why; or prove that it was not changed", Args: exactArgs(),
		Long: `Shows the audit trail. With --epochs, the decisions that show, diff and rollback
can go back to. With --verify, every agent reads its whole past again, checks the
chain of hashes through it, and what the agents have is compared; exit code 1
names what was changed or lost. With --export, every event that an agent keeps (90
days, not only the last 500) is written with who, from where, why, before and after,
and with the chain of hashes up to it: as one JSON object a line, or as messages of
syslog (RFC 5424). --after goes on behind an export; --follow waits for more.`,
		Example: "  sipsteer history --limit 10\n  sipsteer history --export jsonl >> audit.jsonl\n  sipsteer history --export syslog --follow --after 4711 | ncat --ssl logs.example.net 6514\n  sipsteer history --epochs\n  sipsteer history --verify",
	}
	c.Flags().BoolVar(&epochs, "epochs", false, "list the epochs that are kept")
	c.Flags().BoolVar(&verify, "verify", false, "check the chain of hashes on every agent, and that all agree")
	c.Flags().IntVar(&limit, "limit", 50, "how many events, at most 500")
	c.Flags().StringVar(&export, "export", "", "jsonl or syslog: write every event that is kept, one a line")
	c.Flags().Uint64Var(&after, "after", 0, "with --export: only what came after this log entry")
	c.Flags().BoolVar(&follow, "follow", false, "with --export: wait for more until interrupted")
	c.RunE = run(func(cmd *cobra.Command, _ []string) error {
		if export != "" && export != "jsonl" && export != "syslog" {
			return &usageError{fmt.Sprintf("--export is %q", export), "--export jsonl, or --export syslog"}
		}
		if limit < 1 || limit > steer.MaxEvents {
			return &usageError{"--limit is " + strconv.Itoa(limit), fmt.Sprintf("a number from 1 to %d", steer.MaxEvents)}
		}
		cs, err := a.clients()
		if err != nil {
			return err
		}
		switch {
		case export != "":
			return a.exportHistory(cmd.Context(), cs, export, after, follow)
		case verify:
			return a.verifyHistory(cmd.Context(), cs)
		case epochs:
			return a.listEpochs(cmd.Context(), cs, limit)
		}
		events, err := ask(cmd.Context(), cs, func(ctx context.Context, c *api.Client) ([]steer.Event, error) { return c.History(ctx, limit) })
		if err != nil {
			return err
		}
		if a.json {
			a.printJSON(events)
			return nil
		}
		p := palette{a.colours()}
		rows := [][]string{{"TIME (UTC)", "EPOCH", "WHAT", "BY", ""}}
		for _, e := range events {
			text := clean(e.Text)
			if e.Reason != "" && !strings.Contains(e.Text, e.Reason) {
				text += p.dim(" — " + clean(e.Reason))
			}
			rows = append(rows, []string{e.At.UTC().Format(time.DateTime), fmt.Sprint(e.Epoch), string(e.Kind), clean(e.By), text})
		}
		table(a.streams.Out, p, rows)
		return nil
	})
	return c
}

func (a *app) whyCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "why NAME", Short: "Explain why a name is answered as it is", Args: exactArgs("NAME"),
		Example: "  sipsteer why _sips._tcp.west.voice.example.net\n  sipsteer why west\n  sipsteer why acme.voice.example.net   # a tenant: its bucket and cohort, too",
	}
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		cs, err := a.clients()
		if err != nil {
			return err
		}
		e, err := ask(cmd.Context(), cs, func(ctx context.Context, c *api.Client) (steer.Explanation, error) { return c.Why(ctx, args[0]) })
		if err != nil {
			return err
		}
		if a.json {
			a.printJSON(e)
			return nil
		}
		a.writeWhy(e)
		return nil
	})
	return c
}

func (a *app) writeWhy(e steer.Explanation) {
	p, w := palette{a.colours()}, a.streams.Out
	fmt.Fprintf(w, "%s at epoch %d\n", p.bold(e.Name), e.Epoch)
	if e.Tenant != nil {
		fmt.Fprintf(w, "  %s\n", e.Tenant)
	}
	for _, r := range e.Records {
		fmt.Fprintf(w, "\n  %s %d %s\n    %s\n", r.Type, r.TTL, r.Text, clean(r.Reason))
		for _, c := range r.Checks {
			fmt.Fprintf(w, "    %s\n", p.dim(clean(c)))
		}
	}
	for _, l := range e.LeftOut {
		fmt.Fprintf(w, "\n  %s %s over %s\n    %s\n", p.warn("left out:"), l.Site, l.Transport, clean(l.Reason))
		for _, c := range l.Checks {
			fmt.Fprintf(w, "    %s\n", p.dim(clean(c)))
		}
	}
	for _, h := range e.HeldBack {
		fmt.Fprintf(w, "\n  %s %s over %s (%s)\n    %s\n    next: %s\n", p.warn("held back:"), h.Site, h.Transport, h.Rule, clean(h.Text), clean(h.Next))
	}
	for _, k := range e.KeptOut {
		fmt.Fprintf(w, "\n  %s %s\n    %s\n", p.warn("kept out:"), sourceAt(k.Source, string(k.Site)), clean(k.Reason))
		fmt.Fprintf(w, "    %s\n", p.dim(fmt.Sprintf("by %s, until %s", clean(k.Owner), k.Until.UTC().Format("15:04:05 UTC"))))
	}
	for _, s := range e.Silences {
		fmt.Fprintf(w, "\n  %s %s\n    %s\n", p.warn("silenced:"), s.SilenceScope, clean(s.Reason))
		fmt.Fprintf(w, "    %s\n", p.dim(fmt.Sprintf("by %s, until %s", clean(s.Owner), s.Until.UTC().Format("15:04:05 UTC"))))
	}
	writeSeen(w, p, e.Evidence)
	if len(e.Events) > 0 {
		fmt.Fprintln(w, "\n  last changes:")
	}
	for _, ev := range e.Events {
		fmt.Fprintf(w, "    %s epoch %d, %s: %s\n", ev.At.UTC().Format(time.TimeOnly), ev.Epoch, clean(ev.By), clean(ev.Text))
	}
}

// writeSeen prints what was seen when checks failed last.
func writeSeen(w io.Writer, p palette, all []steer.Evidence) {
	if len(all) > 0 {
		fmt.Fprintln(w, "\n  what was seen at the last failure (sipsteer checks --show-wire: in full):")
	}
	for _, e := range all {
		fmt.Fprintf(w, "    %s %s, seen by %s: %s: %s\n", e.At.UTC().Format(time.TimeOnly), e.Check, clean(string(e.Agent)), clean(string(e.Cause)), clean(e.Detail))
		for _, line := range e.Wire {
			fmt.Fprintf(w, "      %s\n", p.dim(clean(line)))
		}
	}
}
