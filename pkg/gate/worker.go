package gate

import (
	"bytes"
	"net/netip"
	"strconv"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate/meter"
	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// worker is what one goroutine needs to handle messages one after the other
// without allocating.
type worker struct {
	m         sipwire.Message
	ed        sipwire.Editor
	d         *digest
	out       []byte
	branch    []byte
	scratch   []byte
	tag       []byte
	extra     []byte
	count     *counters
	meter     *meter.Meter
	sources   *sourceLimit
	talkers   *talkers
	admission *admission
	asking    *asking
	rules     *transportRules // that count for the request at hand
	now       time.Time       // of the message at hand; many may share it
}

func (g *Gate) newWorker(c *counters) *worker {
	return &worker{d: newDigest(g.key), count: c, meter: g.meter, sources: g.sources, talkers: g.talkers, admission: &g.admission, asking: g.asking}
}

// local is a public address as messages carry it.
type local struct {
	transport fleet.Transport
	addr      netip.AddrPort
	via       string // "SIP/2.0/UDP 192.0.2.1:5060"
}

var viaNames = [...]string{fleet.UDP: "UDP", fleet.TCP: "TCP", fleet.TLS: "TLS", fleet.WS: "WS", fleet.WSS: "WSS"}

func newLocal(t fleet.Transport, addr netip.AddrPort) *local {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	return &local{transport: t, addr: addr, via: "SIP/2.0/" + viaNames[t] + " " + addr.String()}
}

// mine reports whether host and port name this address.
func (l *local) mine(a netip.AddrPort) bool {
	port := a.Port()
	if port == 0 {
		port = l.transport.DefaultPort()
	}
	return a.Addr() == l.addr.Addr() && port == l.addr.Port()
}

// judge decides about a request from a phone and appends the answer, if there
// is one, to out.
func (w *worker) judge(rs *ruleset, l *local, fault sipwire.Fault, src netip.AddrPort, out []byte) (Action, []byte) {
	m := &w.m
	w.rules = &rs.transports[l.transport]
	w.heard(rs, fault, src.Addr())
	if w.quarantined(rs, fault, src.Addr()) {
		return Isolate, out
	}
	if fault != sipwire.None {
		if !m.Answerable() || !w.sources.allow(src.Addr(), w.now) {
			return Drop, out
		}
		return Refuse, w.reply(rs, verdict{status: fault.Status()}, fault.Error(), src, out)
	}
	if m.To().Tag == nil && !w.sources.allow(src.Addr(), w.now) {
		return Drop, out
	}
	w.rules = rs.rulesFor(l.transport, m)
	v := w.arrival(rs, w.firstPhase(rs, l, src.Addr(), rs.decide(w.rules, l.transport, m, src.Addr())))
	if v.action == Relay {
		v = w.passable(l)
	}
	w.watch(v, src, l)
	switch v.action {
	case Refuse, Redirect:
		return v.action, w.reply(rs, v, reasonOf(v.status), src, out)
	}
	return v.action, out
}

// watch lets the meter know of a decision about a request from a phone.
func (w *worker) watch(v verdict, src netip.AddrPort, l *local) {
	o := meter.Passed
	switch {
	case v.action == Relay:
	case v.action == Refuse && v.status == 503:
		o = meter.Unavailable
	case v.action == Redirect:
		o = meter.Redirected
	case v.action == Silence:
		o = meter.Silenced
	case v.action == HangUp:
		o = meter.Closed
	default:
		return
	}
	w.meter.Request(w.now, &w.m, meter.Flow{Source: src, Local: l.addr, Transport: l.transport}, o)
}

// passable checks what RFC 3261 §16.3 asks before a request is passed on. An
// ACK is dropped where another request would be answered, and where it ends an
// INVITE that we refused ourselves.
func (w *worker) passable(l *local) verdict {
	m := &w.m
	ack := m.Is("ACK")
	switch {
	case m.MaxForwards() == 0:
		return refuseOrDrop(483, ack)
	case w.looped(l):
		return refuseOrDrop(482, ack)
	case ack && bytes.Equal(m.To().Tag, w.ownTag()):
		return drop
	}
	return pass
}

func refuseOrDrop(status int, ack bool) verdict {
	if ack {
		return drop
	}
	return verdict{action: Refuse, status: status}
}

// looped reports whether the request was here before and has not changed.
func (w *worker) looped(l *local) bool {
	w.branch = w.branch[:0]
	vias := w.m.Vias()
	for {
		v, ok := vias.Next()
		if !ok {
			return false
		}
		if !ours(v.Branch) {
			continue
		}
		if a, ok := v.SentBy(); !ok || !l.mine(a) {
			continue
		}
		if len(w.branch) == 0 {
			w.branch = w.d.appendLoop(w.branch, &w.m)
		}
		if bytes.Equal(w.branch, v.Branch[branchLoop:branchProof]) {
			return true
		}
	}
}

// ownTag is the To tag that we give to this transaction (RFC 3261 §8.2.7). It is
// valid until the digest is used again; fingerprint bytes beyond the tag serve
// Retry-After.
func (w *worker) ownTag() []byte {
	m := &w.m
	w.d.begin(forTag)
	w.d.bytes(m.CallID())
	w.d.bytes(m.From().Tag)
	w.d.bytes(m.Via().Branch)
	w.d.number(uint64(m.CSeq()))
	w.tag = appendHex(append(w.tag[:0], "sg"...), w.d.end()[:8])
	return w.tag
}

// spread is a number that is the same for each retransmission; it follows
// ownTag.
func (w *worker) spread() uint64 {
	var n uint64
	for _, b := range w.d.sum[8:16] {
		n = n<<8 | uint64(b)
	}
	return n
}

// reply appends the answer to the request that judge has seen last.
func (w *worker) reply(rs *ruleset, v verdict, reason string, src netip.AddrPort, out []byte) []byte {
	tag := w.ownTag()
	w.extra = w.extra[:0]
	switch v.status {
	case 503:
		w.extra = append(w.extra, "Retry-After: "...)
		w.extra = strconv.AppendUint(w.extra, w.retryAfter(rs, v), 10)
		w.extra = append(w.extra, "\r\n"...)
		w.extra = append(w.extra, w.rules.tail...)
	case 302:
		w.extra = w.appendContacts(w.extra, rs, v.to)
	}
	return w.m.AppendReply(out, sipwire.Reply{Status: v.status, Reason: reason, Extra: w.extra, Tag: tag, Source: src})
}

func reasonOf(status int) string {
	switch status {
	case 302:
		return "Moved Temporarily"
	case 481:
		return "Call/Transaction Does Not Exist"
	case 482:
		return "Loop Detected"
	case 483:
		return "Too Many Hops"
	}
	return "Service Unavailable"
}
