package cli

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
)

func (a *app) stragglersCmd() *cobra.Command {
	var asCSV bool
	c := &cobra.Command{
		Use: "stragglers SITE", Short: "List who still comes to a drained site, why, and what to try", Args: exactArgs("SITE"),
		Long: `Lists the devices and trunks that still come to a drained site after every old
answer of the name servers has run out, although they were told to go: address
of record, source, User-Agent, the likely reason and a step to try. Those that
are registered at another site by now only ask here first.`,
		Example: "  sipsteer stragglers calgary\n  sipsteer stragglers calgary --csv > call-these.csv",
	}
	c.Flags().BoolVar(&asCSV, "csv", false, "print CSV, for a spreadsheet")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		if asCSV && a.json {
			return &usageError{"--csv and --json together", "give one of them"}
		}
		cs, err := a.clients()
		if err != nil {
			return err
		}
		l, err := ask(cmd.Context(), cs, func(ctx context.Context, c *api.Client) (api.StragglerList, error) {
			return c.Stragglers(ctx, args[0])
		})
		switch {
		case err != nil:
			return err
		case a.json:
			a.printJSON(l)
			return nil
		case asCSV:
			return writeStragglerCSV(a.streams.Out, l)
		}
		writeStragglers(a.streams.Out, palette{a.colours()}, l)
		return nil
	})
	return c
}

func writeStragglers(w io.Writer, p palette, l api.StragglerList) {
	switch {
	case len(l.Items) > 0:
	case l.Gate == "open":
		fmt.Fprintf(w, "%s is open: nobody is asked to leave\n", l.Site)
		return
	case l.Horizon == nil:
		fmt.Fprintf(w, "none at %s: nothing of it has left the name servers' answers yet\n", l.Site)
		return
	case time.Now().Before(*l.Horizon):
		fmt.Fprintf(w, "none at %s yet: old answers run out at %s UTC\n", l.Site, l.Horizon.UTC().Format(time.TimeOnly))
		return
	default:
		fmt.Fprintf(w, "none at %s\n", l.Site)
		return
	}
	for _, s := range l.Items {
		kind := "device"
		if s.Trunk {
			kind = "trunk"
		}
		fmt.Fprintf(w, "%s  %s %s over %s, %s\n", p.bold(clean(s.AoR)), kind, s.Source, s.Transport, clean(s.UserAgent))
		fmt.Fprintf(w, "  refused %d times since %s UTC, last at %s, every %s\n", s.Refusals, s.First.UTC().Format(time.TimeOnly), s.Last.UTC().Format(time.TimeOnly), s.Every)
		reason := p.warn(s.Reason)
		if s.RegisteredAt != "" {
			reason = p.good("registered at " + clean(s.RegisteredAt))
		}
		fmt.Fprintf(w, "  %s: %s\n", reason, clean(s.Step))
		if s.Asked != nil {
			fmt.Fprintf(w, "  asked to look again at %s UTC: %s\n", s.Asked.UTC().Format(time.TimeOnly), said(p, s.Answer))
		}
	}
}

func writeStragglerCSV(w io.Writer, l api.StragglerList) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"site", "aor", "kind", "source", "transport", "user_agent", "first", "last", "refusals", "every", "reason", "registered_at", "step", "asked", "answer"})
	for _, s := range l.Items {
		kind := "device"
		if s.Trunk {
			kind = "trunk"
		}
		asked := ""
		if s.Asked != nil {
			asked = s.Asked.UTC().Format(time.RFC3339)
		}
		_ = out.Write([]string{
			l.Site, cell(s.AoR), kind, s.Source, s.Transport, cell(s.UserAgent), s.First.UTC().Format(time.RFC3339), s.Last.UTC().Format(time.RFC3339),
			fmt.Sprint(s.Refusals), s.Every, s.Reason, cell(s.RegisteredAt), s.Step, asked, s.Answer,
		})
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write stragglers: %w", err)
	}
	return nil
}

// cell keeps a spreadsheet from taking a stranger's text for a formula.
func cell(s string) string {
	s = clean(s)
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}
