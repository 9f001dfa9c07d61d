//go:build race

package traces_test

// The race detector makes all of this five times slower.
const (
	runs    = 2
	slowRun = true
)
