package parity

import (
	"maps"
	"slices"
)

// Difference is one field in which places differ.
type Difference struct {
	Field string
	// Values by place; a place that does not have the field is missing.
	Values map[string]string
}

// Compare lists the fields in which the answers of places differ, ordered by
// field. With less than two answers there is nothing to compare.
func Compare(answers map[string]Answer) []Difference {
	fields := map[string]bool{}
	for _, a := range answers {
		for f := range a {
			fields[f] = true
		}
	}
	var out []Difference
	for _, f := range slices.Sorted(maps.Keys(fields)) {
		values := map[string]string{}
		for place, a := range answers {
			if v, ok := a[f]; ok {
				values[place] = v
			}
		}
		if len(answers) > 1 && (len(values) < len(answers) || !allEqual(values)) {
			out = append(out, Difference{Field: f, Values: values})
		}
	}
	return out
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
