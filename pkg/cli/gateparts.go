package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/api"
)

// gateWord is what a gate does with most, and whether it refuses some.
func gateWord(p palette, mode string, parts []api.GatePart) string {
	if len(parts) > 0 {
		return p.word(mode) + p.warn(" but for a part")
	}
	return p.word(mode)
}

// refusedNotes say who is refused where others are not, each part once however
// many transports it is refused over.
func refusedNotes(parts []api.GatePart) []string {
	var out []string
	for _, g := range parts {
		text := "the gate refuses " + g.Refuses + " of " + clean(partName(g))
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// partName names who is in a part.
func partName(g api.GatePart) string {
	if g.Cohort == "" {
		return g.Service
	}
	return fmt.Sprintf("%s, cohort %s", g.Service, g.Cohort)
}

// writeRefused lists who is refused over transports that are open to all others.
func writeRefused(w io.Writer, p palette, g api.GateReport) {
	if g.Unparted != "" {
		fmt.Fprintf(w, "\n%s\n", p.warn(clean(g.Unparted)))
	}
	if len(g.Refused) == 0 {
		return
	}
	rows := [][]string{{"REFUSED HERE", "COHORT", "VIA", "WHAT", "PHONES ARE TOLD"}}
	for _, x := range g.Refused {
		cohort := x.Cohort
		if cohort == "" {
			cohort = "everyone"
		}
		rows = append(rows, []string{p.warn(clean(x.Service)), clean(cohort), x.Transport, x.Refuses, clean(x.Reason)})
	}
	fmt.Fprintln(w)
	table(w, p, rows)
}
