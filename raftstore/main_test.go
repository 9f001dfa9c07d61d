package raftstore_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the test binary be the process that the crash test kills, and
// fails when a test leaves a goroutine behind.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDirVariable); dir != "" {
		os.Exit(crashChild(dir))
	}
	if dir := os.Getenv(plantDirVariable); dir != "" {
		os.Exit(plantChild(dir))
	}
	goleak.VerifyTestMain(m)
}
