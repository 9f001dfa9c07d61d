package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
)

func (a *app) doctorCmd() *cobra.Command {
	return &cobra.Command{
		Use: "doctor [AGENT]", Short: "Check the agents' replicas, disks and identities, and say what is wrong, most urgent first",
		Long: `Asks each agent, or the one that is named, how its replica, its disk, its copies and
its identity are. Exit code 1 if something must be done now.`,
		Example: "  sipsteer doctor\n  sipsteer doctor ottawa --json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) <= 1 {
				return nil
			}
			return exactArgs("AGENT")(cmd, args)
		},
		RunE: run(func(cmd *cobra.Command, args []string) error {
			cs, err := a.clients()
			if err != nil {
				return err
			}
			var chosen clients
			for _, c := range cs {
				if len(args) == 0 || c.Name() == args[0] {
					chosen = append(chosen, c)
				}
			}
			if len(chosen) == 0 {
				return &usageError{fmt.Sprintf("no agent of the client file is called %q", args[0]), "sipsteer agent list"}
			}
			return a.examine(cmd.Context(), chosen)
		}),
	}
}

// examine asks the agents one after the other. An agent that does not answer is
// a finding.
func (a *app) examine(ctx context.Context, cs clients) error {
	type patient struct {
		Agent  string           `json:"agent"`
		Store  *api.StoreStatus `json:"store,omitempty"`
		Silent string           `json:"silent,omitempty"`
	}
	urgent := false
	var all []patient
	for _, c := range cs {
		s, err := try(ctx, c, readTimeout, func(ctx context.Context, c *api.Client) (api.StoreStatus, error) { return c.Store(ctx) })
		if err != nil {
			all, urgent = append(all, patient{Agent: c.Name(), Silent: err.Error()}), true
			continue
		}
		all = append(all, patient{Agent: c.Name(), Store: &s})
		for _, f := range s.Findings {
			urgent = urgent || f.Urgency == "now"
		}
	}
	p := palette{a.colours()}
	switch {
	case a.json:
		a.printJSON(all)
	default:
		for _, x := range all {
			if x.Store == nil {
				fmt.Fprintf(a.streams.Out, "%s: %s %s\n", x.Agent, p.bad("now"), clean(x.Silent))
				continue
			}
			a.writeFindings(p, *x.Store)
		}
	}
	if urgent {
		return &exitError{1}
	}
	return nil
}

func (a *app) writeFindings(p palette, s api.StoreStatus) {
	w := a.streams.Out
	fmt.Fprintf(w, "%s: %s, term %d, applied %d of %d; writes %.1f ms (p99), %.0f %% of the disk free\n",
		p.bold(s.Agent), s.Role, s.Term, s.Applied, s.Commit, 1000*s.WriteP99, 100*float64(s.DiskFree)/float64(max(s.DiskSize, 1)))
	if s.DelayedFile != "" {
		fmt.Fprintf(w, "  delayed copy of %s (UTC), %s\n        %s\n", s.DelayedAt.UTC().Format(time.DateTime), describePractice(s.DelayedPractice), s.DelayedFile)
	}
	if len(s.Findings) == 0 {
		fmt.Fprintf(w, "  %s\n", p.good("nothing is wrong"))
	}
	for _, f := range s.Findings {
		word := p.dim(f.Urgency)
		switch f.Urgency {
		case "now":
			word = p.bad(f.Urgency)
		case "soon":
			word = p.warn(f.Urgency)
		}
		fmt.Fprintf(w, "  %s  %s\n        next: %s\n", word, clean(f.Text), f.Next)
	}
}

// describePractice says how the delayed copy was restored last.
func describePractice(p *api.CopyPractice) string {
	switch {
	case p == nil:
		return "not restored for practice yet"
	case p.Problem != "":
		return "could not be restored for practice at " + p.At.UTC().Format(time.DateTime)
	}
	return fmt.Sprintf("restored for practice at %s in %.2f s, with %d record sets to answer", p.At.UTC().Format(time.DateTime), p.Took, p.Records)
}
