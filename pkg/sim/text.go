package sim

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Write prints the result for people.
func (r *Result) Write(w io.Writer) {
	fmt.Fprintf(w, "%s: %s\n", r.Scenario, r.Title)
	fmt.Fprintf(w, "%d phones, %s, seed %d\n\n", r.Phones, r.Length, r.Seed)
	r.plot(w)
	r.writeGroups(w)
	r.writeSites(w)
	r.writeFaults(w)
	r.writeOrders(w)
	r.writeExpect(w)
}

func (r *Result) writeGroups(w io.Writer) {
	fmt.Fprintf(w, "\n%-16s %-16s %9s %8s %8s %12s %12s %10s\n", "phones", "kind", "number", "least", "at end", "phone-min", "calls", "calls")
	fmt.Fprintf(w, "%-16s %-16s %9s %8s %8s %12s %12s %10s\n", "", "", "", "served", "served", "unserved", "not made", "cut off")
	for _, g := range r.Groups {
		fmt.Fprintf(w, "%-16s %-16s %9d %6.1f %% %6.1f %% %12.1f %12d %10d\n",
			g.Name, g.Kind, g.Count, g.Worst, g.End, g.Unserved, g.CallsFailed, g.CallsEnded)
	}
}

func (r *Result) writeSites(w io.Writer) {
	fmt.Fprintf(w, "\n%-16s %16s %16s %20s\n", "site", "registrations", "at the end", "REGISTER/s, peak")
	for _, s := range r.Sites {
		capacity := ""
		if s.Capacity > 0 {
			capacity = fmt.Sprintf(" of %d", s.Capacity)
		}
		fmt.Fprintf(w, "%-16s %16d %16d %20s\n", s.Name, s.Most, s.End, fmt.Sprintf("%d%s", s.Peak, capacity))
	}
	fmt.Fprintf(w, "\nautomation moved %s; %d answers were 503; phones changed their site %d times\n", times(r.Moves), r.Refused, r.Moved)
}

func times(n int) string {
	switch n {
	case 0:
		return "nothing"
	case 1:
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func (r *Result) writeFaults(w io.Writer) {
	if len(r.Faults) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%-9s %-17s %-14s %12s %10s %10s %10s\n", "at", "fault", "where", "moved after", "50 %", "95 %", "99 %")
	for _, f := range r.Faults {
		fmt.Fprintf(w, "%-9s %-17s %-14s %12s %10s %10s %10s\n",
			f.At, f.Fault, f.where(), short(f.Moved), short(f.To50), short(f.To95), short(f.To99))
	}
	fmt.Fprintln(w, "\n50, 95, 99 %: time until so many of the phones that follow SRV were served again")
}

func (f FaultResult) where() string {
	if f.Site != "" {
		return string(f.Site)
	}
	return f.Phones
}

// short is a duration for a column: "4.4s", "1m7s", or a dash for None.
func short(d fleet.Duration) string {
	switch {
	case d == None:
		return "-"
	case d.D() < 10*time.Second:
		return d.D().Round(100 * time.Millisecond).String()
	}
	return d.D().Round(time.Second).String()
}

func (r *Result) writeOrders(w io.Writer) {
	if len(r.Orders) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%-9s operator\n", "at")
	for _, o := range r.Orders {
		fmt.Fprintf(w, "%-9s %s\n", short(o.At), strings.TrimSpace(o.Do+" "+string(o.Site)))
		if o.Error != "" {
			fmt.Fprintf(w, "%-9s   %s\n", "", o.Error)
		}
	}
}

func (r *Result) writeExpect(w io.Writer) {
	if len(r.Expect) == 0 {
		return
	}
	fmt.Fprintln(w, "\nexpected")
	for _, e := range r.Expect {
		word := "met"
		if !e.Met {
			word = "NOT MET"
		}
		fmt.Fprintf(w, "  %-8s %s\n           %s\n", word, e.Say, e.Measured)
	}
}

// Met reports whether every expectation is met.
func (r *Result) Met() bool {
	for _, e := range r.Expect {
		if !e.Met {
			return false
		}
	}
	return true
}

// Compare prints two results beside each other: the same scenario under two
// policies.
func Compare(w io.Writer, nameA string, a *Result, nameB string, b *Result) {
	line := func(what, x, y string) { fmt.Fprintf(w, "%-40s %16s %16s\n", what, x, y) }
	line(a.Scenario, nameA, nameB)
	for i, g := range a.Groups {
		if i >= len(b.Groups) {
			break
		}
		h := b.Groups[i]
		line(g.Name+": phone-minutes unserved", fmt.Sprintf("%.1f", g.Unserved), fmt.Sprintf("%.1f", h.Unserved))
		line(g.Name+": least served", fmt.Sprintf("%.1f %%", g.Worst), fmt.Sprintf("%.1f %%", h.Worst))
		line(g.Name+": calls not made, cut off", fmt.Sprintf("%d, %d", g.CallsFailed, g.CallsEnded), fmt.Sprintf("%d, %d", h.CallsFailed, h.CallsEnded))
	}
	for i, f := range a.Faults {
		if i >= len(b.Faults) {
			break
		}
		g := b.Faults[i]
		what := fmt.Sprintf("%s at %s", f.Fault, f.where())
		line(what+": moved after", short(f.Moved), short(g.Moved))
		line(what+": 95 % served after", short(f.To95), short(g.To95))
	}
	for i, s := range a.Sites {
		if i < len(b.Sites) {
			line(string(s.Name)+": REGISTER/s, peak", fmt.Sprint(s.Peak), fmt.Sprint(b.Sites[i].Peak))
		}
	}
	line("moves by automation", fmt.Sprint(a.Moves), fmt.Sprint(b.Moves))
	line("phones changed their site", fmt.Sprint(a.Moved), fmt.Sprint(b.Moved))
}
