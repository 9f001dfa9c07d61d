package health

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"
)

// Habits is what is kept of Sources over a restart: without it a gate would take
// every busy office for a stranger, and name nobody while it learns.
type Habits struct {
	Began time.Time `json:"began"` // since when is learnt
	Last  time.Time `json:"last"`  // the last look
	// Habits are at most 1024, ordered by source.
	Habits []Habit `json:"habits"`
}

// Habit is what one source usually sends.
type Habit struct {
	Source    netip.Prefix `json:"source"`
	PerSecond float64      `json:"per_second"` // at Last
	Last      time.Time    `json:"last"`
}

// Habits returns what was learnt so far, the same for the same knowledge.
func (s *Sources) Habits() Habits {
	out := Habits{Began: s.began, Last: s.before, Habits: make([]Habit, 0, len(s.habits))}
	for p, h := range s.habits { // any order: sorted below
		out.Habits = append(out.Habits, Habit{p, h.usual, h.last})
	}
	slices.SortFunc(out.Habits, func(a, b Habit) int {
		return cmp.Or(a.Source.Addr().Compare(b.Source.Addr()), cmp.Compare(a.Source.Bits(), b.Source.Bits()))
	})
	return out
}

// Recall takes in what Habits returned before a restart, in place of what is known.
// It returns false, and begins anew, when that is longer ago than a habit lasts, or
// in the future: then it says nothing of today. On an error nothing is taken.
func (s *Sources) Recall(kept Habits, now time.Time) (bool, error) {
	if n := len(kept.Habits); n > maxHabits {
		return false, fmt.Errorf("%d habits of sources, at most %d", n, maxHabits)
	}
	gap := now.Sub(kept.Last) // while nobody looked nobody was silent: habits do not fade
	habits := make(map[netip.Prefix]*habit, len(kept.Habits))
	for _, h := range kept.Habits {
		switch {
		case !h.Source.IsValid() || h.Source != h.Source.Masked():
			return false, fmt.Errorf("habit of %s: no source", h.Source)
		case math.IsNaN(h.PerSecond) || math.IsInf(h.PerSecond, 0) || h.PerSecond < 0:
			return false, fmt.Errorf("habit of %s: %v in a second", h.Source, h.PerSecond)
		case h.Last.After(kept.Last) || habits[h.Source] != nil:
			return false, fmt.Errorf("habit of %s: after the last look, or twice", h.Source)
		}
		habits[h.Source] = &habit{usual: h.PerSecond, last: h.Last.Add(gap)}
	}
	if kept.Began.After(kept.Last) {
		return false, fmt.Errorf("habits since %s, and until %s", kept.Began, kept.Last)
	}
	if kept.Began.IsZero() || kept.Last.After(now) || now.Sub(kept.Last) > habitTime {
		return false, nil
	}
	*s = Sources{began: kept.Began, before: now, habits: habits, loud: map[netip.Prefix]*streak{}}
	return true, nil
}
