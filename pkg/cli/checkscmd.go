package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/health"
)

func (a *app) checksCmd() *cobra.Command {
	var site string
	var bad, wire, sites, times bool
	c := &cobra.Command{
		Use: "checks", Short: "Show what every agent sees of every softswitch", Args: exactArgs(),
		Long: `Shows every check, what the agents together believe of it, and what each of
them sees. A check without a verdict is only shown and moves nothing. With
--json the last results of each check are there too. --show-wire prints what
went over the wire when a check that is down failed last. --sites shows less: a
row for each site, a column for each kind, and in it the worst. --times shows how
long answers took since each agent asks, as shares and as a histogram.`,
		Example: "  sipsteer checks\n  sipsteer checks --site calgary --bad --show-wire\n  sipsteer checks --sites\n  sipsteer checks --times --site calgary\n  sipsteer checks --json",
	}
	c.Flags().StringVar(&site, "site", "", "only this site")
	c.Flags().BoolVar(&bad, "bad", false, "only checks that somebody does not see up")
	c.Flags().BoolVar(&wire, "show-wire", false, "print what was sent and received when a check that is down failed last")
	c.Flags().BoolVar(&sites, "sites", false, "a row for each site, a column for each kind of check")
	c.Flags().BoolVar(&times, "times", false, "how long answers took, as a histogram")
	c.RunE = run(func(cmd *cobra.Command, _ []string) error {
		if times && (sites || bad || wire) {
			return &usageError{"--times goes with --site alone", "sipsteer checks --times   # of all checks that were answered"}
		}
		cs, err := a.clients()
		if err != nil {
			return err
		}
		agents, err := ask(cmd.Context(), cs, func(ctx context.Context, c *api.Client) ([]api.AgentChecks, error) { return c.Checks(ctx) })
		if err != nil {
			return err
		}
		if err := knownSite(agents, site); err != nil {
			return err
		}
		for i := range agents {
			agents[i].Checks = slices.DeleteFunc(agents[i].Checks, func(s api.CheckSeen) bool { return site != "" && string(s.Check.Site) != site })
		}
		if a.json {
			a.printJSON(agents)
			return nil
		}
		if sites {
			a.writeCheckSites(agents)
			return nil
		}
		if times {
			a.writeCheckTimes(agents)
			return nil
		}
		a.writeChecks(agents, bad)
		if wire {
			a.writeEvidence(agents)
		}
		return nil
	})
	return c
}

// knownSite refuses a site of which nobody has a check: an empty table would look
// like one where all is well.
func knownSite(agents []api.AgentChecks, site string) error {
	sites := map[string]bool{}
	for _, ag := range agents {
		for _, c := range ag.Checks {
			sites[string(c.Check.Site)] = true
		}
	}
	if site == "" || sites[site] {
		return nil
	}
	delete(sites, "") // of the name servers
	return &usageError{fmt.Sprintf("nobody checks a site called %q", site), "one of " + strings.Join(slices.Sorted(maps.Keys(sites)), ", ")}
}

// writeChecks prints the matrix: a row for each check, a column for each agent.
func (a *app) writeChecks(agents []api.AgentChecks, onlyBad bool) {
	p, w := palette{a.colours()}, a.streams.Out
	seen := map[health.Check][]*api.CheckSeen{}
	head := []string{"SITE", "SOFTSWITCH", "OVER", "CHECK", "VERDICT"}
	for i, ag := range agents {
		head = append(head, ag.Agent)
		for j := range ag.Checks {
			c := &ag.Checks[j]
			if seen[c.Check] == nil {
				seen[c.Check] = make([]*api.CheckSeen, len(agents))
			}
			seen[c.Check][i] = c
		}
	}
	rows, why := [][]string{head}, []string{}
	for _, c := range slices.SortedFunc(maps.Keys(seen), health.Check.Compare) {
		row := []string{string(c.Site), string(c.Switch), c.Transport.String(), string(c.Kind), ""}
		allUp := true
		for i, s := range seen[c] {
			if s == nil {
				row = append(row, "-")
				continue
			}
			row[4] = cmp.Or(p.word(s.Verdict), p.dim("shown"))
			if s.Maintenance {
				row[4] += p.dim(" (maintenance)")
			}
			row = append(row, p.word(s.Status))
			allUp = allUp && s.Status == "up"
			if s.Status == "down" {
				why = append(why, fmt.Sprintf("%s, seen by %s: %s: %s", c, agents[i].Agent, s.Cause, clean(s.Detail)))
			}
		}
		if !onlyBad || !allUp {
			rows = append(rows, row)
		}
	}
	table(w, p, rows)
	for _, line := range why {
		fmt.Fprintln(w, p.bad("down: ")+line)
	}
	for _, ag := range agents {
		if ag.Problem != "" {
			fmt.Fprintf(w, "%s %s: %s\n", p.warn("agent"), ag.Agent, clean(ag.Problem))
		}
	}
}

// writeEvidence prints the transcripts of the checks that are down, each from
// every agent that has one.
func (a *app) writeEvidence(agents []api.AgentChecks) {
	p, w := palette{a.colours()}, a.streams.Out
	for _, ag := range agents {
		for _, c := range ag.Checks {
			if len(c.Wire) > 0 && c.Status == "down" {
				fmt.Fprintf(w, "\n%s, seen by %s: %s: %s\n", p.bold(c.Check.String()), ag.Agent, c.Cause, clean(c.Detail))
				writeWire(w, p, c.Wire)
			}
		}
	}
}
