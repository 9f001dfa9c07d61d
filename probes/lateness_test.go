package probes

import (
	"context"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// busy is a machine that lets this process run for a part of each period, in the
// virtual time of a bubble, and the softswitch that is asked from it. The
// schedule itself is always in time: that is the hard case, since by its own
// wake-ups all is well.
type busy struct {
	period, runs time.Duration
	begin        time.Time
	mode         atomic.Int32
}

const (
	answers int32 = iota
	quiet
	refuses
)

// turn waits until the process runs.
func (b *busy) turn() {
	if at := time.Since(b.begin) % b.period; at >= b.runs {
		time.Sleep(b.period - at)
	}
}

// Probe implements Prober as a process does that needs its turn to see an answer
// or the end of its time.
func (b *busy) Probe(ctx context.Context, _ Spec) Result {
	b.turn()
	switch b.mode.Load() {
	case refuses:
		return Failed(health.CauseRefused, "refused")
	case answers:
		time.Sleep(time.Millisecond)
	default:
		<-ctx.Done()
	}
	b.turn()
	if ctx.Err() != nil { // a socket does not return what came in before its deadline
		return Failed(health.CauseTimeout, "no answer in time")
	}
	return Succeeded(time.Millisecond, "200 OK")
}

var calgaryUDP = health.Check{Target: health.Target{Site: "calgary", Switch: "cgy1", Transport: fleet.UDP}, Kind: health.Options}

// ask makes a runner that asks from the machine. It is not started.
func (b *busy) ask(t *testing.T) *Runner {
	t.Helper()
	b.begin = time.Now()
	r, err := New(Config{
		Observer: "calgary-1", Interval: time.Second, Timeout: 400 * time.Millisecond, Burst: 150 * time.Millisecond,
		Thresholds: health.Thresholds{Fall: 3, Reset: 6, Rise: 12}, Probers: map[health.Kind]Prober{health.Options: b},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.turn = b.turn
	if err := r.SetSpecs([]Spec{{Check: calgaryUDP, Address: netip.MustParseAddrPort("127.0.0.1:5060")}}); err != nil {
		t.Fatal(err)
	}
	return r
}

// start runs it until the test ends.
func start(t *testing.T, r *Runner) {
	t.Helper()
	r.Start()
	t.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// outcomes counts the last results.
func outcomes(r *Runner) (n [3]int) {
	for _, o := range r.Recent(calgaryUDP) {
		n[o.Outcome]++
	}
	return n
}

// The process runs for 20 ms of each 0.7 s: every second question or so runs into
// its time-out although it was answered after a millisecond.
func TestAStarvedMachineBlamesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &busy{period: 700 * time.Millisecond, runs: 20 * time.Millisecond}
		r := b.ask(t)
		start(t, r)
		noData := 0
		for range 600 {
			time.Sleep(100 * time.Millisecond)
			n := outcomes(r)
			noData += n[health.NoData]
			if n[health.Failure] > 0 {
				t.Fatalf("a failure of a softswitch that answers: %+v", r.Recent(calgaryUDP))
			}
			if s := r.Stats(); s.Hung > 0 {
				t.Fatalf("a prober that had no turn was called hung: %+v", s)
			}
		}
		late := r.Stats().Late
		if noData == 0 || late.NoData == 0 || late.NoData > late.Questions || late.AllLost < 15*time.Second {
			t.Errorf("the machine did starve it: %d without data, %+v", noData, late)
		}
		b.mode.Store(refuses)
		time.Sleep(10 * time.Second)
		if o := r.Opinions()[0]; o.Status != health.Down || o.Cause != health.CauseRefused {
			t.Errorf("a refusal is a fact, however late it is read: %+v", o)
		}
	})
}

func TestABusyMachineIsNotBlind(t *testing.T) {
	for _, tt := range []struct {
		percent int // of the time that the process runs
		want    health.Status
	}{{100, health.Down}, {70, health.Down}, {40, health.Down}, {30, health.Down}, {4, health.Unknown}} {
		t.Run(fmt.Sprintf("%d %%", tt.percent), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const period = 60 * time.Millisecond
				b := &busy{period: period, runs: period * time.Duration(tt.percent) / 100}
				r := b.ask(t)
				start(t, r)
				time.Sleep(20 * time.Second)
				if o := r.Opinions()[0]; o.Status != health.Up {
					t.Fatalf("it answers: %+v", o)
				}
				b.mode.Store(quiet)
				time.Sleep(15 * time.Second)
				if o := r.Opinions()[0]; o.Status != tt.want {
					t.Errorf("silent for 15 s: %+v, want %s; %+v", o, tt.want, r.Stats().Late)
				}
				if late := r.Stats().Late; (late.NoData > 0) != (tt.percent < 70) {
					t.Errorf("without data: %+v", late)
				}
			})
		})
	}
}

// The process is stopped, its schedule too, and goes on: who then runs first, the
// prober or the schedule, is chance.
func TestAPausedMachineBlamesNobody(t *testing.T) {
	for _, first := range []string{"prober", "schedule"} {
		t.Run(first+" first", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &busy{period: time.Hour, runs: time.Hour}
				b.mode.Store(quiet)
				if first == "schedule" { // the prober has its turn after 5 s
					b.period, b.runs = 5*time.Second, 200*time.Millisecond
				}
				r := b.ask(t)
				advance := func() {
					r.mu.Lock()
					defer r.mu.Unlock()
					r.advance(t.Context(), time.Now())
				}
				r.mu.Lock()
				r.ask(t.Context(), r.checks[calgaryUDP], time.Now(), true)
				r.mu.Unlock()
				time.Sleep(4900 * time.Millisecond)
				advance()
				time.Sleep(200 * time.Millisecond)
				advance()
				r.work.Wait()
				if n := outcomes(r); n[health.Failure] > 0 || n[health.NoData] == 0 {
					t.Errorf("%+v", r.Recent(calgaryUDP))
				}
				if r.checks[calgaryUDP].asked.Equal(b.begin) {
					t.Error("it is not asked again")
				}
			})
		})
	}
}

func TestWhatWasLostIsCountedOnce(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }
	l := lateness{beat: 20 * time.Millisecond}
	for _, step := range []struct {
		due, turn int
		want      int // lost so far
	}{
		{0, 5, 0}, // any wake-up is late by a little
		{0, 50, 50},
		{20, 50, 50},   // waited for the same turn
		{40, 70, 70},   // in part
		{10, 60, 70},   // told late, but counted already
		{100, 110, 80}, // anew
	} {
		l.note(at(step.due), at(step.turn))
		if l.lost != time.Duration(step.want)*time.Millisecond {
			t.Errorf("due at %d, turn at %d: %s lost, want %d ms", step.due, step.turn, l.lost, step.want)
		}
	}
}

func TestTheWindowForgets(t *testing.T) {
	var w window
	now := time.Unix(1000, 0)
	for i := range 60 {
		w.count(i%2 == 0, now.Add(time.Duration(i)*time.Second))
	}
	if l := w.sum(now.Add(100*time.Second), 0); l.Questions != 60 || l.NoData != 30 || l.Window != 100*time.Second {
		t.Errorf("%+v", l)
	}
	if l := w.sum(now.Add(5*time.Minute), 0); l.Questions != 0 || l.AllNoData != 30 {
		t.Errorf("minutes later: %+v", l)
	}
}
