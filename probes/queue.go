package probes

import (
	"container/heap"
	"time"
)

// due says what is to be done when its moment comes.
type due uint8

const (
	dueRound due = 1 + iota // the check's regular question
	dueBurst                // a further question under suspicion
	dueNow                  // a question that somebody asked for
	dueWatch                // the check is new and is to be held open
	dueSlow                 // half of the timeout has passed: answered yet?
	dueCut                  // the prober should have returned: has it?
	dueAgain                // a question again that this machine was too late for
	dueBeat                 // is this machine late?
)

// event is one entry of the agenda. Nothing is looked for and taken out before its
// moment: an event whose check or attempt is over does nothing.
type event struct {
	at      time.Time
	order   uint64 // first in, first out among equals
	what    due
	check   *check   // none of dueBeat
	attempt *attempt // of dueSlow and dueCut
}

// agenda is the one timer heap: a check that is idle costs one event, not a
// goroutine.
type agenda struct {
	events eventHeap
	count  uint64
}

func (a *agenda) add(e event) {
	a.count++
	e.order = a.count
	heap.Push(&a.events, e)
}

// next returns the moment of the earliest event that still means something. What
// watched over a question that was answered since goes without waking anybody.
func (a *agenda) next() (time.Time, bool) {
	for len(a.events) > 0 && a.events[0].attempt != nil && a.events[0].attempt.over {
		heap.Pop(&a.events)
	}
	if len(a.events) == 0 {
		return time.Time{}, false
	}
	return a.events[0].at, true
}

// take removes and returns the earliest event if its moment has come.
func (a *agenda) take(now time.Time) (event, bool) {
	if len(a.events) == 0 || a.events[0].at.After(now) {
		return event{}, false
	}
	return heap.Pop(&a.events).(event), true
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].order < h[j].order
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = event{} // let go of the check
	*h = old[:len(old)-1]
	return last
}
