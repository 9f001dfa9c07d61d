//go:build !race

package steer_test

const raceEnabled = false
