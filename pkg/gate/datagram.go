package gate

import (
	"net/netip"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// datagram handles one UDP packet and appends at most one packet to out, for
// the address that it returns. An empty out means silence.
func (w *worker) datagram(rs *ruleset, l *local, b []byte, src netip.AddrPort, out []byte) ([]byte, netip.AddrPort) {
	if keepAlive(b) {
		return out, src
	}
	src = netip.AddrPortFrom(src.Addr().Unmap(), src.Port())
	m := &w.m
	fault := m.Parse(b)
	var to netip.AddrPort
	action := Drop
	switch {
	case m.IsRequest():
		if to = w.inward(rs, l, fault, src); to.IsValid() { // the softswitch calls a phone
			action, out = Relay, w.forward(rs, l, src, out)
			w.meter.InDialog(w.now, m)
			break
		}
		action, out = w.judge(rs, l, fault, src, out)
		switch action {
		case Relay:
			to = w.choose(l, rs.transports[l.transport].upstreams)
			out = w.forward(rs, l, src, out)
		case Refuse, Redirect:
			to = replyTo(m, src)
		}
	case fault == sipwire.None && w.asked(src.Addr()):
	case fault == sipwire.None:
		var ok bool
		if out, to, ok = w.response(rs, l, out); ok {
			action = Relay
		}
	}
	w.count.add(l.transport, m, fault, action)
	return out, to
}

// inward returns where a request of the softswitch goes: it uses us as its
// outbound proxy towards a phone. Only an address counts, names are not looked
// up. Invalid means that the request is handled like everybody's.
func (w *worker) inward(rs *ruleset, l *local, fault sipwire.Fault, src netip.AddrPort) netip.AddrPort {
	upstreams := rs.transports[l.transport].upstreams
	if fault != sipwire.None || !slices.Contains(upstreams, src) || w.m.MaxForwards() == 0 {
		return netip.AddrPort{}
	}
	to, ok := sipwire.Host(w.nextRoute(l))
	if !ok || l.mine(to) || to.Addr().IsUnspecified() || to.Addr().IsMulticast() {
		return netip.AddrPort{}
	}
	if to.Port() == 0 {
		to = netip.AddrPortFrom(to.Addr(), fleet.UDP.DefaultPort())
	}
	if slices.Contains(upstreams, to) {
		return netip.AddrPort{}
	}
	return to
}

// replyTo is where our own answer goes: always to the packet's source address,
// and to its port when rport asks for it, else to that of sent-by (RFC 3261
// §18.2.2, RFC 3581 §4). maddr is not obeyed.
func replyTo(m *sipwire.Message, src netip.AddrPort) netip.AddrPort {
	v := m.Via()
	switch {
	case v.RPort:
		return src
	case v.Port != 0:
		return netip.AddrPortFrom(src.Addr(), v.Port)
	}
	return netip.AddrPortFrom(src.Addr(), fleet.UDP.DefaultPort())
}

// keepAlive reports whether a packet holds only line ends or zeros, as phones
// send to keep a NAT binding. Over UDP it has no answer (RFC 5626 §3.5.1 is for
// streams).
func keepAlive(b []byte) bool {
	for _, c := range b {
		if c != '\r' && c != '\n' && c != 0 {
			return false
		}
	}
	return true
}
