package probes_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryCheckIsAskedOncePerIntervalAtItsOwnMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var checks []health.Check
		for i := range 50 {
			checks = append(checks, checksOf(fmt.Sprintf("site%d", i))[:4]...)
		}
		running(t, labConfig(w), checks)
		time.Sleep(3 * time.Second)
		begin := time.Now()
		time.Sleep(10 * time.Second)
		slots := make([]int, 20) // of 50 ms
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, c := range checks {
			n := 0
			for _, at := range w.asked[c] {
				if at.After(begin) {
					n++
					slots[at.Sub(begin)%time.Second/(50*time.Millisecond)]++
				}
			}
			if n < 9 || n > 11 {
				t.Errorf("%s was asked %d times in 10 s", c, n)
			}
		}
		// 200 checks ten times in 20 slots: 100 each if perfectly even.
		if slices.Max(slots) > 150 || slices.Min(slots) < 60 {
			t.Errorf("not even: %v", slots)
		}
	})
}

func TestObserversAskAtDifferentMoments(t *testing.T) {
	first := func(observer string) (at time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			cfg := labConfig(w)
			cfg.Observer = "agent-" + "1"
			if observer != "" {
				cfg.Observer = "agent-2"
			}
			c := checksOf("calgary")[:1]
			running(t, cfg, c)
			begin := time.Now()
			time.Sleep(4 * time.Second)
			w.mu.Lock()
			defer w.mu.Unlock()
			at = w.asked[c[0]][2].Sub(begin) % time.Second
		})
		return at
	}
	a, b := first(""), first("other")
	if d := (a - b).Abs(); d < 50*time.Millisecond {
		t.Errorf("asked at %s and %s of the interval", a, b)
	}
}

func TestAHungProberIsCutAndBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		calgary, ottawa := checksOf("calgary")[:4], checksOf("ottawa")[:4]
		cfg := labConfig(w)
		cfg.Concurrency = 4
		r := running(t, cfg, append(slices.Clone(calgary), ottawa...))
		time.Sleep(3 * time.Second)
		w.set(stuck, all, calgary[0])
		time.Sleep(20 * time.Second)
		if o := status(t, r, calgary[0]); o.Status == health.Up {
			t.Errorf("got %+v of a prober that never returns", o)
		}
		if o := status(t, r, ottawa[0]); o.Status != health.Up {
			t.Errorf("got %+v next to it", o)
		}
		hung := r.Stats().Hung
		if hung == 0 || hung > 4 {
			t.Errorf("%d probers piled up", hung)
		}
		before := w.count(ottawa[0])
		time.Sleep(10 * time.Second)
		if n := w.count(ottawa[0]) - before; n < 9 {
			t.Errorf("the other one was asked %d times in 10 s", n)
		}
		// It comes back: what hung is not counted a second time.
		down := failures(r.Recent(calgary[0]))
		w.set(serving, all, calgary[0])
		close(w.release)
		time.Sleep(10 * time.Millisecond)
		if n := failures(r.Recent(calgary[0])); n > down {
			t.Errorf("%d failures, %d before the late results", n, down)
		}
		if hung := r.Stats().Hung; hung != 0 {
			t.Errorf("%d still counted as hung", hung)
		}
		time.Sleep(40 * time.Second)
		if o := status(t, r, calgary[0]); o.Status != health.Up {
			t.Errorf("got %+v after it came back", o)
		}
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var checks []health.Check
		for i := range 20 {
			checks = append(checks, checksOf(fmt.Sprintf("site%d", i))[:4]...)
		}
		w.set(silent, all, checks...)
		cfg := labConfig(w)
		cfg.Concurrency = 7
		r := running(t, cfg, checks)
		time.Sleep(60 * time.Second)
		w.mu.Lock()
		most := w.most
		w.mu.Unlock()
		if most != 7 {
			t.Errorf("%d at once, want 7", most)
		}
		if s := r.Stats(); s.Waiting == 0 {
			t.Errorf("nothing waits: %+v", s)
		}
	})
}

func TestTenThousandChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var checks []health.Check
		for i := range 2500 {
			checks = append(checks, checksOf(fmt.Sprintf("site%d", i))[:4]...)
		}
		cfg := labConfig(w)
		cfg.Interval, cfg.Timeout = 5*time.Second, 2*time.Second
		r := running(t, cfg, checks)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if !are(r, health.Up, all) {
			t.Error("not all are up after two rounds")
		}
		if s := r.Stats(); s.Checks != 10000 || s.Waiting != 0 {
			t.Errorf("got %+v", s)
		}
	})
}

func TestWhatCannotBeAskedBecomesUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		calgary := checksOf("calgary")
		r := running(t, labConfig(w), calgary)
		time.Sleep(3 * time.Second)
		w.set(noData, all, calgary[0])
		time.Sleep(2 * time.Second)
		if o := status(t, r, calgary[0]); o.Status != health.Up {
			t.Errorf("got %+v after two intervals", o)
		}
		time.Sleep(3 * time.Second)
		if o := status(t, r, calgary[0]); o.Status != health.Unknown {
			t.Errorf("got %+v after five", o)
		}
		w.set(serving, all, calgary[0])
		time.Sleep(2 * time.Second)
		if o := status(t, r, calgary[0]); o.Status != health.Up {
			t.Errorf("got %+v afterwards", o)
		}
	})
}

// unreachable is a prober that finds no way.
type unreachable struct{}

func (unreachable) Probe(context.Context, probes.Spec) probes.Result {
	return probes.Failed(health.CauseUnreachable, "no route")
}

func TestNoRouteAtAllIsOurOwnFault(t *testing.T) {
	for _, tt := range []struct {
		routed string
		want   health.Status
	}{{"192.0.2.2", health.Down}, {"", health.Unknown}} {
		bubble(t, "a route to "+tt.routed, func(t *testing.T) {
			cfg := labConfig(newWorld())
			cfg.Probers = map[health.Kind]probes.Prober{health.Options: unreachable{}}
			cfg.HasRoute = func(a netip.Addr) bool { return a.String() == tt.routed }
			r, err := probes.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			calgary, ottawa := checksOf("calgary")[0], checksOf("ottawa")[0]
			if err := r.SetSpecs([]probes.Spec{
				{Check: calgary, Address: netip.MustParseAddrPort("192.0.2.1:5060")},
				{Check: ottawa, Address: netip.MustParseAddrPort("192.0.2.2:5060")},
			}); err != nil {
				t.Fatal(err)
			}
			r.Start()
			defer r.Stop(context.Background())
			time.Sleep(3 * time.Second)
			if o := status(t, r, calgary); o.Status != tt.want {
				t.Errorf("got %+v, want %s", o, tt.want)
			}
		})
	}
}

func TestRiseTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		calgary := checksOf("calgary")
		r := running(t, labConfig(w), calgary)
		time.Sleep(3 * time.Second)
		w.kill(calgary)
		time.Sleep(3 * time.Second)
		w.set(serving, all, calgary...)
		time.Sleep(10 * time.Second)
		if !are(r, health.Down, all) {
			t.Errorf("came back early: %v", r.Opinions())
		}
		time.Sleep(4 * time.Second)
		if !are(r, health.Up, all) {
			t.Errorf("not back after 14 s: %v", r.Opinions())
		}
	})
}

func TestSpecsThatDidNotChangeKeepTheirCounters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		calgary, ottawa := checksOf("calgary"), checksOf("ottawa")
		r := running(t, labConfig(w), calgary)
		w.kill(calgary)
		time.Sleep(3 * time.Second)
		specs := specsOf(append(slices.Clone(calgary), ottawa...))
		specs[1].Address = netip.MustParseAddrPort("127.0.0.1:5070")
		if err := r.SetSpecs(specs); err != nil {
			t.Fatal(err)
		}
		if o := status(t, r, calgary[0]); o.Status != health.Down || o.Cause != health.CauseRefused {
			t.Errorf("unchanged: got %+v", o)
		}
		if o := status(t, r, calgary[1]); o.Status != health.Unknown {
			t.Errorf("at a new address: got %+v", o)
		}
		time.Sleep(2 * time.Second)
		if o := status(t, r, ottawa[0]); o.Status != health.Up {
			t.Errorf("new: got %+v", o)
		}
		if err := r.SetSpecs(specsOf(ottawa)); err != nil {
			t.Fatal(err)
		}
		if n := len(r.Opinions()); n != 4 {
			t.Errorf("%d opinions left, want ottawa's 4", n)
		}
		before := w.count(calgary[0])
		time.Sleep(3 * time.Second)
		if w.count(calgary[0]) != before || r.Recent(calgary[0]) != nil {
			t.Error("a check that was taken out is still asked")
		}
	})
}

func TestWrongSpecsChangeNothing(t *testing.T) {
	r, err := probes.New(labConfig(newWorld()))
	if err != nil {
		t.Fatal(err)
	}
	good := specsOf(checksOf("calgary"))
	if err := r.SetSpecs(good); err != nil {
		t.Fatal(err)
	}
	unknown := specsOf(checksOf("ottawa"))
	unknown[0].Check.Kind = "telepathy"
	nowhere := specsOf(checksOf("ottawa"))
	nowhere[0].Address = netip.AddrPort{}
	for name, specs := range map[string][]probes.Spec{
		"twice": append(slices.Clone(good), good[0]), "unknown kind": unknown, "no address": nowhere,
	} {
		if err := r.SetSpecs(specs); !errors.Is(err, probes.ErrConfig) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if n := len(r.Opinions()); n != 4 {
		t.Errorf("%d opinions, want 4", n)
	}
	if err := r.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestProbeNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		calgary := checksOf("calgary")
		r := running(t, labConfig(w), calgary)
		time.Sleep(3*time.Second + 20*time.Millisecond)
		before := w.count(calgary[2]) + w.count(calgary[3])
		r.ProbeNow(calgary[2].Target)
		synctest.Wait()
		if n := w.count(calgary[2]) + w.count(calgary[3]) - before; n != 2 {
			t.Errorf("%d questions, want the two of the TLS listener", n)
		}
	})
}

func TestStopEndsWhatWasStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		calgary := checksOf("calgary")
		w.set(silent, all, calgary...)
		r := running(t, labConfig(w), calgary)
		time.Sleep(time.Second)
		begin := time.Now()
		for range 2 {
			if err := r.Stop(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		w.mu.Lock()
		left := w.running
		w.mu.Unlock()
		if time.Since(begin) != 0 || left != 0 {
			t.Errorf("took %s, %d probers left", time.Since(begin), left)
		}
		r.Start() // after Stop: nothing
		before := w.count(calgary[0])
		time.Sleep(5 * time.Second)
		if w.count(calgary[0]) != before {
			t.Error("asks after Stop")
		}
	})
}

func TestConfigsThatCannotWork(t *testing.T) {
	for name, spoil := range map[string]func(*probes.Config){
		"no observer":              func(c *probes.Config) { c.Observer = "" },
		"no interval":              func(c *probes.Config) { c.Interval = 0 },
		"timeout above interval":   func(c *probes.Config) { c.Timeout = 2 * c.Interval },
		"no fall":                  func(c *probes.Config) { c.Thresholds.Fall = 0 },
		"a kind asked and watched": func(c *probes.Config) { c.Watchers[health.Options] = newWorld() },
	} {
		cfg := labConfig(newWorld())
		spoil(&cfg)
		if _, err := probes.New(cfg); !errors.Is(err, probes.ErrConfig) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestTheCauseOutlivesTheEvidence: a repeat offender must answer well for longer
// than results are kept. It does not forget meanwhile why it is down.
func TestTheCauseOutlivesTheEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		checks := checksOf("calgary")[:1]
		cfg := labConfig(w)
		changes := 0
		cfg.OnOpinion = func(o health.Opinion) {
			changes++
			if o.Status == health.Down && o.Cause != health.CauseRefused {
				t.Errorf("down because of %q", o.Cause)
			}
		}
		r := running(t, cfg, checks)
		time.Sleep(3 * time.Second)
		for range 3 { // the third time it needs 48 successes
			w.set(closed, all, checks...)
			time.Sleep(3 * time.Second)
			w.set(serving, all, checks...)
			for status(t, r, checks[0]).Status == health.Down {
				time.Sleep(time.Second)
			}
		}
		if changes != 1+2*3 {
			t.Errorf("%d changes of opinion, want up and three times down and up", changes)
		}
	})
}
