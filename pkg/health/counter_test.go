package health

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// play feeds a counter: S success, F failure, - no data, m an interval without
// data (limit 3). It returns the status after each step, as U, D or ?.
func play(t Thresholds, steps string) string {
	var c Counter
	var out strings.Builder
	for _, s := range steps {
		switch s {
		case 'S':
			c = c.Next(Success, t)
		case 'F':
			c = c.Next(Failure, t)
		case '-':
			c = c.Next(NoData, t)
		case 'm':
			c = c.Miss(3)
		}
		out.WriteByte("?UD"[c.Status()])
	}
	return out.String()
}

func TestCounter(t *testing.T) {
	th := Thresholds{Fall: 3, Reset: 2, Rise: 4}
	for _, tt := range []struct{ name, steps, want string }{
		{"the first success is enough at start", "S", "U"},
		{"a dead one at start needs Fall failures", "FFF", "??D"},
		{"one lost packet is nothing", "SFSSS", "UUUUU"},
		{"failures count in total, not in a row", "SFSFSF", "UUUUUD"},
		{"Reset successes in a row forget them", "SFFSSFFSSF", "UUUUUUUUUU"},
		{"no data changes nothing", "SF-F-F", "UUUUUD"},
		{"it comes back after Rise in a row", "FFFSSSFSSSS", "??DDDDDDDDU"},
		{"three intervals without data make it unknown", "Smm-m", "UUUU?"},
		{"data in between keeps it", "SmmSmm", "UUUUUU"},
		{"unknown after Up needs one success", "SmmmS", "UUU?U"},
		{"unknown after Down still has to rise", "FFFmmmSSSS", "??DDD????U"},
		{"failures from before a gap do not count", "SFFmmmSF", "UUUUU?UU"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := play(th, tt.steps); got != tt.want {
				t.Errorf("%s\n got %s\nwant %s", tt.steps, got, tt.want)
			}
		})
	}
}

func TestHoldDownDoublesWithEachFallAndDecaysWhileUp(t *testing.T) {
	th := Thresholds{Fall: 1, Reset: 1, Rise: 2}
	c := Counter{}.Next(Success, th)
	for i, want := range []int{2, 4, 8, 16, 32, 32, 32} {
		c = c.Next(Failure, th)
		if got := c.Need(th); got != want {
			t.Fatalf("fall %d: needs %d successes, want %d", i+1, got, want)
		}
		for range want - 1 {
			c = c.Next(Success, th)
		}
		if c.Status() != Down {
			t.Fatalf("fall %d: up too early", i+1)
		}
		if c = c.Next(Success, th); c.Status() != Up {
			t.Fatalf("fall %d: not up after %d successes", i+1, want)
		}
	}
	for _, hold := range []int{32, 16, 8, 4, 2} {
		for range decayRuns*hold - 1 {
			c = c.Next(Success, th)
		}
		if got := c.Need(th); got != hold {
			t.Fatalf("forgave early: needs %d, want %d", got, hold)
		}
		c = c.Next(Success, th)
	}
	if c.falls != 0 {
		t.Errorf("%d falls left after all have decayed", c.falls)
	}
}

// TestHoldDownHasALongestTime: it grows to Hold and no further, is never below Rise,
// and what decays is forgiven as soon.
func TestHoldDownHasALongestTime(t *testing.T) {
	th := Thresholds{Fall: 1, Reset: 1, Rise: 2, Hold: 10}
	c := Counter{}.Next(Success, th)
	for i, want := range []int{2, 4, 8, 10, 10, 10} {
		if c = c.Next(Failure, th); c.Need(th) != want {
			t.Fatalf("fall %d: needs %d successes, want %d", i+1, c.Need(th), want)
		}
		for range want {
			c = c.Next(Success, th)
		}
		if c.Status() != Up {
			t.Fatalf("fall %d: not up after %d successes", i+1, want)
		}
	}
	successes := 0
	for ; c.falls > 0; successes++ {
		c = c.Next(Success, th)
	}
	if most := decayRuns * (10 + 10 + 8 + 4 + 2); successes > most {
		t.Errorf("forgiven after %d successes, at most %d", successes, most)
	}
	if got := (Counter{}).Need(Thresholds{Rise: 12, Hold: 3}); got != 12 {
		t.Errorf("hold below rise: needs %d, want 12", got)
	}
}

// dumb is the counter written down a second time, without counting: it keeps
// the results as text and looks for patterns in it.
type dumb struct {
	status    Status
	window    string // results since failures were last cleared by a change of status
	upWindow  string // results while Up, since the last fall or decay
	falls     int
	misses    int
	mustClimb bool
}

func (d *dumb) step(s byte, t Thresholds, missLimit int) {
	if s == 'm' {
		d.misses++
		if d.misses >= missLimit {
			d.mustClimb = d.mustClimb || d.status == Down
			d.status, d.window, d.upWindow = Unknown, "", ""
		}
		return
	}
	d.misses = 0
	d.window += string(s)
	trailing := func(w string) int { return len(w) - len(strings.TrimRight(w, "S")) }
	remembered := d.window
	if i := strings.LastIndex(d.window, strings.Repeat("S", t.Reset)); i >= 0 {
		remembered = d.window[i+t.Reset:]
	}
	need := t.Rise
	for range d.falls - 1 {
		need *= 2
	}
	switch {
	case d.status == Up && strings.Count(remembered, "F") >= t.Fall:
		d.status, d.window, d.falls = Down, "", min(d.falls+1, maxFalls)
	case d.status == Unknown && strings.Count(remembered, "F") >= t.Fall:
		d.status, d.window, d.mustClimb = Down, "", false
	case d.status == Unknown && s == 'S' && !d.mustClimb:
		d.status, d.upWindow = Up, ""
	case d.status != Up && s == 'S' && trailing(d.window) >= need:
		d.status, d.window, d.upWindow, d.mustClimb = Up, "", "", false
	case d.status == Up:
		d.upWindow += string(s)
		if d.falls > 0 && trailing(d.upWindow) >= decayRuns*need {
			d.falls, d.upWindow = d.falls-1, ""
		}
	}
}

func TestCounterAgreesWithADumbOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		th := Thresholds{
			Fall:  rapid.IntRange(1, 4).Draw(t, "fall"),
			Reset: rapid.IntRange(1, 5).Draw(t, "reset"),
			Rise:  rapid.IntRange(1, 4).Draw(t, "rise"),
		}
		limit := rapid.IntRange(1, 3).Draw(t, "limit")
		// Runs rather than single results, so that long streaks are reached.
		runs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return strings.Repeat(rapid.SampledFrom([]string{"S", "F", "m"}).Draw(t, "result"), rapid.IntRange(1, 20).Draw(t, "times"))
		}), 1, 40).Draw(t, "runs")
		var c Counter
		var d dumb
		for i, s := range []byte(strings.Join(runs, "")) {
			switch s {
			case 'S':
				c = c.Next(Success, th)
			case 'F':
				c = c.Next(Failure, th)
			case 'm':
				c = c.Miss(limit)
			}
			d.step(s, th, limit)
			if c.Status() != d.status || c.falls != d.falls {
				t.Fatalf("after %d results: counter %s with %d falls, dumb one %s with %d", i+1, c.Status(), c.falls, d.status, d.falls)
			}
		}
	})
}

func TestAFallIsNotForgivenToWhatKeepsFailing(t *testing.T) {
	th := Thresholds{Fall: 2, Reset: 1, Rise: 1}
	c := Counter{}.Next(Success, th).Next(Failure, th).Next(Failure, th).Next(Success, th)
	if c.Status() != Up || c.falls != 1 {
		t.Fatalf("%s with %d falls", c.Status(), c.falls)
	}
	for range 100 { // a failure just before each time the fall would decay
		for range decayRuns - 1 {
			c = c.Next(Success, th)
		}
		c = c.Next(Failure, th)
	}
	if c.falls != 1 || c.Status() != Up {
		t.Errorf("%s with %d falls", c.Status(), c.falls)
	}
}
