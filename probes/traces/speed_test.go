package traces_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// speedRow is a profile and a fault, with what is promised of the median.
type speedRow struct {
	name    string
	p       profile
	fault   string
	promise time.Duration
}

// TestSpeed: how soon a fault is the fleet's verdict, by the profiles whose false
// moves stand in the other table: what makes the one faster makes the other worse.
func TestSpeed(t *testing.T) {
	var rows []string
	for _, r := range []speedRow{
		{"usual: 5 s, timeout 2 s, burst 250 ms", usual, "down", time.Second},
		{"usual", usual, "silent", 6 * time.Second},
		{"fast: 100 ms, timeout 40 ms, burst 25 ms", fast, "down", 150 * time.Millisecond},
		{"fast", fast, "silent", 500 * time.Millisecond},
	} {
		var took []time.Duration
		n := 10 * runs
		for run := range n {
			took = append(took, verdictAfter(t, r, uint64(run+1), r.p.interval*time.Duration(run)/time.Duration(n)))
		}
		slices.Sort(took)
		median, worst := took[len(took)/2], took[len(took)-1]
		if median > r.promise {
			t.Errorf("%s, %s: median %s, promised %s", r.name, r.fault, median, r.promise)
		}
		what := map[string]string{"down": "the process dies, its ports refuse", "silent": "silence on all ports"}[r.fault]
		rows = append(rows, fmt.Sprintf("| %s | %s | %s / %s |", r.name, what, median.Round(time.Millisecond), worst.Round(time.Millisecond)))
		t.Log(rows[len(rows)-1])
	}
	holdTable(t, "speed", rows)
}

// verdictAfter is the time from a fault of calgary until OPTIONS over UDP is down for
// the fleet; the fault comes at a moment of the interval.
func verdictAfter(t *testing.T, r speedRow, seed uint64, moment time.Duration) (after time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(seed)
		w.start(t, r.p)
		fault := 20*r.p.interval + moment
		time.Sleep(fault)
		w.change(step{site: "calgary", words: []string{r.fault}})
		time.Sleep(5 * r.p.interval)
		w.mu.Lock()
		defer w.mu.Unlock()
		c := health.Check{Target: health.Target{Site: "calgary", Switch: "calgary", Transport: fleet.UDP}, Kind: health.Options}
		at, down := w.downs[c]
		if !down || at < fault {
			t.Fatalf("%s of %s, %s after the begin: seen at %s (%v)", r.fault, r.name, fault, at, down)
		}
		after = at - fault
	})
	return after
}
