package health

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"
)

const (
	// habitTime is the time over which what a source usually sends is averaged:
	// long against the burst of an office that comes back to its desks.
	habitTime = time.Hour
	// habitLeast is the rate in a second from which on a source's habit is kept.
	// A phone registers once a minute: of it nothing is expected.
	habitLeast = 1
	// maxHabits bounds them, since sources can be forged.
	maxHabits = 1024
	// loudLooks is for how many looks in a row a source must be far above before
	// it is named.
	loudLooks = 3
	// loudCrowd is how many sources at once are a crowd, for instance all offices
	// after a power cut, and none of them the culprit.
	loudCrowd = 8
)

// SourceRate is what one source began, in a second.
type SourceRate struct {
	Prefix    netip.Prefix
	PerSecond float64
}

// LoudLimits say when a source is abnormal.
type LoudLimits struct {
	// Least is the rate in a second below which no source is.
	Least float64
	// Times is how many times its own usual rate, and that of the others, it must
	// send.
	Times float64
	// Learn is for how long all is learnt first, and nobody is abnormal.
	Learn time.Duration
}

// Loud is a source that sends far more than it usually does and than others do.
type Loud struct {
	SourceRate
	Usual  float64 // of itself, in a second; 0 when it was not there or hardly
	Others float64 // what 95 % of the other sources are below
	Since  time.Time
}

// String says why it is one.
func (l Loud) String() string {
	usual := "it was hardly there before"
	if l.Usual >= habitLeast {
		usual = fmt.Sprintf("%.0f is usual for it", l.Usual)
	}
	return fmt.Sprintf("%s begins %.0f requests a second since %s: %s, and 95 %% of the others send less than %.1f",
		plainPrefix(l.Prefix), l.PerSecond, l.Since.UTC().Format("Mon 15:04 UTC"), usual, math.Ceil(l.Others*10+.1)/10)
}

func plainPrefix(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// Sources finds the one customer, device or stranger that sends far more than it
// usually does and than all others do. The zero value knows nobody yet. It has no
// clock.
type Sources struct {
	began  time.Time // the first look
	before time.Time // the last one
	habits map[netip.Prefix]*habit
	loud   map[netip.Prefix]*streak
}

// habit is what a source usually sends: a mean that follows it slowly.
type habit struct {
	usual float64
	last  time.Time
}

// streak is for how long a source was far above.
type streak struct {
	looks int
	since time.Time
}

// Look takes in what the sources sent since the last look, and returns those that
// have been abnormal for three looks, the worst first. What a source sends while
// it is abnormal does not become its habit.
func (s *Sources) Look(now time.Time, rates []SourceRate, limits LoudLimits) []Loud {
	if s.habits == nil {
		s.began, s.habits, s.loud = now, map[netip.Prefix]*habit{}, map[netip.Prefix]*streak{}
	}
	suspects := map[netip.Prefix]bool{}
	var others []float64
	for _, r := range rates {
		if now.Sub(s.began) >= limits.Learn && r.PerSecond >= limits.Least && r.PerSecond >= limits.Times*s.usual(r.Prefix, now) {
			suspects[r.Prefix] = true
		} else {
			others = append(others, r.PerSecond)
		}
	}
	slices.Sort(others)
	common := 0.0
	if n := len(others); n > 0 {
		common = others[(n-1)*95/100]
	}
	var out []Loud
	for _, r := range rates {
		far := suspects[r.Prefix] && r.PerSecond >= limits.Times*common
		if !far {
			delete(s.loud, r.Prefix)
			s.learn(r, now)
			continue
		}
		k := s.loud[r.Prefix]
		if k == nil {
			k = &streak{since: now}
			s.loud[r.Prefix] = k
		}
		if k.looks++; k.looks >= loudLooks {
			out = append(out, Loud{SourceRate: r, Usual: s.usual(r.Prefix, now), Others: common, Since: k.since})
		}
	}
	s.forget(rates, now)
	s.before = now
	if len(out) > loudCrowd {
		return nil
	}
	slices.SortFunc(out, func(a, b Loud) int {
		return cmp.Or(cmp.Compare(b.PerSecond, a.PerSecond), a.Prefix.Addr().Compare(b.Prefix.Addr()))
	})
	return out
}

// usual is the habit of a source now: silence since its last look counts.
func (s *Sources) usual(p netip.Prefix, now time.Time) float64 {
	h := s.habits[p]
	if h == nil {
		return 0
	}
	return h.usual * fades(now.Sub(h.last))
}

// fades is what is left of a habit after a time of silence.
func fades(d time.Duration) float64 { return math.Exp(-max(0, d).Seconds() / habitTime.Seconds()) }

// learn moves the habit of a source towards what it sends: in the first hour as a
// mean of what was seen, since it is not new, we are.
func (s *Sources) learn(r SourceRate, now time.Time) {
	h := s.habits[r.Prefix]
	if h == nil {
		if r.PerSecond < habitLeast || len(s.habits) >= maxHabits {
			return
		}
		h = &habit{last: s.before}
		s.habits[r.Prefix] = h
	}
	kept := 0.0
	if seen := min(now.Sub(s.began), habitTime); seen > 0 {
		kept = math.Exp(-now.Sub(h.last).Seconds() / seen.Seconds())
	}
	h.usual, h.last = h.usual*kept+r.PerSecond*(1-kept), now
}

// forget ends the streaks of sources that sent nothing, and makes room among the
// habits.
func (s *Sources) forget(rates []SourceRate, now time.Time) {
	if len(s.habits) >= maxHabits {
		maps.DeleteFunc(s.habits, func(p netip.Prefix, _ *habit) bool { return s.usual(p, now) < habitLeast })
	}
	if len(s.loud) == 0 {
		return
	}
	there := map[netip.Prefix]bool{}
	for _, r := range rates {
		there[r.Prefix] = true
	}
	maps.DeleteFunc(s.loud, func(p netip.Prefix, _ *streak) bool { return !there[p] })
}
