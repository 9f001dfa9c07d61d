package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// handClock is a machine's clock: time goes on, and somebody may set it wrong.
type handClock struct {
	true, error time.Duration
}

var noon = time.Date(2019, 2, 12, 12, 0, 0, 0, time.UTC)

func (h *handClock) clock() *clock {
	c := newClock(zerolog.Nop())
	ran := map[time.Time]time.Duration{} // what a monotonic reading would know
	c.wall = func() time.Time {
		now := noon.Add(h.true + h.error)
		ran[now] = h.true
		return now
	}
	c.elapsed = func(since time.Time) time.Duration { return h.true - ran[since] }
	return c
}

func TestMiddleOfTheClocks(t *testing.T) {
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	for _, tt := range []struct {
		name   string
		own    time.Duration
		others []time.Duration
		want   time.Duration
	}{
		{"alone", 7 * time.Hour, nil, 7 * time.Hour},
		{"own hours ahead", 7 * time.Hour, []time.Duration{0, time.Second}, time.Second},
		{"own hours behind", -7 * time.Hour, []time.Duration{0, time.Second}, 0},
		{"another is wrong", 0, []time.Duration{-9 * time.Hour, time.Second}, 0},
		{"small differences", 3 * time.Second, []time.Duration{0, 0}, 3 * time.Second},
		{"of two the earlier", time.Hour, []time.Duration{0}, 0},
		{"of two the earlier, own", 0, []time.Duration{time.Hour}, 0},
	} {
		var others []time.Time
		for _, o := range tt.others {
			others = append(others, at(o))
		}
		if got := middle(at(tt.own), others); !got.Equal(at(tt.want)) {
			t.Errorf("%s: %s, want %s", tt.name, got, at(tt.want))
		}
	}
}

// A leader whose clock is set five hours ahead, or back, while it leads.
func TestClockThatIsSetWrong(t *testing.T) {
	for _, wrong := range []time.Duration{5 * time.Hour, -5 * time.Hour} {
		h := &handClock{}
		c := h.clock()
		hear := func() {
			c.heard("ottawa", noon.Add(h.true))
			c.heard("vancouver", noon.Add(h.true))
		}
		hear()
		state := c.now(noon)
		for i := range 100 {
			if i == 10 {
				h.error = wrong
			}
			h.true += 700 * time.Millisecond
			if i%3 == 0 {
				hear()
			}
			now := c.now(state)
			if want := noon.Add(h.true); now.Sub(want).Abs() > time.Second {
				t.Fatalf("set by %s, after %s: fleet time is %s off", wrong, h.true, now.Sub(want))
			}
			if now.Before(state) {
				t.Fatalf("set by %s: time went back from %s to %s", wrong, state, now)
			}
			state = now
		}
	}
}

// A State that a lonely leader with a wrong clock stamped in the future does
// not stop the time of the next leader.
func TestTimeGoesOnFromAStateAhead(t *testing.T) {
	h := &handClock{}
	c := h.clock()
	state := noon.Add(10 * time.Hour)
	first := c.now(state)
	h.true += 3 * time.Minute
	if d := c.now(state).Sub(first); d != 3*time.Minute {
		t.Errorf("in 3 minutes the fleet's time moved by %s", d)
	}
}

// Readings that are old do not count.
func TestSilentClocksAreForgotten(t *testing.T) {
	h := &handClock{error: time.Hour}
	c := h.clock()
	c.heard("ottawa", noon)
	c.heard("vancouver", noon)
	if now := c.now(noon); now.Sub(noon) > time.Second {
		t.Errorf("outvoted clock was used: %s", now)
	}
	h.true += 2 * clockFresh
	if now := c.now(noon); now.Sub(noon) < time.Hour {
		t.Errorf("silent clocks still outvote this one: %s", now)
	}
}

func TestWrongClocksAreNamed(t *testing.T) {
	effects := make([]peerEffect, 3)
	for i, off := range []time.Duration{0, time.Second, 5 * time.Hour} {
		effects[i].Time = noon.Add(off)
	}
	nameWrongClocks(effects)
	if effects[0].Problem != "" || effects[1].Problem != "" || !strings.Contains(effects[2].Problem, "4h59m59s ahead of the others'") {
		t.Errorf("%q, %q, %q", effects[0].Problem, effects[1].Problem, effects[2].Problem)
	}
}
