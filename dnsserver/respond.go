package dnsserver

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sipsteer/sipsteer/dnsserver/tap"
)

// responder answers messages, one at a time, without allocating. Each
// goroutine that answers has its own.
type responder struct {
	conf  *Config
	zones *atomic.Pointer[zones]
	key   *cookieSecret
	count *counters
	stale *atomic.Bool // nil stands for false

	tap   *tap.Tap
	every uint32 // of so many exchanges one is passed on to tap; 0 is none
	turn  uint32 // how many since the last one

	// client and now are those of the message at hand; now is in seconds.
	client netip.Addr
	peer   netip.AddrPort // over TCP
	now    uint32

	q       query
	opts    options
	proven  bool // a cookie says that the client is where it says
	via     transport
	lowered [maxName]byte
	// subject is what the rate limiter counts the last answer under.
	subject uint64
}

// What answers that have no name of their own are counted under.
const (
	subjectError  uint64 = iota + 1 // malformed, refused, not implemented
	subjectDenial                   // names that do not exist
)

// respond writes the answer to msg into buf, which has room for limit octets,
// and returns it; nil means silence.
func (r *responder) respond(buf, msg []byte, via transport) []byte {
	q := &r.q
	v := q.parse(msg)
	if v == drop {
		r.count.dropped.Add(1)
		return nil
	}
	limit := maxMessage
	if via == UDP {
		limit = minUDPSize
		if q.edns {
			limit = min(int(q.size), r.conf.UDPSize)
		}
	}
	r.subject = subjectError
	r.options(via)
	var a answer
	a.begin(buf, msg, q)
	switch v {
	case malformed:
		a.rcode = rcodeFormErr
	case badType:
		a.rcode, r.opts.why = rcodeFormErr, edeInvalidType
	case notImp:
		a.rcode = rcodeNotImp
		r.opts.why = edeNotSupported
	case badVers:
		a.rcode = rcodeBadVers
	case noQuestion:
	default:
		switch {
		case q.tsig:
			out := r.signed(buf, msg, limit, via)
			return r.counted(out, rcode(out[3]&0xF), via)
		case q.class == classCH:
			return r.chaos(buf, msg, via)
		}
		r.lookup(&a, limit)
	}
	if a.flags&flagTC != 0 {
		r.count.truncated.Add(1)
	}
	return r.counted(r.end(&a), a.rcode, via)
}

// options decides what the answer's OPT record says.
func (r *responder) options(via transport) {
	q := &r.q
	r.opts.nsid, r.opts.why, r.opts.compact, r.proven, r.via = "", edeNone, false, false, via
	r.opts.report = r.conf.report
	if r.stale != nil && r.stale.Load() {
		r.opts.why = edeStale
	}
	if q.nsid {
		r.opts.nsid = r.conf.NSID
	}
	r.opts.pad = q.padded && via == TLS
	if r.opts.hasCookie = q.cookie != nil; r.opts.hasCookie {
		r.proven = r.key.check(&r.opts.cookie, q.cookie, r.client, r.now)
	}
	if r.opts.hasIdle = q.alive && via != UDP; r.opts.hasIdle {
		r.opts.idle = uint16(min(r.conf.TCPIdle/(100*time.Millisecond), 1<<16-1))
	}
}

func (r *responder) counted(out []byte, code rcode, via transport) []byte {
	r.count.answers[via][typeIndex(r.q.qtype)][code].Add(1)
	return out
}

// lookup answers a proper question from the zone.
func (r *responder) lookup(a *answer, limit int) {
	q := &r.q
	name := lower(&r.lowered, q.name)
	z := r.zones.Load().pick(name, q.qtype)
	switch {
	case z == nil:
		a.rcode, r.opts.why = rcodeServFail, edeNotReady
		return
	case q.qtype == typeAXFR || q.qtype == typeIXFR:
		a.rcode, r.opts.why = rcodeRefused, edeProhibited
		return
	case q.class != classIN:
		a.rcode, r.opts.why = rcodeRefused, edeNotAuthoritative
		return
	}
	if q.do && len(z.source.Keys) > 0 && covers(z.origin, name) {
		switch {
		case z.signing == nil:
			r.opts.why = edeNoSignatures
		case !r.whyAsked(name): // what is said of reasons is signed by nobody
			r.secure(z, name, a, limit)
			return
		}
	}
	hash := z.names.hash(name)
	s, ok := z.answer(name, hash, q.qtype)
	switch {
	case ok:
		r.subject = hash + uint64(q.qtype)
		a.rcode = s.rcode
	case covers(z.origin, name):
		s = r.deny(z, name, a)
	default:
		a.rcode, r.opts.why = rcodeRefused, edeNotAuthoritative
		return
	}
	if !s.referral {
		a.flags |= flagAA
	}
	cuts := s.cuts
	if q.qtype == typeANY {
		cuts = cuts[:1] // small is its point (RFC 8482 §4.1)
	}
	if q.edns {
		limit -= r.opts.size()
	}
	a.place(s, cuts, limit)
}

// deny answers for a name in the zone that does not exist.
func (r *responder) deny(z *zone, name []byte, a *answer) *section {
	if s := r.why(z, name); s != nil {
		return s
	}
	r.subject = subjectDenial
	a.rcode = rcodeNXDomain
	return z.denial
}

// end adds OPT, where the question had one, and writes the header.
func (r *responder) end(a *answer) []byte {
	if r.q.edns {
		a.counts[2]++
		a.msg = r.opts.append(a.msg, &r.q, r.conf.UDPSize, a.rcode)
	}
	return a.end()
}

// answer is a message being written.
type answer struct {
	msg        []byte
	flags      uint16
	rcode      rcode
	counts     [3]int // answer, authority, additional
	noQuestion bool
}

// begin writes header and question.
func (a *answer) begin(buf, msg []byte, q *query) {
	a.flags = flagQR | q.flags&(opcodeMask|flagRD)
	a.msg = append(buf[:0], msg[:headerSize]...)
	a.msg = append(a.msg, q.question...)
	a.noQuestion = q.question == nil
}

// place adds a section up to one of the cuts, or sets TC if it does not fit in limit octets
// (RFC 2181 §9: only when what is required does not fit).
func (a *answer) place(s *section, cuts []cut, limit int) {
	var c cut
	var ok bool
	if a.msg, c, ok = s.place(a.msg, cuts, limit-len(a.msg)); !ok {
		a.flags |= flagTC
		return
	}
	a.counts = [3]int{s.answers, c.records - s.answers, c.additional}
}

// end writes the header.
func (a *answer) end() []byte {
	h := a.msg
	putU16(h[2:], a.flags|uint16(a.rcode&0xF))
	putU16(h[4:], 1)
	if a.noQuestion {
		putU16(h[4:], 0)
	}
	for i, n := range a.counts {
		putU16(h[6+2*i:], uint16(n))
	}
	return a.msg
}

// slip makes of an answer in buf one that says no more than that it is
// truncated, and the client's cookie: what a client gets above the rate limit.
func (r *responder) slip(buf, msg []byte) []byte {
	flags := u16(buf[2:])
	var a answer
	a.begin(buf, msg, &r.q)
	a.flags, a.rcode = flags&^0xF|flagTC, rcode(flags&0xF)
	r.opts.nsid, r.opts.report, r.opts.why, r.opts.compact = "", nil, edeNone, false
	return r.end(&a)
}
