package plan

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func percent(n int) string { return strconv.Itoa(n) + " %" }

// Write prints the plan for people.
func (p Plan) Write(w io.Writer) {
	fmt.Fprintf(w, "plan at epoch %d: %s\n", p.Epoch, p.Title())
	if p.Refusal != nil {
		p.writeRefusals(w)
		return
	}
	if t := p.Tenants; t != nil {
		fmt.Fprintf(w, "\ntenants: %d new, %d moved, %d removed, %d as they were; %d now, %d then\n", t.Added, t.Moved, t.Removed, t.Same, t.Before, t.After)
		if t.Before > 0 {
			fmt.Fprintf(w, "this touches %d %% of the names that are there\n", t.Percent())
		}
		return
	}
	if len(p.Records)+len(p.Gates)+len(p.Steps)+len(p.Settings) == 0 {
		fmt.Fprintln(w, "\nnothing would change")
		return
	}
	if n := p.Names; n != nil && n.Touched > 0 {
		fmt.Fprintf(w, "\nthis touches %d %% of the names: %d of %d services and tenants\n", n.Percent(), n.Touched, n.Of)
		if p.Touches > 0 {
			fmt.Fprintf(w, "with --yes it needs --touches %d (policy.touches_above)\n", p.Touches)
		}
	}
	writeSettings(w, "fleet file, at once", p.Settings)
	p.writeRecords(w, "records, at once")
	writeGates(w, "gates, at once", p.Gates)
	if len(p.Shares) > 0 {
		fmt.Fprintln(w, "\nnew registrations, when all is done:")
		for _, s := range p.Shares {
			who := ""
			if !s.Cohort.IsZero() {
				who = "   for " + s.Cohort.Words()
			}
			fmt.Fprintf(w, "  %-32s %-4s %s -> %s%s\n", s.Service, s.Transport, sharesText(s.Before), sharesText(s.After), who)
		}
	}
	p.writeDifferences(w)
	p.writeLoads(w)
	if len(p.Steps) > 0 {
		fmt.Fprintln(w, "\nthen, by itself:")
		for _, s := range p.Steps {
			fmt.Fprintf(w, "  +%-8s %s\n", seconds(s.After), s.Text)
		}
	}
	if p.To95 > 0 && p.Moved == nil {
		fmt.Fprintf(w, "\n95 %% of the phones that follow SRV move within %s; to see how many: services[].load in the fleet file\n", seconds(p.To95))
	}
	if p.Horizon > 0 {
		fmt.Fprintf(w, "\nold answers live at most %s in caches that honour TTLs\n", p.Horizon)
	}
}

// writeRefusals prints every guard that would refuse, and with how many words all
// of them are passed.
func (p Plan) writeRefusals(w io.Writer) {
	pass, hard := "", p.Refusal.Hard
	for i, r := range append([]steer.Refusal{*p.Refusal}, p.Also...) {
		and := ""
		if i > 0 {
			and = "and "
		}
		fmt.Fprintf(w, "\n%swould be refused by %s: %s\n  now    %s\n  limit  %s\n  next   %s\n", and, r.Rule, r.Text, r.Value, r.Limit, r.Next)
		pass, hard = pass+" --override "+string(r.Rule), hard || r.Hard
	}
	if len(p.Also) > 0 && !hard {
		fmt.Fprintf(w, "\nall of them are passed with%s\n", pass)
	}
}

// Title names the planned command.
func (p Plan) Title() string {
	c := p.Command
	t := string(c.Kind)
	if p.File != nil {
		t = "tenant import " + p.File.Path
	}
	if c.Past != nil {
		t += fmt.Sprintf(" to epoch %d", c.Past.Epoch)
	}
	if c.Site != "" {
		t += " " + string(c.Site)
	}
	if c.Silence != nil {
		t += ", only " + strings.TrimSpace(string(c.Silence.Switch)+" "+string(c.Silence.Check))
	}
	if c.Service != "" {
		t += " for " + string(c.Service)
	}
	if c.Transport != 0 {
		t += " over " + c.Transport.String()
	}
	if !c.Cohort.IsZero() {
		t += " for " + c.Cohort.Words()
	}
	if c.Pace != "" {
		t += " by " + string(c.Pace)
	}
	if c.Reason != "" {
		t += " (" + c.Reason + ")"
	}
	return t
}

func (p Plan) writeRecords(w io.Writer, title string) {
	if len(p.Records) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s:\n", title)
	for _, c := range p.Records {
		ttl := ""
		if c.TTLBefore != c.TTLAfter {
			ttl = fmt.Sprintf("   TTL %d -> %d", c.TTLBefore, c.TTLAfter)
		}
		fmt.Fprintf(w, "  %s %s%s\n", c.Name, c.Type, ttl)
		if strings.Join(c.Before, "\n") == strings.Join(c.After, "\n") {
			continue
		}
		for _, b := range c.Before {
			if !contains(c.After, b) {
				fmt.Fprintf(w, "    - %s\n", b)
			}
		}
		for _, a := range c.After {
			if !contains(c.Before, a) {
				fmt.Fprintf(w, "    + %s\n", a)
			}
		}
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// writeLoads prints what the sites carry, before and after.
func (p Plan) writeLoads(w io.Writer) {
	if len(p.Loads) == 0 {
		return
	}
	fmt.Fprintln(w, "\nwhat the sites carry, by the loads of the fleet file:")
	fmt.Fprintf(w, "  %-14s %22s %18s %12s %14s\n", "", "registrations", "calls", "REGISTER/s", "handshakes/s")
	for _, l := range p.Loads {
		fmt.Fprintf(w, "  %-14s %22s %18s %12.0f %14.0f\n", l.Site, change(l.Before.Registrations, l.After.Registrations), change(l.Before.Calls, l.After.Calls), l.RegisterPeak, l.HandshakePeak)
		for _, o := range l.Over {
			fmt.Fprintf(w, "  %-14s too much: %s\n", "", o)
		}
	}
	if m := p.Moved; m != nil {
		fmt.Fprintf(w, "  %.0f registrations and the next %.0f calls move; 95 %% of the phones that follow SRV within %s\n", m.Registrations, m.Calls, seconds(m.To95))
	}
}

// seconds is a time as people say it.
func seconds(d fleet.Duration) time.Duration { return d.D().Round(time.Second) }

func change(before, after float64) string {
	if math.Round(before) == math.Round(after) {
		return fmt.Sprintf("%.0f", before)
	}
	return fmt.Sprintf("%.0f -> %.0f", before, after)
}

func ratio(n float64, of int) string { return fmt.Sprintf("%.0f of %d", n, of) }

func isRate(s string) bool { return strings.HasSuffix(s, "REGISTER/s") }
