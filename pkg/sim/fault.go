package sim

import (
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

const (
	// flapTime is how long a flapping softswitch is down, and up.
	flapTime = 10 * time.Second
	// poisonTime is how long it takes until the poison works.
	poisonTime = 20 * time.Second
	// poisonShare of a group at a site is what poisons it.
	poisonShare = 10 // per cent
)

// fault begins one of the scenario's faults.
func (w *World) fault(n int) {
	x := w.sc.Faults[n]
	w.meter.mark(w.now, x)
	w.changed()
	switch x.Fault {
	case FaultAgent, FaultPartition:
		o := &w.observers[w.siteIndex(x.Site)]
		o.lostAt = w.now
		if x.Fault == FaultAgent {
			o.dead = true
		} else {
			o.partitioned = true
		}
		w.setGates(w.siteIndex(x.Site))
		w.membersChanged()
	case FaultCut:
		i := w.siteIndex(x.Site)
		w.sites[i].cut = true
		for t := range transports {
			w.fellSilent(i, fleet.Transport(t))
		}
	case FaultFlood:
		w.groupOf(x.Phones).flood = x.Rate
	case FaultPoison:
		w.q.add(w.now, evPoison, n)
	case FaultFlap:
		w.q.add(w.now, evFlap, n)
	default:
		w.sicken(x, 1)
	}
}

// heal ends a fault.
func (w *World) heal(n int) {
	x := w.sc.Faults[n]
	w.changed()
	switch x.Fault {
	case FaultAgent, FaultPartition:
		o := &w.observers[w.siteIndex(x.Site)]
		o.dead, o.partitioned, o.lostAt = false, false, -1
		if x.Fault == FaultAgent { // a new process knows nothing
			w.opinions++
			for c := range o.asks {
				o.asks[c] = asking{opinion: o.asks[c].opinion, asked: -time.Hour, armed: o.asks[c].armed}
				o.asks[c].opinion.Status, o.asks[c].opinion.Cause = 0, ""
			}
			o.reflex = [transports]bool{}
			clear(o.suspected)
		}
		w.setGates(w.siteIndex(x.Site))
		w.membersChanged()
	case FaultCut:
		w.sites[w.siteIndex(x.Site)].cut = false
	case FaultFlood:
		w.groupOf(x.Phones).flood = 0
	case FaultPoison:
		for i := range w.poisoned {
			if w.poisoned[i] == n+1 {
				w.poisoned[i] = 0
				w.sicken(Fault{Fault: FaultHang, Site: w.sites[i].id}, -1)
			}
		}
	case FaultFlap: // flap heals it at its next turn
	default:
		w.sicken(x, -1)
	}
}

// sicken adds a fault of a site's softswitches, or takes it away.
func (w *World) sicken(x Fault, by int) {
	i := w.siteIndex(x.Site)
	s := &w.sites[i]
	for t := range fleet.Transport(transports) {
		if !s.serves[t] || x.Transport != 0 && x.Transport != t {
			continue
		}
		c := s.sick[t].counterOf(x.Fault, t)
		if c == nil {
			continue
		}
		*c += uint8(by)
		if by < 0 || *c > 1 {
			continue
		}
		switch {
		case x.Fault == FaultDown:
			w.closeFlows(i, t, time.Second)
			w.meter.callsLost(w, i, t)
		case x.Fault == FaultBadCert: // loading it ends the connections
			w.closeFlows(i, t, time.Second)
		case x.Fault == FaultCalls || x.Fault == FaultDisk:
			w.meter.callsLost(w, i, t)
		case x.Fault == FaultHang || x.Fault == FaultTLSHang:
			w.fellSilent(i, t)
		}
	}
	if x.Fault == FaultDown && by > 0 {
		// Every agent holds a connection open: it breaks.
		for o := range w.observers {
			if ob := &w.observers[o]; !ob.dead && w.reachable(o, i) {
				w.suspect(ob, i, w.now+w.fleet.Checks.Burst.D()/dying, true)
			}
		}
	}
	w.changed()
}

// counterOf is what counts the fault on a transport; nil where it has none.
func (x *sickness) counterOf(k FaultKind, t fleet.Transport) *uint8 {
	switch k {
	case FaultDown:
		return &x.down
	case FaultHang:
		return &x.hang
	case FaultTLSHang:
		if t.Secure() {
			return &x.hang
		}
	case FaultBadCert:
		if t.Secure() {
			return &x.badCert
		}
	case FaultSlow:
		return &x.slow
	case FaultRegister:
		return &x.register
	case FaultAuth:
		return &x.auth
	case FaultCalls:
		return &x.calls
	case FaultDisk:
		return &x.disk
	}
	return nil
}

// flap turns a flapping softswitch down or up, until the fault is over.
func (w *World) flap(n int) {
	x := w.sc.Faults[n]
	down := w.flapping[n]
	over := x.For > 0 && w.now >= (x.At+x.For).D()
	if over && !down {
		return
	}
	x.Fault = FaultDown
	if down {
		w.sicken(x, -1)
	} else {
		w.sicken(x, 1)
	}
	w.flapping[n] = !down
	if !over {
		w.q.add(w.now+flapTime, evFlap, n)
	}
}

// poison makes a softswitch hang once enough of the group have been with it for
// a while.
func (w *World) poison(n int) {
	x := w.sc.Faults[n]
	if x.For > 0 && w.now >= (x.At+x.For).D() {
		return
	}
	g := w.groupOf(x.Phones)
	for i := range w.sites {
		if w.poisoned[i] == 0 && 100*int(g.at[i]) >= poisonShare*g.count && !w.sites[i].gates[g.transport].refuses {
			if w.ill[i]++; time.Duration(w.ill[i])*time.Second >= poisonTime {
				w.poisoned[i] = n + 1
				w.sicken(Fault{Fault: FaultHang, Site: w.sites[i].id}, 1)
			}
		} else {
			w.ill[i] = 0
		}
	}
	w.q.add(w.now+time.Second, evPoison, n)
}

func (w *World) groupOf(name string) *group {
	for i := range w.groups {
		if w.groups[i].Name == name {
			return &w.groups[i]
		}
	}
	return nil
}
