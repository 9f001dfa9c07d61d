package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func (a *app) incidentCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "incident", Short: "List incidents, and say what people know of them",
		Long: `An incident is opened by the checks, or by a person who sees what no check sees.
Its record is replicated: what began it, what the program and people did, until
all is as before. sipsteer report makes the report of it.

States: investigating, identified (a person named the cause), monitoring (all is
up again), resolved. One that a person has declared or identified is resolved by
a person; the others end by themselves.`,
		Example: "  sipsteer incident list\n  sipsteer incident identify inc-412 --cause \"certificate store full\"",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Sprintf("unknown command %q for incident", args[0]), "sipsteer incident --help   # lists them"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.incidentListCmd(), a.incidentShowCmd(), a.incidentDeclareCmd(), a.incidentNoteCmd(), a.incidentIdentifyCmd(), a.incidentResolveCmd())
	return c
}

func (a *app) incidents(ctx context.Context) ([]steer.Incident, error) {
	cs, err := a.clients()
	if err != nil {
		return nil, err
	}
	return ask(ctx, cs, func(ctx context.Context, c *api.Client) ([]steer.Incident, error) { return c.Incidents(ctx) })
}

func (a *app) incidentListCmd() *cobra.Command {
	var open bool
	c := &cobra.Command{Use: "list", Short: "List incidents, oldest first", Args: exactArgs(), Example: "  sipsteer incident list --open"}
	c.Flags().BoolVar(&open, "open", false, "only those that are not resolved")
	c.RunE = run(func(cmd *cobra.Command, _ []string) error {
		list, err := a.incidents(cmd.Context())
		if err != nil {
			return err
		}
		p := palette{a.colours()}
		rows := [][]string{{"ID", "OPENED (UTC)", "STATE", "SEVERITY", "LED BY", "WHAT"}}
		shown := []steer.Incident{}
		for _, in := range list {
			if open && !in.Open() {
				continue
			}
			shown = append(shown, in)
			state := p.good(string(in.State))
			if in.Open() {
				state = p.bad(string(in.State))
			}
			rows = append(rows, []string{in.ID, in.OpenedAt.UTC().Format(time.DateTime), state, string(in.Severity), dash(clean(in.Owner)), clean(in.Summary)})
		}
		if a.json {
			a.printJSON(shown)
			return nil
		}
		if len(shown) == 0 {
			fmt.Fprintln(a.streams.Out, "no incidents")
			return nil
		}
		table(a.streams.Out, p, rows)
		return nil
	})
	return c
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func (a *app) incidentShowCmd() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show one incident with its timeline", Args: exactArgs("ID"), Example: "  sipsteer incident show inc-412",
		RunE: run(func(cmd *cobra.Command, args []string) error {
			list, err := a.incidents(cmd.Context())
			if err != nil {
				return err
			}
			s := steer.State{Incidents: list}
			in := s.Incident(args[0])
			if in == nil {
				return &usageError{fmt.Sprintf("no incident is called %q", args[0]), "sipsteer incident list"}
			}
			if a.json {
				a.printJSON(in)
				return nil
			}
			a.writeIncident(in)
			return nil
		}),
	}
}

func (a *app) writeIncident(in *steer.Incident) {
	p, w := palette{a.colours()}, a.streams.Out
	fmt.Fprintf(w, "%s  %s, %s\n  %s\n", p.bold(in.ID), in.State, in.Severity, clean(in.Summary))
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %-11s %s\n", name, value)
		}
	}
	line("cause", clean(in.Cause))
	line("led by", clean(in.Owner))
	for _, x := range []struct {
		name string
		at   time.Time
	}{{"began", in.StartedAt}, {"opened", in.OpenedAt}, {"moved", in.MovedAt}, {"identified", in.IdentifiedAt}, {"all up", in.WellAt}, {"resolved", in.ResolvedAt}} {
		if !x.at.IsZero() {
			line(x.name, x.at.UTC().Format(time.DateTime)+" UTC")
		}
	}
	fmt.Fprintln(w)
	rows := [][]string{{"TIME (UTC)", "WHAT", "BY", ""}}
	for i, e := range in.Timeline {
		if in.Omitted > 0 && i == steer.TimelineHead {
			rows = append(rows, []string{"", "", "", p.warn(fmt.Sprintf("(%d events are left out here)", in.Omitted))})
		}
		rows = append(rows, []string{e.At.UTC().Format(time.DateTime), string(e.Kind), clean(e.By), clean(e.Text)})
	}
	table(w, p, rows)
	fmt.Fprintf(w, "\nreport: sipsteer report %s\n", in.ID)
}

// remark is the flags of a command that says something of an incident.
type remark struct {
	req   api.CommandRequest
	start string
}

func (a *app) remarkCmd(kind steer.Kind, use, short, long, example string, args ...string) (*cobra.Command, *remark) {
	r := &remark{req: api.CommandRequest{Kind: string(kind), Incident: &api.IncidentChange{}}}
	c := &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: exactArgs(args...)}
	c.Flags().StringVar(&r.req.By, "owner", "", "who says so; default $SIPSTEER_OWNER, else USER@HOST")
	c.Flags().StringVar(&r.req.Reason, "reason", "", "why, if it is not in the text")
	c.Flags().Bool("yes", false, "accepted as by every command; nothing is asked, since no traffic moves")
	return c, r
}

func (a *app) remark(cmd *cobra.Command, r *remark) error {
	cs, err := a.clients()
	if err != nil {
		return err
	}
	if r.req.By == "" {
		r.req.By = a.owner()
	}
	r.req.ID = requestID()
	return a.give(cmd.Context(), cs, r.req)
}

func (a *app) incidentNoteCmd() *cobra.Command {
	c, r := a.remarkCmd(steer.KindIncidentNote, "note ID TEXT", "Add a line to the timeline", "Adds a line to the timeline, also after the end.",
		`  sipsteer incident note inc-412 "vendor called, ticket 88123"`, "ID", "TEXT")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		r.req.Incident.ID, r.req.Incident.Text = args[0], args[1]
		return a.remark(cmd, r)
	})
	return c
}

func (a *app) incidentIdentifyCmd() *cobra.Command {
	c, r := a.remarkCmd(steer.KindIncidentIdentify, "identify ID", "Name the root cause", "Names the root cause. It stands in the status page and the report.",
		`  sipsteer incident identify inc-412 --cause "session ticket store full"`, "ID")
	c.Flags().StringVar(&r.req.Incident.Cause, "cause", "", "what broke (required)")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		r.req.Incident.ID = args[0]
		return a.remark(cmd, r)
	})
	return c
}

func (a *app) incidentResolveCmd() *cobra.Command {
	c, r := a.remarkCmd(steer.KindIncidentResolve, "resolve ID", "Close an incident with its root cause",
		"Closes an incident. It is refused while a check at its sites is down. On one that\nis resolved already it records the cause.",
		`  sipsteer incident resolve inc-412 --cause "session ticket store full"`, "ID")
	c.Flags().StringVar(&r.req.Incident.Cause, "cause", "", "root cause; required unless it was identified before")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		r.req.Incident.ID = args[0]
		return a.remark(cmd, r)
	})
	return c
}

func (a *app) incidentDeclareCmd() *cobra.Command {
	c, r := a.remarkCmd(steer.KindIncidentDeclare, "declare [ID]", "Open an incident, or take over one that the checks opened",
		"Opens an incident that no check has seen; with an ID it takes over one that the\nchecks have opened. From then on a person resolves it.",
		"  sipsteer incident declare --site ottawa --summary \"callers hear nothing\" --started 20m\n  sipsteer incident declare inc-412 --severity critical")
	f := c.Flags()
	f.StringSliceVar(&r.req.Incident.Sites, "site", nil, "a site that fails; repeatable")
	f.StringVar(&r.req.Incident.Text, "summary", "", "what callers see (required for a new one)")
	f.StringVar(&r.req.Incident.Severity, "severity", "", "minor, major or critical; default what the checks say, for a new one major")
	f.StringVar(&r.start, "started", "", "when callers were first hit: a time as 2026-05-04T03:05:00Z, or how long ago as 20m")
	c.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return &usageError{fmt.Sprintf("%q is one argument too many", args[1]), "usage: " + cmd.UseLine()}
		}
		return nil
	}
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			r.req.Incident.ID = args[0]
		}
		at, err := when(r.start, time.Now())
		if err != nil {
			return err
		}
		r.req.Incident.Started = at
		if r.req.Incident.ID == "" && strings.TrimSpace(r.req.Incident.Text) == "" {
			return &usageError{"a summary is required for a new incident", `sipsteer incident declare --site SITE --summary "what callers see"`}
		}
		return a.remark(cmd, r)
	})
	return c
}

// when reads a time, or how long ago it was.
func when(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return time.Time{}, &usageError{fmt.Sprintf("--started is %q", s), "a time as 2026-05-04T03:05:00Z, or how long ago as 20m"}
	}
	return now.Add(-d), nil
}
