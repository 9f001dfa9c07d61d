package fleet

import "time"

// Schedule is when something may happen: inside an open window, or at any time
// if there is none, and in no blocked one. Moments are by the clock of its time
// zone, written as if that were UTC: At says how they are made.
type Schedule struct{ open, blocked []Window }

// At is what the clock of a zone shows that is so many seconds east of UTC.
func At(t time.Time, offset int) time.Time {
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// Open reports whether it may happen at a moment.
func (s Schedule) Open(local time.Time) bool {
	for _, w := range s.blocked {
		if w.Contains(local) {
			return false
		}
	}
	for _, w := range s.open {
		if w.Contains(local) {
			return true
		}
	}
	return len(s.open) == 0
}

// Next returns the first moment, from one on, at which it may happen; false if
// there is none.
func (s Schedule) Next(local time.Time) (time.Time, bool) {
	if s.Open(local) {
		return local, true
	}
	// It opens where a window begins or a blocked one ends.
	midnight := local.UTC().Truncate(24 * time.Hour)
	var next time.Time
	for day := range 9 {
		for _, list := range [][]Window{s.open, s.blocked} {
			for _, w := range list {
				for _, minute := range []int{w.from, w.to} {
					at := midnight.Add(time.Duration(day)*24*time.Hour + time.Duration(minute)*time.Minute)
					if at.After(local) && (next.IsZero() || at.Before(next)) && s.Open(at) {
						next = at
					}
				}
			}
		}
	}
	return next, !next.IsZero()
}
