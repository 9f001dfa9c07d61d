//go:build race

package steer_test

// raceEnabled makes long tests short: the race detector slows them ten times,
// and there is nothing concurrent to detect.
const raceEnabled = true
