package probes

import "time"

// lateWindow is over how long Late counts, at least; at most twice that.
const lateWindow = time.Minute

// Late says how late this machine was with its own questions. A number above a
// few in a hundred means that what this agent says is late too, or nothing.
type Late struct {
	// Questions were counted in the last Window; NoData of them were lost,
	// because their time ran out while this machine did something else.
	Questions, NoData int
	Window            time.Duration
	// AllNoData and AllLost are since the runner was made: questions without
	// data, and the time in which something was due and did not get its turn.
	AllNoData uint64
	AllLost   time.Duration
}

// window counts questions over the last one to two lateWindows.
type window struct {
	before, now struct {
		since           time.Time
		questions, late int
	}
	all uint64
}

func (w *window) count(late bool, now time.Time) {
	w.turn(now)
	w.now.questions++
	if late {
		w.now.late++
		w.all++
	}
}

// turn begins a new part when the present one is over.
func (w *window) turn(now time.Time) {
	age := now.Sub(w.now.since)
	if age < lateWindow {
		return
	}
	w.before = w.now
	if age >= 2*lateWindow { // nothing was asked meanwhile
		w.before.questions, w.before.late, w.before.since = 0, 0, now
	}
	w.now.questions, w.now.late, w.now.since = 0, 0, now
}

func (w *window) sum(now time.Time, lost time.Duration) Late {
	w.turn(now)
	return Late{
		Questions: w.before.questions + w.now.questions, NoData: w.before.late + w.now.late,
		Window: now.Sub(w.before.since), AllNoData: w.all, AllLost: lost,
	}
}
