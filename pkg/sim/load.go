package sim

import (
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// load is what a site's softswitches are asked in one second, and what they
// get done of it. Beyond its capacity a softswitch does not do the rest slowly:
// it spends its time on what it then drops, so that less gets done the more is
// asked (RFC 5390 §3).
type load struct {
	capacity fleet.Capacity
	bindings int     // registrations held
	steady   float64 // REGISTER per second of the parked phones
	flood    float64 // of what follows a group

	registers meterOf // this second
	shakes    meterOf
	peak      int // most REGISTER per second so far
	collapse  bool
}

// meterOf counts one kind of work against its capacity.
type meterOf struct {
	asked int
	done  int
	limit int // of this second; 0: none
	last  int // asked in the last second
}

// collapseFloor is the least share of its capacity that a softswitch still
// gets done.
const collapseFloor = 0.1

// limitOf is what gets done in a second after one in which so much was asked.
func limitOf(capacity, asked int) int {
	if capacity == 0 || asked <= capacity {
		return capacity
	}
	over := float64(asked-capacity) / float64(capacity)
	return max(1, int(float64(capacity)*max(collapseFloor, 1-over/2)))
}

func (m *meterOf) take() bool {
	m.asked++
	if m.limit > 0 && m.done >= m.limit {
		return false
	}
	m.done++
	return true
}

// admit lets a request through, or drops it without a word.
func (l *load) admit(r reply, m method, shake bool) reply {
	if shake && l.capacity.TLSHandshakeRate > 0 && !l.shakes.take() {
		return silent
	}
	if m != register {
		return r
	}
	if !l.registers.take() {
		return silent
	}
	if l.capacity.Registrations > 0 && l.bindings >= l.capacity.Registrations {
		return refused
	}
	return r
}

// collapsed reports whether less than half of what is asked gets done.
func (l *load) collapsed() bool { return l.collapse }

// dropped is the share of requests that is dropped.
func (l *load) dropped() float64 {
	limit := limitOf(l.capacity.RegisterRate, l.registers.last)
	if limit == 0 || l.registers.last <= limit {
		return 0
	}
	return 1 - float64(limit)/float64(l.registers.last)
}

// loads ends a second of every site.
func (w *World) loads() {
	for i := range w.sites {
		l := &w.sites[i].load
		base := int(l.steady + l.flood)
		asked := l.registers.asked
		l.peak = max(l.peak, asked)
		l.registers.last, l.shakes.last = asked, l.shakes.asked
		limit := limitOf(l.capacity.RegisterRate, asked)
		l.registers = meterOf{asked: base, done: min(base, limit), limit: limit, last: asked}
		if limit > 0 && asked > 0 {
			// The base takes its fair share of what gets done, not all of it.
			l.registers.done = min(base, limit*base/max(base, asked))
		}
		l.shakes = meterOf{limit: limitOf(l.capacity.TLSHandshakeRate, l.shakes.asked), last: l.shakes.asked}
		if now := l.dropped() > 0.5; now != l.collapse {
			l.collapse = now
			w.changed()
		}
	}
	w.floods()
}

// floods spreads what flooding groups send over the sites where they are.
func (w *World) floods() {
	if w.now%time.Second != 0 {
		return
	}
	for i := range w.sites {
		w.sites[i].load.flood = 0
	}
	for gi := range w.groups {
		g := &w.groups[gi]
		if g.flood == 0 {
			continue
		}
		for i := range w.sites {
			s := &w.sites[i]
			if s.cut || s.gates[g.transport].refuses || s.sick[g.transport].down > 0 {
				continue // the gate refuses them at no cost, or nobody is there
			}
			s.load.flood += float64(g.flood) * float64(g.at[i]) / float64(g.count)
		}
	}
}
