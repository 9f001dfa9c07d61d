package gate

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// forward appends the request as it is passed on (RFC 3261 §16.11).
func (w *worker) forward(rs *ruleset, l *local, src netip.AddrPort, out []byte) []byte {
	m := &w.m
	w.branch = w.d.appendBranch(w.branch[:0], m, src, rs.emergencyURI(m.URI()))
	return w.ed.AppendRequest(out, m, sipwire.Hop{Via: l.via, Branch: w.branch, Source: src, PopRoute: w.routedHere(l)})
}

// routedHere reports whether the topmost Route names us (§16.4).
func (w *worker) routedHere(l *local) bool {
	a, ok := sipwire.Host(w.m.Route(0))
	return ok && l.mine(a)
}

// nextRoute is the URI that says where a request goes: the topmost Route that
// does not name us, else the Request-URI (§16.6 step 6).
func (w *worker) nextRoute(l *local) []byte {
	n := 0
	if w.routedHere(l) {
		n = 1
	}
	if r := w.m.Route(n); r != nil {
		return r
	}
	return w.m.URI()
}

// choose picks the softswitch for a request: the one that it names, as requests
// inside a dialog do, else by Call-ID, so that a REGISTER refresh and all of a
// dialog stay together without any memory. A softswitch that comes or goes
// moves only its own share (rendezvous hashing). One of the listener's own address
// family is preferred: a packet that came by IPv4 cannot go on by IPv6.
func (w *worker) choose(l *local, upstreams []netip.AddrPort) netip.AddrPort {
	if len(upstreams) == 1 {
		return upstreams[0]
	}
	if a, ok := sipwire.Host(w.nextRoute(l)); ok {
		if a.Port() == 0 {
			a = netip.AddrPortFrom(a.Addr(), l.transport.DefaultPort())
		}
		if slices.Contains(upstreams, a) {
			return a
		}
	}
	var best netip.AddrPort
	var most uint64
	for _, u := range upstreams {
		w.d.begin(forChoice)
		w.d.bytes(w.m.CallID())
		w.d.addr(u)
		n := binary.BigEndian.Uint64(w.d.end()) >> 1
		if u.Addr().Is4() == l.addr.Addr().Is4() {
			n |= 1 << 63
		}
		if !best.IsValid() || n > most {
			best, most = u, n
		}
	}
	return best
}

// response checks a response that came to us and appends it as it is passed on.
// It returns the hop that it goes to, or false for one that is none of ours, or
// that a closed site does not pass.
func (w *worker) response(rs *ruleset, l *local, out []byte) ([]byte, netip.AddrPort, bool) {
	m := &w.m
	v := m.Via()
	if a, ok := v.SentBy(); !ok || !ours(v.Branch) || !l.mine(a) {
		return out, netip.AddrPort{}, false
	}
	if rs.transports[l.transport].Mode == Closed && v.Branch[branchFlag] != flagSOS {
		return out, netip.AddrPort{}, false
	}
	next, ok := m.NextVia()
	if !ok {
		return out, netip.AddrPort{}, false
	}
	to, ok := next.Addr()
	if !ok || !w.d.proven(v.Branch, m.CallID(), to) {
		return out, netip.AddrPort{}, false
	}
	if to.Port() == 0 {
		to = netip.AddrPortFrom(to.Addr(), l.transport.DefaultPort())
	}
	w.meter.Response(w.now, m, to)
	return w.ed.AppendResponse(out, m), to, true
}
