package sim

import (
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// transports is one more than the largest transport.
const transports = int(fleet.WSS) + 1

// site is a place with its link, its gate and its softswitches, which share
// their faults.
type site struct {
	id     fleet.SiteID
	serves [transports]bool
	sick   [transports]sickness
	cut    bool // nobody outside can reach it
	gates  [transports]gate
	// parts is what the gate does, while it is open, with those who ask each
	// question of the directory; nil when that is the same for all.
	parts [transports][]gate
	// flows numbers the lives of the site's connections: one that was made
	// under an older number is dead.
	flows [transports]uint32
	load  load
}

// sickness is what the softswitches of a site do wrong on one transport. Each
// counts the faults that cause it, since faults may overlap.
type sickness struct {
	down, hang, slow, badCert, register, auth, calls, disk uint8
}

// gate is what the site's gate does on one transport.
type gate struct {
	refuses    bool
	passInvite bool
}

// gateFor is what the site's gate does with a phone that asks a question.
func (s *site) gateFor(t fleet.Transport, key int32) gate {
	if parts := s.parts[t]; parts != nil {
		return parts[key]
	}
	return s.gates[t]
}

// reply is how a request ends.
type reply uint8

const (
	accepted  reply = iota
	late            // accepted after three seconds
	refused         // 503 with Retry-After
	failed          // 500
	forbidden       // 403, or challenged again and again
	reset           // the connection cannot be made, or ends
	badCert         // the certificate is not accepted
	silent
)

// lateness is how late a slow softswitch answers.
const lateness = 3 * time.Second

// method is what is asked.
type method uint8

const (
	options method = iota
	register
	invite
	handshake // TLS alone
)

func (w *World) buildSites() {
	for i := range w.fleet.Sites {
		fs := &w.fleet.Sites[i]
		s := site{id: fs.Name}
		for _, t := range fs.Transports() {
			s.serves[t] = true
		}
		s.load.capacity = fs.Capacity
		w.sites = append(w.sites, s)
	}
}

// softswitch is what the softswitches of a site say to a request.
func (s *site) softswitch(t fleet.Transport, m method, fresh bool) reply {
	x := &s.sick[t]
	switch {
	case !s.serves[t] || x.down > 0:
		if t == fleet.UDP {
			return silent // ICMP is ignored (seen with baresip)
		}
		return reset
	case x.hang > 0:
		return silent
	case x.badCert > 0 && fresh:
		return badCert
	case m == register && x.register > 0:
		return silent
	case m == register && x.disk > 0:
		return failed
	case (m == register || m == invite) && x.auth > 0:
		return forbidden
	case m == invite && (x.calls > 0 || x.disk > 0):
		return failed
	case x.slow > 0:
		return late
	}
	return accepted
}

// request is what a phone gets that finds the site by a question of the
// directory: the link, then the gate, then the softswitch and what its load lets
// through.
func (w *World) request(i int, t fleet.Transport, m method, fresh bool, key int32) reply {
	s := &w.sites[i]
	if s.cut {
		return silent
	}
	if g := s.gateFor(t, key); g.refuses && (m != invite || !g.passInvite) {
		return refused
	}
	r := s.softswitch(t, m, fresh)
	if r == accepted || r == late {
		return s.load.admit(r, m, fresh && t.Secure())
	}
	return r
}

// works reports whether calls to and from a phone that is registered at the
// site, and finds it by a question of the directory, succeed now.
func (w *World) works(i int, t fleet.Transport, key int32) bool {
	s := &w.sites[i]
	g := s.gateFor(t, key)
	if s.cut || g.refuses && !g.passInvite || s.load.collapsed() {
		return false
	}
	r := s.softswitch(t, invite, false)
	return r == accepted || r == late
}

// setGates makes the gate of the site follow what its agent has applied and
// what its own probes say. A site whose agent is dead has no gate in the way.
func (w *World) setGates(i int) {
	s, o := &w.sites[i], &w.observers[i]
	for t := range s.gates {
		var g gate
		var parts []gate
		if !o.dead {
			var rule steer.GateRule
			if st := w.quorum.served[i]; st != nil {
				rule = st.gates[i][t]
			}
			reflex := o.reflex[t] && steer.ReflexAllowed(w.quorum.log[w.quorum.applied[i]-1], s.id, fleet.Transport(t))
			g = gate{refuses: reflex || rule.Mode != steer.GateOpen, passInvite: !reflex && rule.PassInvite}
			parts = w.partsOf(rule, reflex)
		}
		if !slices.Equal(parts, s.parts[t]) {
			s.parts[t] = parts
			w.changed()
		}
		if g == s.gates[t] {
			continue
		}
		opened := !g.refuses
		s.gates[t] = g
		w.changed()
		if !opened && !g.passInvite && fleet.Transport(t).Stream() {
			w.closeFlows(i, fleet.Transport(t), drainSpread)
		}
	}
}

// partsOf is what a gate does by who asks; nil when that is the same for all. It
// closes no connections for a part.
func (w *World) partsOf(rule steer.GateRule, reflex bool) []gate {
	if reflex || len(rule.Parts) == 0 {
		return nil
	}
	out := make([]gate, len(w.names.keys))
	for k, q := range w.names.keys {
		r := rule.For(q.service, q.bucket)
		out[k] = gate{refuses: r.Mode != steer.GateOpen, passInvite: r.PassInvite}
	}
	return out
}

// drainSpread is the time over which a gate closes idle connections.
const drainSpread = 10 * time.Second

// closeFlows ends the connections to a site. Phones that watch theirs notice.
func (w *World) closeFlows(i int, t fleet.Transport, spread time.Duration) {
	w.sites[i].flows[t]++
	w.notice(i, t, func(b behaviour) (time.Duration, bool) {
		return w.jitter(spread) + w.jitter(b.notices), b.notices > 0
	})
}

// fellSilent lets phones that keep their flow alive notice that nothing is
// answered any more.
func (w *World) fellSilent(i int, t fleet.Transport) {
	w.notice(i, t, func(b behaviour) (time.Duration, bool) {
		return w.jitter(keepAlive) + keepTimeout, b.probes
	})
}

// notice makes phones at a site ask again before their next refresh.
func (w *World) notice(i int, t fleet.Transport, after func(behaviour) (time.Duration, bool)) {
	for gi := range w.groups {
		g := &w.groups[gi]
		if _, ok := after(g.b); !ok || g.transport != t {
			continue
		}
		for n := g.first; n < g.first+g.count; n++ {
			p := &w.phones[n]
			if int(p.site) != i || p.pos > 0 {
				continue
			}
			d, _ := after(g.b)
			if at := w.now + d; at < p.next {
				w.schedule(n, at)
			}
		}
	}
}

// reachable reports whether probes from one site reach another.
func (w *World) reachable(from, to int) bool {
	return from == to || !w.sites[from].cut && !w.sites[to].cut
}
