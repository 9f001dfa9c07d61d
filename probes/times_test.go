package probes_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
)

// TestAChecksOwnTimes: one that is asked rarely, and is down after a single
// failure, beside others.
func TestAChecksOwnTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		checks := checksOf("calgary")[:2]
		specs := specsOf(checks)
		specs[1].Times = probes.Times{Interval: 4 * time.Second, Timeout: time.Second, Thresholds: health.Thresholds{Fall: 1, Reset: 1, Rise: 2}}
		r := running(t, labConfig(w), nil)
		if err := r.SetSpecs(specs); err != nil {
			t.Fatal(err)
		}
		time.Sleep(40 * time.Second)
		if n := w.count(checks[0]); n < 38 || n > 43 {
			t.Errorf("asked %d times in 40 s at an interval of 1 s", n)
		}
		if n := w.count(checks[1]); n < 9 || n > 12 {
			t.Errorf("asked %d times in 40 s at an interval of 4 s", n)
		}
		w.set(losing, all, checks[1])
		time.Sleep(5200 * time.Millisecond)
		if o := status(t, r, checks[1]); o.Status == health.Unknown {
			t.Errorf("%+v", o)
		}
		down := 0
		for _, o := range r.Recent(checks[1]) {
			if o.Outcome == health.Failure {
				down++
			}
		}
		if down != 1 {
			t.Errorf("%d failures, want one", down)
		}
		if o := status(t, r, checks[0]); o.Status != health.Up {
			t.Errorf("the other check: %+v", o)
		}
		specs[1].Times.Timeout = 5 * time.Second
		if err := r.SetSpecs(specs); !errors.Is(err, probes.ErrConfig) {
			t.Errorf("a timeout above the interval: %v", err)
		}
	})
}

// TestACheckApartIsNeverAskedInABurst: a call is placed again after its own
// pause, whatever happens to the softswitch, and makes nobody else suspect.
func TestACheckApartIsNeverAskedInABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const again = 3 * time.Second
		w := newWorld()
		checks := checksOf("calgary")[:3]
		call := checks[2]
		specs := specsOf(checks)
		specs[2].Times = probes.Times{Interval: 20 * time.Second, Timeout: 2 * time.Second, Thresholds: health.Thresholds{Fall: 3, Reset: 2, Rise: 2}, Again: again}
		r := running(t, labConfig(w), nil)
		if err := r.SetSpecs(specs); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		others := w.count(checks[0])
		w.set(closed, func(c health.Check) bool { return c == call }, checks...)
		time.Sleep(40 * time.Second)
		if n := w.count(checks[0]) - others; n > 45 {
			t.Errorf("the others were asked %d times in 40 s: the call made them suspect", n)
		}
		if o := status(t, r, call); o.Status != health.Down {
			t.Errorf("after three failures: %+v", o)
		}
		w.set(closed, all, checks...)
		time.Sleep(20 * time.Second)
		w.mu.Lock()
		defer w.mu.Unlock()
		for i, at := range w.asked[call] {
			if i > 0 && at.Sub(w.asked[call][i-1]) < again {
				t.Errorf("asked again after %s", at.Sub(w.asked[call][i-1]))
			}
		}
	})
}
