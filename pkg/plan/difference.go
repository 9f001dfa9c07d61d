package plan

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Difference is one thing that the softswitches answer differently to which a plan
// leads phones, or from which: they meet it when they are moved.
type Difference struct {
	Transport fleet.Transport   `json:"transport"`
	Question  string            `json:"question"` // options, register, login, call
	Field     string            `json:"field"`
	Values    map[string]string `json:"values"` // by SITE/SWITCH; one without the field is missing
}

// Move is where the phones of a transport are before and after a plan.
type Move struct {
	Transport fleet.Transport
	Sites     []fleet.SiteID // sorted, two or more
}

// Moves lists the transports over which phones come to another site, in the order
// of the shares.
func (p Plan) Moves() []Move {
	var out []Move
	for _, c := range p.Shares {
		i := slices.IndexFunc(out, func(m Move) bool { return m.Transport == c.Transport })
		if i < 0 {
			i = len(out)
			out = append(out, Move{Transport: c.Transport})
		}
		for _, shares := range []map[fleet.SiteID]int{c.Before, c.After} {
			for site, n := range shares { // any order: sorted below
				if n > 0 && !slices.Contains(out[i].Sites, site) {
					out[i].Sites = append(out[i].Sites, site)
				}
			}
		}
		slices.Sort(out[i].Sites)
	}
	return slices.DeleteFunc(out, func(m Move) bool { return len(m.Sites) < 2 })
}

// mostDifferences are printed; sipsteer parity prints all.
const mostDifferences = 12

// writeDifferences prints what phones that move are answered in another way.
func (p Plan) writeDifferences(w io.Writer) {
	if len(p.Differences) > 0 {
		fmt.Fprintln(w, "\nphones that move are answered differently there (sipsteer parity --transport …):")
	}
	for i, d := range p.Differences {
		if i == mostDifferences {
			fmt.Fprintf(w, "  and %d more\n", len(p.Differences)-i)
			break
		}
		var values []string
		for _, place := range slices.Sorted(maps.Keys(d.Values)) {
			values = append(values, fmt.Sprintf("%s %.60q", place, d.Values[place]))
		}
		fmt.Fprintf(w, "  %-4s %s of %s: %s\n", d.Transport, d.Field, d.Question, strings.Join(values, ", "))
	}
	if len(p.NotCompared) > 0 {
		fmt.Fprintln(w, "\nwhat phones that move are answered there was not compared:")
	}
	for _, n := range p.NotCompared {
		fmt.Fprintf(w, "  %s\n", n)
	}
}
