package fleet

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Window is a time of the week: "mon-fri 13:00-23:00", by the clock of whoever
// gives the times. One whose end is before its begin goes on after midnight.
type Window struct {
	days     [7]bool // by time.Weekday, of the begin
	from, to int     // minutes of the day
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseWindow reads a window.
func ParseWindow(s string) (Window, error) {
	var w Window
	bad := func() (Window, error) {
		return Window{}, fmt.Errorf("%q is no window: write days and times, for example mon-fri 13:00-23:00, or daily 00:00-04:00", s)
	}
	days, times, ok := strings.Cut(strings.ToLower(strings.TrimSpace(s)), " ")
	if !ok {
		return bad()
	}
	first, last, isRange := strings.Cut(days, "-")
	from, to := slices.Index(weekdays, first), slices.Index(weekdays, last)
	switch {
	case days == "daily":
		w.days = [7]bool{true, true, true, true, true, true, true}
	case !isRange && from >= 0:
		w.days[from] = true
	case isRange && from >= 0 && to >= 0:
		for d := from; ; d = (d + 1) % 7 {
			w.days[d] = true
			if d == to {
				break
			}
		}
	default:
		return bad()
	}
	a, b, ok := strings.Cut(strings.TrimSpace(times), "-")
	begin, err1 := time.Parse("15:04", a)
	end, err2 := time.Parse("15:04", b)
	if !ok || err1 != nil || err2 != nil || a == b {
		return bad()
	}
	w.from, w.to = begin.Hour()*60+begin.Minute(), end.Hour()*60+end.Minute()
	return w, nil
}

// Contains reports whether the moment lies in the window, by UTC.
func (w Window) Contains(t time.Time) bool {
	t = t.UTC()
	m := t.Hour()*60 + t.Minute()
	today, yesterday := w.days[t.Weekday()], w.days[(t.Weekday()+6)%7]
	if w.from < w.to {
		return today && m >= w.from && m < w.to
	}
	return today && m >= w.from || yesterday && m < w.to
}
