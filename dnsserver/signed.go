package dnsserver

import (
	"encoding/binary"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// signed answers a question with a TSIG record (RFC 8945 §5.3): as without it,
// and signed. Signed questions are rare; this may allocate.
func (r *responder) signed(buf, msg []byte, limit int, via transport) []byte {
	t, err := parseTSIG(msg, r.q.tsigAt)
	if err != nil || len(t.mac) > 32 {
		return r.brief(buf, msg, rcodeFormErr)
	}
	now := uint64(r.now)
	key, plain, code := r.conf.keys.verify(msg, r.q.tsigAt, &t, now)
	switch {
	case code == tsigBadTime: // signed, with our time (RFC 8945 §5.2.3)
		other := binary.BigEndian.AppendUint64(nil, now)[2:]
		s := signer{key: key, before: t.mac}
		return s.sign(r.brief(buf, msg, rcodeNotAuth), t.time, code, other)
	case code != 0: // not signed (RFC 8945 §5.2.1, §5.2.2)
		out := r.brief(buf, msg, rcodeNotAuth)
		t.mac, t.code, t.other = nil, code, nil
		if len(out)+len(t.key)+len(t.algorithm)+26 > minUDPSize {
			return out
		}
		out = t.append(out)
		putU16(out[10:], u16(out[10:])+1)
		return out
	}
	r.q.parse(plain)
	r.options(via)
	var a answer
	a.begin(buf, plain, &r.q)
	if via == UDP && r.q.qtype == typeIXFR && r.conf.mayTransfer(r.client, key) {
		r.q.qtype = uint16(srv.TypeSOA) // RFC 1995 §2: the SOA alone, so that it comes again over TCP
	}
	if r.q.class == classIN {
		r.lookup(&a, limit-key.room())
	} else {
		a.rcode = rcodeRefused
	}
	s := signer{key: key, before: t.mac}
	return s.sign(r.end(&a), now, 0, nil)
}
