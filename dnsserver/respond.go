package dnsserver

import "sync/atomic"

// responder answers messages, one at a time, without allocating. Each
// goroutine that answers has its own.
type responder struct {
	conf  *Config
	zone  *atomic.Pointer[zone]
	count *counters

	q       query
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
	var a answer
	a.begin(buf, msg, q)
	switch v {
	case malformed:
		a.rcode = rcodeFormErr
	case notImp:
		a.rcode = rcodeNotImp
	case badVers:
		a.rcode = rcodeBadVers
	default:
		switch {
		case q.tsig:
			return r.counted(r.refuseSigned(buf, msg), rcodeNotAuth, via)
		case q.class == classCH:
			return r.chaos(buf, msg, via)
		}
		r.lookup(&a, limit)
	}
	if a.flags&flagTC != 0 {
		r.count.truncated.Add(1)
	}
	return r.counted(a.end(q, r.conf), a.rcode, via)
}

func (r *responder) counted(out []byte, code rcode, via transport) []byte {
	r.count.answers[via][typeIndex(r.q.qtype)][code].Add(1)
	return out
}

// lookup answers a proper question from the zone.
func (r *responder) lookup(a *answer, limit int) {
	q := &r.q
	z := r.zone.Load()
	switch {
	case z == nil:
		a.rcode = rcodeServFail
		return
	case q.class != classIN || q.qtype == typeAXFR || q.qtype == typeIXFR:
		a.rcode = rcodeRefused
		return
	}
	name := lower(&r.lowered, q.name)
	hash := z.names.hash(name)
	s, ok := z.answer(name, hash, q.qtype)
	switch {
	case ok:
		r.subject = hash + uint64(q.qtype)
		a.rcode = s.rcode
	case covers(z.origin, name):
		s = z.denial
		r.subject = subjectDenial
		a.rcode = rcodeNXDomain
	default:
		a.rcode = rcodeRefused
		return
	}
	if !s.referral {
		a.flags |= flagAA
	}
	cuts := s.cuts
	if q.qtype == typeANY {
		cuts = cuts[:1] // small is its point (RFC 8482 §4.1)
	}
	a.place(s, cuts, limit-q.optSize(r.conf))
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

// end adds OPT, where the question had one, and writes the header.
func (a *answer) end(q *query, conf *Config) []byte {
	if q.edns {
		a.counts[2]++
		a.msg = appendOPT(a.msg, q, conf, a.rcode)
	}
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

// truncate makes of an answer one that says no more than that it is truncated:
// what a client gets above the rate limit.
func truncate(msg []byte) []byte {
	end := headerSize
	if u16(msg[4:]) == 1 {
		end += nameLen(msg[headerSize:]) + 4
	}
	msg = msg[:end]
	putU16(msg[2:], u16(msg[2:])|flagTC)
	clear(msg[6:headerSize])
	return msg
}
