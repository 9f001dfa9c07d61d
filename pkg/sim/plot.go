package sim

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Size of the plot in characters.
const (
	plotWidth = 72
	plotRows  = 10
)

// plotLetters are the letters of the sites in a plot, in their order. They need no
// colour.
const plotLetters = "#o=x+%@*"

// unservedLetter stands for phones without service.
const unservedLetter = '.'

// plot draws where the phones are served, over time.
func (r *Result) plot(w io.Writer) {
	cols := r.columns(plotWidth)
	if len(cols) == 0 {
		return
	}
	for row := range plotRows {
		label := "      "
		if row == 0 {
			label = "100 % "
		} else if row == plotRows/2 {
			label = " 50 % "
		}
		var b strings.Builder
		for _, c := range cols {
			b.WriteByte(r.letter(c, float64(plotRows-row)-0.5))
		}
		fmt.Fprintf(w, "%s|%s\n", label, b.String())
	}
	fmt.Fprintf(w, "      +%s\n       0%*s\n", strings.Repeat("-", len(cols)), len(cols)-1, r.Length)
	fmt.Fprint(w, "       ")
	for i, s := range r.Sites {
		fmt.Fprintf(w, "%c %s  ", plotLetters[i%len(plotLetters)], s.Name)
	}
	fmt.Fprintf(w, "%c not served\n", unservedLetter)
}

// letter is what stands in a column at a height of plotRows.
func (r *Result) letter(c []float64, height float64) byte {
	sum := 0.0
	for i, n := range c {
		if sum += n * plotRows; height < sum {
			return plotLetters[i%len(plotLetters)]
		}
	}
	return unservedLetter
}

// columns are the shares of the phones that each site serves, 0 to 1, in so
// many steps. Of each step the worst second is taken, so that no outage is too
// short to be seen.
func (r *Result) columns(n int) [][]float64 {
	if len(r.Curve.At) == 0 || r.Phones == 0 {
		return nil
	}
	seconds := len(r.Curve.At[0])
	n = min(n, seconds)
	cols := make([][]float64, n)
	for c := range cols {
		from, to := c*seconds/n, (c+1)*seconds/n
		worst, least := from, int32(-1)
		for s := from; s < to; s++ {
			var sum int32
			for i := range r.Curve.At {
				sum += r.Curve.At[i][s]
			}
			if least < 0 || sum < least {
				worst, least = s, sum
			}
		}
		cols[c] = make([]float64, len(r.Curve.At))
		for i := range r.Curve.At {
			cols[c][i] = float64(r.Curve.At[i][worst]) / float64(r.Phones)
		}
	}
	return cols
}

// moment is something to be marked on the time axis.
type moment struct {
	at   time.Duration
	text string
}

// moments are the faults, what automation did, and what operators did.
func (r *Result) moments() []moment {
	var out []moment
	for _, f := range r.Faults {
		out = append(out, moment{f.At.D(), fmt.Sprintf("%s at %s", f.Fault, f.where())})
		if f.Moved != None {
			out = append(out, moment{(f.At + f.Moved).D(), "moved"})
		}
	}
	for _, o := range r.Orders {
		out = append(out, moment{o.At.D(), strings.TrimSpace(o.Do + " " + string(o.Site))})
	}
	return out
}
