package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// watchInterval is how often status --watch asks again.
const watchInterval = time.Second

func (a *app) statusCmd() *cobra.Command {
	var watch, checks bool
	c := &cobra.Command{
		Use: "status", Short: "Show sites, answers, intents and incidents", Args: exactArgs(),
		Long: `Shows who leads, the sites with their gates, what each service answers, what
people and automation have changed, and what to look at. Where a check is not up
everywhere there is a row for each site and a column for each kind of check, with
the transports that are not up; --checks shows it also when all is well.`,
		Example: "  sipsteer status\n  sipsteer status --checks\n  sipsteer status --watch\n  sipsteer status --json | jq '.services[0].transports.tls'",
	}
	c.Flags().BoolVar(&watch, "watch", false, "show again each second until interrupted; with --json one object a line")
	c.Flags().BoolVar(&checks, "checks", false, "show what is believed of each kind of check also when all is well")
	c.RunE = run(func(cmd *cobra.Command, _ []string) error {
		cs, err := a.clients()
		if err != nil {
			return err
		}
		if watch {
			return a.watch(cmd.Context(), cs, checks)
		}
		st, err := cs.status(cmd.Context())
		if err != nil {
			return err
		}
		if a.json {
			a.printJSON(st)
			return nil
		}
		writeStatus(a.streams.Out, palette{a.colours()}, st, checks)
		return nil
	})
	return c
}

// watch goes on when the agents cannot be reached: that is when it is needed.
func (a *app) watch(ctx context.Context, cs clients, checks bool) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		st, err := cs.status(ctx)
		if ctx.Err() != nil {
			return nil
		}
		a.show(st, err, checks)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (a *app) show(st api.Status, err error, checks bool) {
	if a.json {
		if err != nil {
			a.printLine(map[string]any{"error": err.Error()})
			return
		}
		a.printLine(st)
		return
	}
	var b strings.Builder
	if err != nil {
		fmt.Fprintf(&b, "%s  %v\n", time.Now().Format(time.TimeOnly), err)
	} else {
		writeStatus(&b, palette{a.colours()}, st, checks)
	}
	if terminal(a.streams.Out) {
		fmt.Fprint(a.streams.Out, "\x1b[H\x1b[2J") // to the top left, and clear
	}
	fmt.Fprintln(a.streams.Out, b.String())
}

// writeStatus prints a status for people.
func writeStatus(w io.Writer, p palette, st api.Status, checks bool) {
	leader, quorum := st.Leader, "yes"
	if leader == "" {
		leader = "none"
	}
	if !st.Quorum {
		quorum = "no"
	}
	fmt.Fprintf(w, "epoch %s   leader %s   quorum %s   seen by %s at %s\n\n", p.bold(fmt.Sprint(st.Epoch)), leader, p.word(quorum), st.Agent, st.Time.Format(time.TimeOnly))
	writeSites(w, p, st)
	writeMatrix(w, p, st, checks)
	writeServices(w, p, st)
	writeAgents(w, p, st)
	writeIntents(w, p, st)
	writeSilences(w, p, st)
	writeKeptOut(w, p, st)
	writeAdvice(w, p, st)
	writeAttention(w, p, st)
	writeConcerns(w, p, st)
	for _, in := range st.Incidents {
		fmt.Fprintf(w, "%s %s %s, %s, since %s: %s\n", p.bad("incident"), in.ID, in.State, in.Severity, in.OpenedAt.Format(time.TimeOnly), clean(in.Summary))
	}
}

func writeSites(w io.Writer, p palette, st api.Status) {
	transports := []string{}
	for _, s := range st.Sites {
		for t := range s.Transports {
			if !slices.Contains(transports, t) {
				transports = append(transports, t)
			}
		}
	}
	slices.Sort(transports)
	head := []string{"SITE", "INTENT", "GATE"}
	for _, t := range transports {
		head = append(head, strings.ToUpper(t))
	}
	rows := [][]string{append(head, "")}
	for _, s := range st.Sites {
		row := []string{s.Name, p.word(s.Intent), gateText(p, s)}
		var notes []string
		for _, t := range transports {
			row = append(row, p.word(s.Transports[t])+inMaintenance(p, s, t))
			if d := s.Detail[t]; d != "" {
				notes = append(notes, t+" "+clean(d))
			}
		}
		notes = append(notes, refusedNotes(s.GateParts)...)
		rows = append(rows, append(row, p.dim(strings.Join(notes, "; "))))
	}
	table(w, p, rows)
	fmt.Fprintln(w)
}

// gateText is what a gate does: the mode of its most open transport, and the
// transports that it refuses more of.
func gateText(p palette, s api.SiteStatus) string {
	out := gateWord(p, s.Gate, s.GateParts)
	for _, t := range slices.Sorted(maps.Keys(s.Gates)) {
		if s.Gates[t] != s.Gate {
			out += ", " + t + " " + p.word(s.Gates[t])
		}
	}
	if s.Reflex {
		out += " (softswitch dead)"
	}
	return out
}

func writeServices(w io.Writer, p palette, st api.Status) {
	rows := [][]string{{"SERVICE", "VIA", "TTL", "ANSWER, BEST FIRST (PRIORITY/WEIGHT)", "LEFT OUT"}}
	for _, s := range st.Services {
		transports := make([]string, 0, len(s.Transports))
		for t := range s.Transports {
			transports = append(transports, t)
		}
		slices.Sort(transports)
		name := s.Name
		for _, t := range transports {
			rows = append(rows, []string{name, t, fmt.Sprint(s.TTL), targets(s.Transports[t]), p.warn(leftOut(st, t, s.Transports[t]))})
			name = ""
		}
		for _, c := range s.Cohorts {
			name := fmt.Sprintf("  %d %% of tenants", c.Percent)
			for _, t := range slices.Sorted(maps.Keys(c.Transports)) {
				rows = append(rows, []string{name, t, fmt.Sprint(s.TTL), targets(c.Transports[t]), p.warn(leftOut(st, t, c.Transports[t]))})
				switch buckets := "  buckets " + c.Cohort; name {
				case buckets, "":
					name = ""
				default:
					name = buckets
				}
			}
		}
	}
	table(w, p, rows)
	fmt.Fprintln(w)
}

func targets(ts []steer.Target) string {
	out := make([]string, len(ts))
	for i, t := range ts {
		out[i] = fmt.Sprintf("%s %d/%d", t.Site, t.Priority, t.Weight)
	}
	return strings.Join(out, "  ")
}

func leftOut(st api.Status, transport string, in []steer.Target) string {
	var out []string
	for _, s := range st.Sites {
		if _, has := s.Transports[transport]; has && !slices.ContainsFunc(in, func(t steer.Target) bool { return string(t.Site) == s.Name }) {
			out = append(out, s.Name)
		}
	}
	return strings.Join(out, " ")
}

func writeAgents(w io.Writer, p palette, st api.Status) {
	rows := [][]string{{"AGENT", "SITE", "REACHED", "ANSWERS EPOCH", ""}}
	for _, ag := range st.Agents {
		reached, epoch := p.good("yes"), fmt.Sprint(ag.Epoch)
		if !ag.Reachable {
			reached, epoch = p.bad("no"), "?"
		}
		trouble := p.bad(clean(ag.Problem))
		if ag.Problem == "" && ag.Late != nil {
			trouble = p.warn(ag.Late.Sentence())
		}
		rows = append(rows, []string{ag.Name, ag.Site, reached, epoch, trouble})
	}
	table(w, p, rows)
	fmt.Fprintln(w)
}

func writeIntents(w io.Writer, p palette, st api.Status) {
	left := func(t time.Time) string { return t.Sub(st.Time).Round(time.Second).String() }
	for _, d := range st.Drains {
		scope := d.Site
		if d.Service != "" {
			scope += " for " + d.Service
		}
		if d.Transport != "" {
			scope += " over " + d.Transport
		}
		if d.Cohort != "" {
			scope += " for cohort " + d.Cohort
		}
		fmt.Fprintf(w, "%s %s: %s, by %s (%s), ends in %s\n", p.warn("drain"), scope, d.Stage, clean(d.Owner), clean(d.Reason), left(d.Until))
	}
	for _, o := range st.Outs {
		fmt.Fprintf(w, "%s %s over %s, by %s (%s), for %s", p.warn("out"), o.Site, strings.Join(o.Transports, ", "), clean(o.By), clean(o.Reason), st.Time.Sub(o.Since).Round(time.Second))
		switch {
		case o.Until.IsZero():
		case o.Stays != "":
			fmt.Fprintf(w, "; its end came %s ago, but it stays out: %s", st.Time.Sub(o.Until).Round(time.Second), clean(o.Stays))
		default:
			fmt.Fprintf(w, ", ends in %s", left(o.Until))
		}
		if o.Next != "" {
			fmt.Fprintf(w, "; next: %s", o.Next)
		}
		fmt.Fprintln(w)
	}
	for _, f := range st.Failbacks {
		site, of := f.Site, ""
		if f.Cohort != "" {
			site += " for cohort " + f.Cohort
		}
		if f.Pace == string(fleet.PaceCohorts) {
			of = " of the tenants"
		}
		fmt.Fprintf(w, "%s %s: %d %%%s, by %s (%s), next step %s\n", p.warn("failback"), site, f.Share, of, clean(f.Owner), clean(f.Reason), strings.TrimSpace(f.Next+" "+clean(f.Waits)))
	}
	for _, r := range st.Runs {
		book := r.Book
		if r.Cohort != "" {
			book += " for cohort " + r.Cohort
		}
		fmt.Fprintf(w, "%s %s (%s): %s, by %s", p.warn("run"), r.ID, book, r.State, clean(r.Owner))
		if r.Next != "" {
			fmt.Fprintf(w, "; next: %s", r.Next)
		}
		fmt.Fprintln(w)
	}
	for _, h := range st.Holds {
		what := "the whole fleet"
		if h.Service != "" {
			what = h.Service
		}
		fmt.Fprintf(w, "%s %s: automation is off, by %s (%s), ends in %s\n", p.warn("hold"), what, clean(h.Owner), clean(h.Reason), left(h.Until))
	}
	for _, b := range st.Blocks {
		fmt.Fprintf(w, "%s %s: automation moved it away from %s and leaves it alone for %s; sipsteer ack --service %s\n", p.dim("block"), b.Service, b.Site, left(b.Until), b.Service)
	}
}

// writeAttention names what fails and steers nothing, each check once.
func writeAttention(w io.Writer, p palette, st api.Status) {
	said := map[string]bool{}
	for _, x := range st.Attention {
		if key := x.Check.String(); !said[key] {
			said[key] = true
			fmt.Fprintf(w, "%s %s, seen by %s: %s\n", p.bad("look at"), key, x.Agent, clean(cmp.Or(x.Detail, x.Cause)))
			if x.Next != "" {
				fmt.Fprintf(w, "  next: %s\n", clean(x.Next))
			}
		}
	}
}

// writeAdvice says each thing once, however many slots it is about.
func writeAdvice(w io.Writer, p palette, st api.Status) {
	said := map[string]bool{}
	for _, x := range st.Advice {
		if key := x.Site + x.Rule; !said[key] {
			said[key] = true
			fmt.Fprintf(w, "%s holds back at %s (%s): %s\n  next: %s\n", p.bad("automation"), x.Site, x.Rule, clean(x.Text), x.Next)
		}
	}
}
