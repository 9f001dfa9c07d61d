package console

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/lab/dnswatch"
	"github.com/sipsteer/sipsteer/pkg/lab/story"
)

// PlainLine is a line of the story without colour. The time is since the last
// fault.
func PlainLine(l story.Line) string {
	switch l.Kind {
	case story.Chapter:
		return "\n== " + l.Text
	case story.Fault:
		return fmt.Sprintf("%9s  !!  %s", seconds(l.At), l.Text)
	case story.Holds:
		return fmt.Sprintf("%9s  ok  %s", seconds(l.At), l.Text)
	case story.Fails:
		return fmt.Sprintf("%9s  FAILED  %s", seconds(l.At), l.Text)
	}
	return fmt.Sprintf("%9s      %s", seconds(l.At), l.Text)
}

func seconds(d time.Duration) string {
	if d < 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// WriteSummary prints what was measured, beside what the real day cost.
func WriteSummary(w io.Writer, sc story.Scenario, measures []story.Measure, stragglers []story.Straggler, counts dnswatch.Counts) {
	fmt.Fprintf(w, "\n%-28s %9s %9s %9s %9s %9s %7s %6s\n", "seconds from the fault until", "verdict", "DNS ×3", "50 %", "95 %", "99 %", "phones", "calls")
	fmt.Fprintf(w, "%-28s %9s %9s %9s %9s %9s %7s %6s\n", "", "", "changed", "moved", "moved", "moved", "", "lost")
	for _, m := range measures {
		fmt.Fprintf(w, "%-28s %9s %9s %9s %9s %9s %7d %6d\n", m.Site+": "+m.Fault,
			number(m.Detect), number(m.DNS), number(m.P50), number(m.P95), number(m.P99), m.Phones, m.CallsLost)
	}
	for i, line := range sc.Then {
		fmt.Fprintf(w, "%s%s\n", cmp.Or(strings.Repeat(" ", min(i, 1)*2), "  "), line)
	}
	for _, s := range stragglers {
		fmt.Fprintf(w, "straggler: phone%04d at %s over %s %s\n", s.Phone, s.Site, s.Transport, s.Advice)
	}
	fmt.Fprintf(w, "DNS meanwhile, from outside: %d questions, %d unanswered, %d empty answers\n", counts.Asked, counts.Unanswered, counts.Empty)
}

func number(d time.Duration) string {
	if d < 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", d.Seconds())
}
