package srv

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// Order returns targets in the order in which a client tries them (RFC 2782,
// "Usage rules"): by priority, lowest first; inside one priority at random, in
// proportion to the weights, where weight 0 has a very small chance. The
// records are not changed.
func Order(targets []SRV, rnd *rand.Rand) []SRV {
	left := slices.Clone(targets)
	slices.SortStableFunc(left, func(a, b SRV) int {
		// Weight 0 first, so that the running sum gives it its small chance.
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(min(a.Weight, 1), min(b.Weight, 1)))
	})
	out := make([]SRV, 0, len(left))
	for len(left) > 0 {
		n := 1
		for n < len(left) && left[n].Priority == left[0].Priority {
			n++
		}
		i := pick(left[:n], rnd)
		out = append(out, left[i])
		left = slices.Delete(left, i, i+1)
	}
	return out
}

// pick chooses one of the targets of one priority: the first whose running sum
// of weights is at least a random number from 0 to the sum of all.
func pick(group []SRV, rnd *rand.Rand) int {
	total := 0
	for _, t := range group {
		total += int(t.Weight)
	}
	at, sum := rnd.IntN(total+1), 0
	for i, t := range group {
		if sum += int(t.Weight); sum >= at {
			return i
		}
	}
	return len(group) - 1
}

// OrderNAPTR returns the records that a client can use, in the order in which
// it uses them (RFC 3403 §4.1, RFC 3263 §4.1): by order, then preference. Only
// those with the flag "s" and one of the services count.
func OrderNAPTR(records []NAPTR, services []string) []NAPTR {
	var out []NAPTR
	for _, r := range records {
		if (r.Flags == "s" || r.Flags == "S") && slices.Contains(services, r.Service) {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	return out
}
