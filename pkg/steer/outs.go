package steer

import (
	"cmp"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

func compareOuts(a, b Out) int {
	return cmp.Or(a.Slot.Compare(b.Slot), compareCohorts(a.Cohort, b.Cohort))
}

func compareCohorts(a, b fleet.Cohort) int {
	return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
}

// putOut takes a slot out for a cohort. What else takes it out goes on for those
// who are not in it.
func (t *transition) putOut(o Out) { t.putOuts([]Out{o}) }

// putOuts takes many slots out, each once.
func (t *transition) putOuts(outs []Out) {
	old := t.Outs
	if slices.ContainsFunc(old, func(o Out) bool { return !o.Cohort.IsZero() }) || slices.ContainsFunc(outs, func(o Out) bool { return !o.Cohort.IsZero() }) {
		for _, o := range outs {
			old = without(old, []Slot{o.Slot}, o.Cohort)
		}
	}
	t.Outs = merged(old, outs, compareOuts)
}

// takeOuts ends the removals of slots for a cohort.
func (t *transition) takeOuts(slots []Slot, cohort fleet.Cohort) {
	t.Outs = without(t.Outs, slots, cohort)
}

// without returns the removals that are left when slots come back for a cohort.
func without(outs []Out, slots []Slot, cohort fleet.Cohort) []Out {
	if cohort.IsZero() {
		return deleted(outs, func(o Out) bool { return slices.Contains(slots, o.Slot) })
	}
	var left []Out
	for _, o := range outs {
		if slices.Contains(slots, o.Slot) {
			c := everyoneIfNone(o.Cohort).Without(cohort)
			if c.IsZero() {
				continue
			}
			o.Cohort = c.NoneIfEveryone()
		}
		left = append(left, o)
	}
	slices.SortFunc(left, compareOuts)
	return left
}
