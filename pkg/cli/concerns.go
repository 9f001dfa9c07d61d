package cli

import (
	"fmt"
	"io"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// A status says of concerns what fits: some lines, each of which fits into one.
const (
	concernLines  = 3
	concernLength = 120 // runes of a text
)

// writeConcerns names the worst of what readiness found when the leader looked
// last, each with the command to type, and leaves the rest to readiness.
func writeConcerns(w io.Writer, p palette, st api.Status) {
	for i, c := range st.Concerns {
		if i == concernLines {
			fmt.Fprintf(w, "and %d more concerns: sipsteer readiness\n", len(st.Concerns)-i)
			return
		}
		grade := p.warn("concern")
		if c.Grade == steer.ConcernBroken {
			grade = p.bad("concern")
		}
		fmt.Fprintf(w, "%s (%s, since %s): %s", grade, c.Grade, c.Since.UTC().Format("2006-01-02 15:04"), shortened(clean(c.Text), concernLength))
		if c.Next != "" {
			fmt.Fprintf(w, "; next: %s", clean(c.Next))
		}
		fmt.Fprintln(w)
	}
	if len(st.Concerns) > 0 {
		fmt.Fprintln(w, "all of them, looked at anew: sipsteer readiness")
	}
}

// shortened cuts a text to so many runes.
func shortened(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
