package fleet

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a fleet.
type Problem struct {
	// Path leads to the value: $.sites[1].softswitches[0].listeners[2].address.
	Path string `json:"path"`
	// Message says what is wrong.
	Message string `json:"message"`
	// Hint says what would be right; may be empty.
	Hint string `json:"hint,omitempty"`
	// Other leads to the value that this one clashes with; may be empty.
	Other string `json:"other,omitempty"`
}

// problems collects what a validation finds.
type problems []Problem

func (p *problems) add(path, hint, format string, args ...any) {
	*p = append(*p, Problem{Path: path, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// clash is add for a value that clashes with one at another place.
func (p *problems) clash(path, other, hint, format string, args ...any) {
	p.add(path, hint, format+" at "+other, args...)
	(*p)[len(*p)-1].Other = other
}

// once remembers values that may stand only once, and where they did.
type once map[string]string

// put reports where the value stood before.
func (o once) put(value, path string) (before string, twice bool) {
	before, twice = o[value]
	if !twice {
		o[value] = path
	}
	return before, twice
}

// Nearest returns the candidate that is most like word, or "" when none is
// alike: for "did you mean" hints.
func Nearest(word string, candidates []string) string {
	best, bestDistance := "", len(word)/2+1
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the number of letters to add, drop or change (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// meant is a hint: the nearest candidate, or all of them when they are few.
func meant(word string, candidates []string) string {
	if n := Nearest(word, candidates); n != "" {
		return "did you mean " + n + "?"
	}
	return "one of " + strings.Join(slices.Compact(slices.Sorted(slices.Values(candidates))), ", ")
}
