package probes_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
)

// TestIntermittentFailureIsNamed: who loses a third of the questions is sick in
// another way than who is dead, and is looked for elsewhere.
func TestIntermittentFailureIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		checks := checksOf("calgary")[:1]
		r := running(t, labConfig(w), checks)
		time.Sleep(3 * time.Second)
		for status(t, r, checks[0]).Status != health.Down {
			w.set(losing, all, checks...)
			time.Sleep(600 * time.Millisecond)
		}
		if o := status(t, r, checks[0]); o.Cause != health.CauseTimeout || !strings.HasPrefix(o.Detail, "intermittent, 3 of ") || !strings.HasSuffix(o.Detail, " questions failed: no answer") {
			t.Errorf("%+v", o)
		}
		before := status(t, r, checks[0]).Detail
		w.set(serving, all, checks...)
		time.Sleep(4 * time.Second)
		if o := status(t, r, checks[0]); o.Status != health.Down || o.Detail != before {
			t.Errorf("while it comes back: %+v, before %q", o, before)
		}
		time.Sleep(20 * time.Second)
		for _, m := range []mode{silent, closed} {
			w.set(m, all, checks...)
			time.Sleep(5 * time.Second)
			if o := status(t, r, checks[0]); o.Status != health.Down || strings.Contains(o.Detail, "intermittent") {
				t.Errorf("dead (%d): %+v", m, o)
			}
			w.set(serving, all, checks...)
			time.Sleep(time.Minute)
		}
	})
}
