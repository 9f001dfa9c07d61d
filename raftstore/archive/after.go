package archive

import (
	"cmp"
	"slices"
)

// After returns the places of the first records behind a log entry, oldest first,
// at most limit.
func (a *Archive) After(index uint64, limit int) []Place {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []Place
	for _, s := range a.segments {
		i, found := slices.BinarySearchFunc(s.places, index, func(l located, i uint64) int { return cmp.Compare(l.Index, i) })
		if found {
			i++
		}
		for _, l := range s.places[i:] {
			if len(out) == limit {
				return out
			}
			out = append(out, l.Place)
		}
	}
	return out
}
