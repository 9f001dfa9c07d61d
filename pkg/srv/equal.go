package srv

import "slices"

// EqualData reports whether two records say the same.
func EqualData(a, b Data) bool {
	switch x := a.(type) {
	case SRV: // nearly all records of a steered zone: quicker than by interface
		y, ok := b.(SRV)
		return ok && x == y
	case TXT:
		y, ok := b.(TXT)
		return ok && slices.Equal(x.Strings, y.Strings)
	}
	if _, ok := b.(TXT); ok {
		return false // cannot be compared
	}
	return a == b
}

func equalData(a, b []Data) bool {
	if len(a) != len(b) {
		return false
	}
	if len(a) > 0 && &a[0] == &b[0] {
		return true
	}
	for i := range a {
		if !EqualData(a[i], b[i]) {
			return false
		}
	}
	return true
}
