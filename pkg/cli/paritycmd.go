package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// parityTimeout leaves room for the calls to a test number.
const parityTimeout = 30 * time.Second

func (a *app) parityCmd() *cobra.Command {
	var transport string
	c := &cobra.Command{
		Use: "parity", Short: "Put the same questions to every site and show what they answer differently", Args: exactArgs(),
		Long: `Asks OPTIONS, REGISTER without a password and, where there is a canary, a whole
login at every softswitch, and compares the answers field by field: status,
challenge, lists of what is supported, lifetimes, headers. Where a call check has
a number, it is called: codecs, media, and in which forms numbers are understood.
Phones that are moved meet these differences; a difference may be meant. Of one that
does not answer now, what it answered within the last day is compared, if this agent
has asked since it started. sipsteer plan shows the differences between the sites
that phones leave and come to.

Exit codes: 0 all the same, 1 something differs, 2 wrong usage, 4 no agent
reachable.`,
		Example: "  sipsteer parity\n  sipsteer parity --transport tls --json",
	}
	c.Flags().StringVar(&transport, "transport", "udp", "over which is asked: udp, tcp, tls, ws, wss")
	c.RunE = run(func(cmd *cobra.Command, _ []string) error {
		over, err := fleet.ParseTransport(transport)
		if err != nil {
			return &usageError{fmt.Sprintf("--transport is %q", transport), "--transport udp, tcp, tls, ws or wss"}
		}
		transport = over.String()
		cs, err := a.clients()
		if err != nil {
			return err
		}
		t, err := each(cmd.Context(), cs, parityTimeout, func(ctx context.Context, c *api.Client) (api.ParityTable, error) { return c.Parity(ctx, transport) })
		if err != nil {
			return err
		}
		if a.json {
			a.printJSON(t)
		} else {
			a.writeParity(t)
		}
		for _, q := range t.Questions {
			if len(q.Differences) > 0 {
				return &exitError{1}
			}
		}
		return nil
	})
	return c
}

func (a *app) writeParity(t api.ParityTable) {
	p, w := palette{a.colours()}, a.streams.Out
	fmt.Fprintf(w, "asked by agent %s over %s: %s\n", t.Agent, t.Transport, strings.Join(t.Places, ", "))
	for _, q := range t.Questions {
		switch {
		case len(q.Differences) > 0:
			fmt.Fprintf(w, "%s: %s\n", q.Question, p.warn(count(len(q.Differences), "difference")))
		case len(q.Answers) < 2:
			fmt.Fprintf(w, "%s: not compared\n", q.Question)
		default:
			fmt.Fprintf(w, "%s: %s at %s\n", q.Question, p.good("the same"), fmt.Sprintf("%d softswitches", len(q.Answers)))
		}
		for _, place := range t.Places {
			if at, ok := q.Earlier[place]; ok {
				fmt.Fprintf(w, "  %s\n", p.dim(fmt.Sprintf("%s does not answer now; compared is what it answered at %s", place, at.UTC().Format("2006-01-02 15:04:05 UTC"))))
			}
		}
		if q.Skipped != "" {
			fmt.Fprintf(w, "  %s\n", p.dim(q.Skipped))
		}
		rows := [][]string{append([]string{"  FIELD"}, t.Places...)}
		for _, d := range q.Differences {
			row := []string{"  " + clean(d.Field)}
			for _, place := range t.Places {
				v, ok := d.Values[place]
				if !ok {
					v = "-"
				}
				row = append(row, clean(v))
			}
			rows = append(rows, row)
		}
		if len(rows) > 1 {
			table(w, p, rows)
		}
	}
}
