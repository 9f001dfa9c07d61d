package health_test

import (
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sipsteer/sipsteer/pkg/health"
)

// restarted is a listener that knows what the other one has kept.
func (l *listener) restarted(t *testing.T, after time.Duration) (*listener, bool) {
	t.Helper()
	next := &listener{now: l.now.Add(after)}
	known, err := next.s.Recall(l.s.Habits(), next.now)
	if err != nil {
		t.Fatal(err)
	}
	return next, known
}

// TestHabitsSurviveARestart: the trunk is still usual, a flood is found at once and
// not only when all was learnt again, and silence while nobody looked is none.
func TestHabitsSurviveARestart(t *testing.T) {
	l := newListener()
	l.look(360, crowdOf()...)
	flood := append(crowdOf(), health.SourceRate{Prefix: addr("203.0.113.7/32"), PerSecond: 900})
	for _, gap := range []time.Duration{10 * time.Second, 50 * time.Minute} {
		next, known := l.restarted(t, gap)
		if !known {
			t.Fatalf("%s after: forgotten", gap)
		}
		got := next.look(3, flood...)
		if len(got) != 1 || got[0].Prefix != addr("203.0.113.7/32") {
			t.Errorf("%s after: %v", gap, got)
		}
		next, _ = l.restarted(t, gap)
		if got := next.look(30, append(crowdOf()[1:], health.SourceRate{Prefix: addr("198.51.100.1/32"), PerSecond: 500})...); len(got) != 0 {
			t.Errorf("%s after: the trunk of 60 a second with 500: %v", gap, got)
		}
	}
	for _, gap := range []time.Duration{2 * time.Hour, -time.Hour} {
		next, known := l.restarted(t, gap)
		if known || next.look(3, flood...) != nil {
			t.Errorf("%s after: what is too old, or of a clock that was ahead, is used", gap)
		}
	}
}

// TestHabitsThatAreWrongAreRefused: nothing of them is taken.
func TestHabitsThatAreWrongAreRefused(t *testing.T) {
	l := newListener()
	l.look(60, crowdOf()...)
	for name, spoil := range map[string]func(*health.Habits){
		"no source":           func(h *health.Habits) { h.Habits[0].Source = health.Habit{}.Source },
		"no network":          func(h *health.Habits) { h.Habits[0].Source = addr("192.0.2.7/24") },
		"no number":           func(h *health.Habits) { h.Habits[0].PerSecond = math.NaN() },
		"below zero":          func(h *health.Habits) { h.Habits[0].PerSecond = -1 },
		"without bound":       func(h *health.Habits) { h.Habits[0].PerSecond = math.Inf(1) },
		"twice":               func(h *health.Habits) { h.Habits = append(h.Habits, h.Habits[0]) },
		"after the last look": func(h *health.Habits) { h.Habits[0].Last = h.Last.Add(time.Second) },
		"begun after its end": func(h *health.Habits) { h.Began = h.Last.Add(time.Second) },
		"more than were learnt": func(h *health.Habits) {
			for i := range 2000 {
				h.Habits = append(h.Habits, health.Habit{Source: addr(fmt.Sprintf("10.9.%d.%d/32", i/250, i%250)), Last: h.Last})
			}
		},
	} {
		kept := l.s.Habits()
		spoil(&kept)
		var s health.Sources
		if known, err := s.Recall(kept, l.now); err == nil || known || len(s.Habits().Habits) != 0 {
			t.Errorf("%s: %v, %v", name, known, err)
		}
	}
}

// TestHabitsAreKeptWhole: what is recalled is what was kept, and a gate that was
// stopped and started between two looks says what one says that went on.
func TestHabitsAreKeptWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := newListener()
		for range rapid.IntRange(1, 80).Draw(t, "looks") {
			var rates []health.SourceRate
			for i := range rapid.IntRange(0, 6).Draw(t, "sources") {
				rates = append(rates, health.SourceRate{Prefix: addr(fmt.Sprintf("198.51.100.%d/32", i)), PerSecond: rapid.Float64Range(0, 400).Draw(t, "rate")})
			}
			a.look(1, rates...)
		}
		kept := a.s.Habits()
		b := &listener{now: a.now}
		if known, err := b.s.Recall(kept, kept.Last); err != nil || !known {
			t.Fatal(known, err)
		}
		if again := b.s.Habits(); !reflect.DeepEqual(again, kept) {
			t.Fatalf("kept %+v, recalled %+v", kept, again)
		}
		a.look(3) // whatever it was about to say is over
		b.look(3)
		rates := append(crowdOf(), health.SourceRate{Prefix: addr("198.51.100.3/32"), PerSecond: 300})
		if x, y := fmt.Sprint(a.look(4, rates...)), fmt.Sprint(b.look(4, rates...)); x != y {
			t.Fatalf("%s, after a restart %s", x, y)
		}
	})
}
