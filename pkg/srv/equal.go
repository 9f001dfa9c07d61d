package srv

import "slices"

// EqualData reports whether two records say the same.
func EqualData(a, b Data) bool {
	x, ok := a.(TXT)
	y, both := b.(TXT)
	if ok && both {
		return slices.Equal(x.Strings, y.Strings)
	}
	return !ok && !both && a == b
}
