package probes_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
)

// The promises of DESIGN.md, "How fast": with the lab's times, a fault that
// begins at any moment of the interval is this observer's opinion so soon after.
func TestTimeToDown(t *testing.T) {
	calgary := checksOf("calgary")
	asked := calgary[:4]
	for _, tt := range []struct {
		name        string
		fault       func(w *world)
		checks      []health.Check
		match       func(health.Check) bool
		median, max time.Duration
	}{
		{
			name: "killed, a standing connection sees it", checks: calgary, match: all,
			fault:  func(w *world) { w.kill(calgary) },
			median: 320 * time.Millisecond, max: 320 * time.Millisecond,
		},
		{
			name: "killed, without a standing connection", checks: asked, match: all,
			fault:  func(w *world) { w.kill(asked) },
			median: 450 * time.Millisecond, max: 600 * time.Millisecond,
		},
		{
			name: "silent", checks: calgary, match: all,
			fault:  func(w *world) { w.set(silent, all, calgary...) },
			median: 1050 * time.Millisecond, max: 1200 * time.Millisecond,
		},
		{
			name: "TLS handshakes hang", checks: calgary, match: onTLS,
			fault:  func(w *world) { w.set(silent, onTLS, calgary...) },
			median: 1200 * time.Millisecond, max: 1450 * time.Millisecond,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var took []time.Duration
			for offset := time.Duration(0); offset < time.Second; offset += 25 * time.Millisecond {
				bubble(t, offset.String(), func(t *testing.T) {
					w := newWorld()
					r := running(t, labConfig(w), tt.checks)
					time.Sleep(3*time.Second + offset)
					synctest.Wait()
					if !are(r, health.Up, all) {
						t.Fatalf("before the fault: %v", r.Opinions())
					}
					begin := time.Now()
					tt.fault(w)
					for !are(r, health.Down, tt.match) {
						time.Sleep(time.Millisecond)
						synctest.Wait()
						if time.Since(begin) > 5*time.Second {
							t.Fatalf("not seen: %v", r.Opinions())
						}
					}
					took = append(took, time.Since(begin))
				})
			}
			slices.Sort(took)
			median, worst := took[len(took)/2], took[len(took)-1]
			t.Logf("fastest %s, median %s, slowest %s", took[0], median, worst)
			if median > tt.median || worst > tt.max {
				t.Errorf("median %s and slowest %s, promised %s and %s", median, worst, tt.median, tt.max)
			}
		})
	}
}

func TestOtherTransportsStayUpWhenTLSHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		calgary := checksOf("calgary")
		r := running(t, labConfig(w), calgary)
		time.Sleep(3 * time.Second)
		w.set(silent, onTLS, calgary...)
		time.Sleep(10 * time.Second)
		if !are(r, health.Down, onTLS) || !are(r, health.Up, func(c health.Check) bool { return !onTLS(c) }) {
			t.Errorf("got %v", r.Opinions())
		}
	})
}

func TestOneLostPacketNeverMakesDown(t *testing.T) {
	calgary := checksOf("calgary")
	for offset := time.Duration(0); offset < time.Second; offset += 50 * time.Millisecond {
		bubble(t, offset.String(), func(t *testing.T) {
			w := newWorld()
			cfg := labConfig(w)
			cfg.OnOpinion = func(o health.Opinion) {
				if o.Status != health.Up {
					t.Errorf("%s is %s", o.Check, o.Status)
				}
			}
			r := running(t, cfg, calgary)
			time.Sleep(3*time.Second + offset)
			before := w.count(calgary[0])
			w.set(losing, all, calgary[0])
			time.Sleep(5 * time.Second)
			if seen := failures(r.Recent(calgary[0])); seen != 1 {
				t.Errorf("%d failures seen, want the one that was made", seen)
			}
			// The burst forgives it at once: Reset successes, not Reset intervals.
			if n := w.count(calgary[0]) - before; n < 5+6-1 || n > 25 {
				t.Errorf("asked %d times in 5 s after the loss", n)
			}
		})
	}
}

func failures(os []health.Observation) int {
	n := 0
	for _, o := range os {
		if o.Outcome == health.Failure {
			n++
		}
	}
	return n
}

func TestAClosedConnectionAloneIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		calgary := checksOf("calgary")
		cfg := labConfig(w)
		cfg.OnOpinion = func(o health.Opinion) {
			if o.Status != health.Up {
				t.Errorf("%s is %s", o.Check, o.Status)
			}
		}
		running(t, cfg, calgary)
		time.Sleep(3 * time.Second)
		before := w.count(calgary[1])
		w.say(probes.Failed(health.CauseReset, "idle"), calgary)
		w.say(probes.Succeeded(0, "connected again"), calgary)
		time.Sleep(200 * time.Millisecond)
		if n := w.count(calgary[1]) - before; n < 2 {
			t.Errorf("asked %d times at once, want 2 to be sure", n)
		}
		// A server that closes again and again does not cause bursts without end.
		before = w.count(calgary[1])
		for range 80 {
			w.say(probes.Failed(health.CauseReset, "idle"), calgary)
			time.Sleep(100 * time.Millisecond)
		}
		if n := w.count(calgary[1]) - before; n > 12 {
			t.Errorf("asked %d times in 8 s", n)
		}
	})
}

func TestASlowSoftswitchIsNotBurdened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		calgary := checksOf("calgary")
		r := running(t, labConfig(w), calgary)
		w.set(slow, all, calgary...)
		time.Sleep(3 * time.Second)
		before := w.count(calgary[0])
		time.Sleep(50 * time.Second)
		if n := w.count(calgary[0]) - before; n > 75 {
			t.Errorf("asked %d times in 50 s at an interval of 1 s", n)
		}
		if !are(r, health.Up, all) {
			t.Errorf("got %v", r.Opinions())
		}
	})
}

func TestADisturbanceShorterThanABurstCostsOneFailure(t *testing.T) {
	calgary := checksOf("calgary")[:4]
	for offset := time.Duration(0); offset < time.Second; offset += 50 * time.Millisecond {
		bubble(t, offset.String(), func(t *testing.T) {
			w := newWorld()
			r := running(t, labConfig(w), calgary)
			time.Sleep(3*time.Second + offset)
			w.set(closed, all, calgary...)
			time.Sleep(140 * time.Millisecond)
			w.set(serving, all, calgary...)
			time.Sleep(time.Second)
			for _, c := range calgary {
				if n := failures(r.Recent(c)); n > 1 {
					t.Errorf("%s: %d failures", c, n)
				}
			}
		})
	}
}

func TestWhatCannotBeAskedIsNotAskedInABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		calgary := checksOf("calgary")
		running(t, labConfig(w), calgary)
		time.Sleep(3 * time.Second)
		w.set(noData, all, calgary[0])
		before := w.count(calgary[0])
		w.say(probes.Failed(health.CauseReset, "closed"), calgary)
		time.Sleep(5 * time.Second)
		if n := w.count(calgary[0]) - before; n > 7 {
			t.Errorf("asked %d times in 5 s", n)
		}
	})
}
