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
