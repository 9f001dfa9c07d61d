package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
)

// bars are the heights of a histogram's columns.
var bars = [...]string{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}

// writeCheckTimes prints how long answers took: a row for each check and agent.
func (a *app) writeCheckTimes(agents []api.AgentChecks) {
	p, w := palette{a.colours()}, a.streams.Out
	rows := [][]string{{"SITE", "SOFTSWITCH", "OVER", "CHECK", "SEEN BY", "ANSWERS", "MEDIAN", "95 %", "99 %", "SPREAD"}}
	spread := ""
	for _, ag := range agents {
		for _, c := range ag.Checks {
			if c.Times == nil || c.Times.Answers == 0 {
				continue
			}
			row := []string{string(c.Check.Site), string(c.Check.Switch), c.Check.Transport.String(), string(c.Check.Kind), clean(ag.Agent), fmt.Sprint(c.Times.Answers)}
			for _, share := range []float64{.5, .95, .99} {
				row = append(row, shareText(c.Times, share))
			}
			rows = append(rows, append(row, columns(c.Times)))
			first, last := c.Times.Within[0], c.Times.Within[len(c.Times.Within)-1]
			spread = fmt.Sprintf("SPREAD: a column each for up to %s … %s, and for longer ones.", asTime(first.Most), asTime(last.Most))
		}
	}
	if len(rows) == 1 {
		fmt.Fprintln(w, "No answers were timed yet.")
		return
	}
	table(w, p, rows)
	fmt.Fprintln(w, p.dim(spread))
}

func asTime(ms float64) string { return time.Duration(ms * float64(time.Millisecond)).String() }

// shareText is the bound that a share of the answers is within.
func shareText(t *api.AnswerTimes, share float64) string {
	if most, ok := t.Share(share); ok {
		return "≤ " + asTime(most)
	}
	return "> " + asTime(t.Within[len(t.Within)-1].Most)
}

// columns draws the histogram: the highest column is full, and what is not empty is
// seen.
func columns(t *api.AnswerTimes) string {
	counts, below, most := []uint64{}, uint64(0), uint64(1)
	for _, b := range t.Within {
		counts = append(counts, b.Count-below)
		below = b.Count
	}
	counts = append(counts, t.Answers-below)
	for _, n := range counts {
		most = max(most, n)
	}
	var out strings.Builder
	for _, n := range counts {
		out.WriteString(bars[(n*uint64(len(bars)-1)+most-1)/most])
	}
	return "│" + out.String() + "│"
}
