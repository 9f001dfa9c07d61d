package parity

import (
	"maps"
	"slices"
)

// Unanswered is the only field of a question that was not answered; it says why.
const Unanswered = "answer"

// Difference is one field in which places differ.
type Difference struct {
	Field string
	// Values by place; a place that does not have the field is missing.
	Values map[string]string
}

// Compare lists the fields in which the answers of places differ, ordered by
// field. With less than two answers there is nothing to compare. That a place did
// not answer is one difference, not one in every field.
func Compare(answers map[string]Answer) []Difference {
	fields := map[string]bool{}
	for _, a := range answers {
		for f := range a {
			fields[f] = true
		}
	}
	var out []Difference
	for _, f := range slices.Sorted(maps.Keys(fields)) {
		values, asked := map[string]string{}, 0
		for place, a := range answers {
			if f != Unanswered && !a.answered() {
				continue
			}
			asked++
			if v, ok := a[f]; ok {
				values[place] = v
			}
		}
		if asked > 1 && (len(values) < asked || !allEqual(values)) {
			out = append(out, Difference{Field: f, Values: values})
		}
	}
	return out
}

// answered reports whether there is anything beside the reason why there is not.
func (a Answer) answered() bool {
	_, silent := a[Unanswered]
	return !silent || len(a) > 1
}

func allEqual(values map[string]string) bool {
	first, seen := "", false
	for _, v := range values {
		if seen && v != first {
			return false
		}
		first, seen = v, true
	}
	return true
}
