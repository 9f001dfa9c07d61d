package sim

import (
	"errors"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

var errNoQuorum = errors.New("no quorum: too few agents reach each other to change anything")

// meter measures what phones feel, once a second.
type meter struct {
	events []steer.Event
	orders []OrderResult
	marks  []mark
	moved  int

	failures    [silent + 1]int
	served      [][]int32 // by group: phones served, at each second
	at          [][]int32 // by site: phones served there, at each second
	most        []int32   // by site: most registrations so far
	here        []int32   // by site: registrations now
	callsFailed []float64 // by group: calls that could not be made
	callsEnded  []float64 // by group: calls that were cut off
}

// mark is a moment from which times are measured.
type mark struct {
	at    time.Duration
	fault Fault
}

func (w *World) buildMeter() {
	m := &w.meter
	n := len(w.groups)
	m.served, m.callsFailed, m.callsEnded = make([][]int32, n), make([]float64, n), make([]float64, n)
	m.at, m.most, m.here = make([][]int32, len(w.sites)), make([]int32, len(w.sites)), make([]int32, len(w.sites))
	w.sample()
}

// sample takes one row of every curve. Of a group with tenants it does not look
// who of them a gate refuses while it is open to others.
func (w *World) sample() {
	m := &w.meter
	clear(m.here)
	for gi := range w.groups {
		g := &w.groups[gi]
		m.served[gi] = append(m.served[gi], 0)
		for i := range w.sites {
			if gi == 0 {
				m.at[i] = append(m.at[i], 0)
			}
			m.here[i] += g.at[i]
			if g.at[i] > 0 && w.works(i, g.transport, int32(g.key)) {
				m.served[gi][len(m.served[gi])-1] += g.at[i]
				m.at[i][len(m.at[i])-1] += g.at[i]
			}
		}
		m.callsFailed[gi] += float64(int32(g.count)-last(m.served[gi])) * g.callRate()
	}
	for i := range m.here {
		m.most[i] = max(m.most[i], m.here[i])
	}
}

// callRate is the calls that one phone of the group makes in a second.
func (g *group) callRate() float64 { return float64(g.Calls) / 100 / 3600 }

// callsLost counts the calls that were up at a site when it failed.
func (m *meter) callsLost(w *World, i int, t fleet.Transport) {
	for gi := range w.groups {
		g := &w.groups[gi]
		if g.transport == t {
			m.callsEnded[gi] += float64(g.at[i]) * g.callRate() * g.CallLength.D().Seconds()
		}
	}
}

func (m *meter) mark(at time.Duration, x Fault) { m.marks = append(m.marks, mark{at, x}) }

func (m *meter) ordered(at time.Duration, o Order, err error) {
	r := OrderResult{At: fleet.Duration(at), Order: o}
	if err != nil {
		r.Error = err.Error()
		var refusal *steer.Refusal
		if errors.As(err, &refusal) {
			r.Rule = refusal.Rule
		}
	}
	m.orders = append(m.orders, r)
}
