package raftstoretest

import (
	"bytes"
	"sync"
	"testing"

	"github.com/rs/zerolog"
)

// testLog writes lines into the log of a test for as long as the test runs.
// Nobody waits for the goroutines in which the Raft transport serves its
// connections: one of them may tell that it ended after the test has.
type testLog struct {
	mu sync.Mutex
	t  testing.TB // nil once the test has ended
}

// newLogger returns a logger into the log of the test, at level info where
// tests are verbose and of nothing where they are not.
func newLogger(t testing.TB) zerolog.Logger {
	if !testing.Verbose() {
		return zerolog.Nop()
	}
	l := &testLog{t: t}
	t.Cleanup(l.end)
	return zerolog.New(l).Level(zerolog.InfoLevel)
}

func (l *testLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.t = nil
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.t != nil {
		l.t.Helper()
		l.t.Log(string(bytes.TrimRight(p, "\n")))
	}
	return len(p), nil
}
