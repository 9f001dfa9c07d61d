package traces_test

import (
	"flag"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

var long = flag.Bool("long", false, "live through the whole times of docs/verdicts.md: minutes")

// fast asks every 100 ms: the profile for who wants to know in a fraction of a
// second, and pays with false moves.
var fast = profile{100 * time.Millisecond, 40 * time.Millisecond, 25 * time.Millisecond}

// ofCalgary are the checks of one softswitch.
func ofCalgary() []health.Check {
	return slices.DeleteFunc(allChecks(), func(c health.Check) bool { return c.Site != "calgary" })
}

// said is one change of opinion of one observer.
type said struct {
	at     time.Duration
	site   fleet.SiteID
	check  int
	status health.Status
}

// lossy is what came of hours of random loss at one softswitch.
type lossy struct {
	opinions int           // of down, of single observers
	moves    int           // times that the fleet believed it
	down     time.Duration // for which it did
}

// liveWith loses packets at random for so long, between every agent and the
// softswitch, and counts what is believed wrongly.
func liveWith(p profile, checks []health.Check, loss float64, length time.Duration, seed uint64) lossy {
	heard := make([][]said, len(sites))
	var work sync.WaitGroup
	for n, site := range sites {
		rtt := 30 * time.Millisecond
		if site == "calgary" {
			rtt = time.Millisecond
		}
		if p.interval < time.Second {
			rtt = min(rtt, 5*time.Millisecond) // sites that are near: else nothing is answered in time
		}
		work.Go(func() {
			l := newLean(p, checks, loss, rtt, seed*31+uint64(n))
			l.changed = func(i int, s health.Status, at time.Duration) { heard[n] = append(heard[n], said{at, site, i, s}) }
			l.run(length)
		})
	}
	work.Wait()
	return combine(checks, slices.Concat(heard...), length)
}

// combine passes the opinions through the real combination, in their order.
func combine(checks []health.Check, all []said, end time.Duration) (out lossy) {
	slices.SortStableFunc(all, func(a, b said) int { return int(a.at - b.at) })
	voices, verdicts := make([][]health.Voice, len(checks)), make([]health.Verdict, len(checks))
	for i, c := range checks {
		verdicts[i] = health.Verdict{Check: c, Status: health.Up}
		for _, s := range sites {
			voices[i] = append(voices[i], health.Voice{Agent: fleet.AgentID(s), Site: s, Heard: true, Opinion: health.Opinion{Check: c, Status: health.Up}})
		}
	}
	down, since := 0, time.Duration(0)
	for _, s := range all {
		if s.status == health.Down {
			out.opinions++
		}
		for j := range voices[s.check] {
			if v := &voices[s.check][j]; v.Site == s.site {
				v.Opinion.Status = s.status
			}
		}
		next, _ := health.Combine(verdicts[s.check], voices[s.check], 1, time.Unix(0, 0).Add(s.at))
		was, is := verdicts[s.check].Status == health.Down, next.Status == health.Down
		verdicts[s.check] = next
		switch {
		case is && !was:
			if down == 0 {
				out.moves, since = out.moves+1, s.at
			}
			down++
		case was && !is:
			if down--; down == 0 {
				out.down += s.at - since
			}
		}
	}
	if down > 0 {
		out.down += end - since
	}
	return out
}

// lossRow is one line of the table.
type lossRow struct {
	name    string
	p       profile
	checks  []health.Check
	loss    float64
	short   time.Duration
	long    time.Duration
	promise bool // that nobody is moved
}

func lossRows() []lossRow {
	const h = time.Hour
	all := ofCalgary()
	udp := slices.DeleteFunc(ofCalgary(), func(c health.Check) bool { return c.Kind != health.Options || c.Transport != fleet.UDP })
	return []lossRow{
		{"usual: 5 s, timeout 2 s, burst 250 ms; seven checks", usual, all, 0.01, 200 * h, 10000 * h, true},
		{"usual", usual, all, 0.05, 50 * h, 10000 * h, false},
		{"fast: 100 ms, timeout 40 ms, burst 25 ms; OPTIONS over UDP alone", fast, udp, 0.01, h, 1000 * h, false},
		{"fast, OPTIONS over UDP alone", fast, udp, 0.05, h, 1000 * h, false},
		{"fast, seven checks", fast, all, 0.01, h, 100 * h, false},
		{"fast, seven checks", fast, all, 0.05, h, 100 * h, false},
	}
}

// TestRandomLoss: nobody is moved because of one lost packet in a hundred. With
// -long it lives through ten thousand hours and holds, or writes, the table.
func TestRandomLoss(t *testing.T) {
	var rows []string
	for n, r := range lossRows() {
		length := r.short
		switch {
		case *long:
			length = r.long
		case slowRun:
			length /= 10
		}
		got := liveWith(r.p, r.checks, r.loss, length, uint64(n+1))
		per := 1000 / length.Hours()
		t.Logf("%s at %.0f %%: %d opinions, %d moves, %s down in %.0f h", r.name, 100*r.loss, got.opinions, got.moves, got.down.Round(time.Second), length.Hours())
		if r.promise && got.moves > 0 {
			t.Errorf("%s at %.0f %% loss: %d false moves in %.0f h", r.name, 100*r.loss, got.moves, length.Hours())
		}
		rows = append(rows, fmt.Sprintf("| %s | %.0f %% | %.0f | %s | %s | %s %% |", r.name, 100*r.loss, length.Hours(),
			figure(float64(got.opinions)*per), figure(float64(got.moves)*per), figure(100*got.down.Hours()/length.Hours())))
	}
	if *long {
		holdTable(t, "loss", rows)
	}
}

// figure writes a number as people read it.
func figure(x float64) string {
	if x >= 100 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

// TestLeanIsTheRunner: under heavy loss the one loop and the real runner come to
// as many changes of opinion.
func TestLeanIsTheRunner(t *testing.T) {
	if slowRun {
		t.Skip("statistics of two hours; the race detector looks at the same code in TestTraces")
	}
	const loss, length = 0.2, 2 * time.Hour
	real, was := 0, map[said]health.Status{}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.observe = func(from fleet.SiteID, o health.Opinion) {
			i := slices.Index(ofCalgary(), o.Check)
			who := said{site: from, check: i}
			if i >= 0 && o.Status == health.Down && was[who] != health.Down {
				real++
			}
			was[who] = o.Status
		}
		w.start(t, usual)
		w.change(step{site: "calgary", words: []string{"loss", "20"}})
		time.Sleep(length)
	})
	leanly := liveWith(usual, ofCalgary(), loss, length, 5).opinions
	t.Logf("opinions of down in %s at 20 %% loss: %d by the runner, %d by the loop", length, real, leanly)
	if real < 20 || leanly < real*2/3 || leanly > real*3/2 {
		t.Errorf("%d by the runner, %d by the loop", real, leanly)
	}
}
