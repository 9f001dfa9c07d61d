//go:build !race

package traces_test

// runs of each trace.
const (
	runs    = 6
	slowRun = false
)
