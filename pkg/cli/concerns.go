package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// A status says of concerns what fits: some lines, each of which fits into one.
const (
	concernLines  = 3
	concernLength = 120 // runes of a text
)

// writeConcerns names the worst of what readiness found when the leader looked
// last, each with the command to type, and leaves the rest to readiness. What
// somebody has acknowledged is none of the worst: it has a line of its own.
func writeConcerns(w io.Writer, p palette, st api.Status) {
	var acked []string
	shown, open := 0, 0
	for _, c := range st.Concerns {
		if c.Acked != nil {
			acked = append(acked, fmt.Sprintf("%s until %s", shellWord(clean(c.Name)), c.Acked.Until.UTC().Format("2006-01-02 15:04")))
			continue
		}
		if open++; open > concernLines {
			continue
		}
		shown++
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
	if n := len(acked); n > 0 {
		more := ""
		if n > concernLines {
			acked, more = acked[:concernLines], fmt.Sprintf(" and %d more", n-concernLines)
		}
		fmt.Fprintln(w, p.dim("acknowledged: "+strings.Join(acked, ", ")+more))
	}
	switch {
	case open > shown:
		fmt.Fprintf(w, "and %d more concerns: sipsteer readiness\n", open-shown)
	case len(st.Concerns) > 0:
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
