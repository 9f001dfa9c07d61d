package dnsserver

// query is what was understood of one question.
type query struct {
	flags    uint16 // of the header
	question []byte // name, type and class, bit for bit; nil if not understood
	name     []byte // the question's name, as it came
	qtype    uint16
	class    uint16

	edns    bool   // an OPT record was there (RFC 6891)
	version uint8  // of EDNS
	size    uint16 // UDP size that the client takes
	do      bool   // DNSSEC OK, copied into the answer (RFC 3225 §3)
	compact bool   // compact answers OK (RFC 9824 §5.1)
	nsid    bool   // wants NSID (RFC 5001)
	alive   bool   // wants to know how long the connection may be idle (RFC 7828)
	padded  bool   // was padded, and may be answered so (RFC 7830)
	cookie  []byte // of the client, maybe with one of ours behind it (RFC 7873)
	tsig    bool   // signed (RFC 8945)
	tsigAt  int    // where its TSIG record begins
	before  int    // where the records behind the question begin
}

// verdict is what a message deserves before any zone is looked at.
type verdict uint8

const (
	drop       verdict = iota // not a question: no answer, else two servers could talk for ever
	malformed                 // FORMERR
	notImp                    // NOTIMP
	badVers                   // BADVERS
	badType                   // FORMERR: a type that no record has (RFC 9824 §3.5)
	noQuestion                // nothing is asked but a cookie (RFC 7873 §5.4)
	good                      // a question in proper form
)

// parse reads a message strictly: every record that the header counts must be
// there and nothing behind them, at most one OPT, and one question (RFC 9619),
// or none with a cookie. The query keeps slices of msg.
func (q *query) parse(msg []byte) verdict {
	*q = query{}
	if len(msg) < headerSize {
		return drop
	}
	q.flags = u16(msg[2:])
	if q.flags&flagQR != 0 {
		return drop
	}
	end := q.parseQuestion(msg)
	q.before = end
	whole := end > 0 && q.parseRecords(msg, end)
	if !whole {
		q.edns, q.cookie = false, nil
	}
	switch {
	case q.flags&opcodeMask != opcodeQuery:
		return notImp
	case !whole:
		return malformed
	case q.edns && q.version > 0:
		return badVers
	case q.question == nil && q.cookie != nil:
		return noQuestion
	case q.question == nil:
		return malformed
	case q.qtype == typeNXNAME:
		return badType
	case q.qtype == typeOPT || q.class == 0 || q.class == classNONE:
		return malformed
	case q.qtype >= typeTKEY && q.qtype < typeANY && q.qtype != typeAXFR && q.qtype != typeIXFR:
		return notImp
	}
	return good
}

// parseQuestion returns the offset behind the question, or -1.
func (q *query) parseQuestion(msg []byte) int {
	switch u16(msg[4:]) {
	case 0:
		return headerSize
	case 1:
	default:
		return -1
	}
	n := nameLen(msg[headerSize:])
	end := headerSize + n + 4
	if n == 0 || end > len(msg) {
		return -1
	}
	q.question = msg[headerSize:end]
	q.name = msg[headerSize : headerSize+n]
	q.qtype = u16(msg[end-4:])
	q.class = u16(msg[end-2:])
	return end
}

// parseRecords walks the records behind the question and reports whether they
// fill the message exactly.
func (q *query) parseRecords(msg []byte, off int) bool {
	before := int(u16(msg[6:])) + int(u16(msg[8:])) // answer and authority, as in IXFR (RFC 1995 §3)
	total := before + int(u16(msg[10:]))
	for i := range total {
		owner := off
		off = skipName(msg, off)
		if off < 0 || off+10 > len(msg) {
			return false
		}
		rr := msg[off : off+10]
		off += 10 + int(u16(rr[8:]))
		if off > len(msg) {
			return false
		}
		switch u16(rr) {
		case typeOPT:
			if i < before || q.edns || msg[owner] != 0 || !q.parseOPT(rr, msg[off-int(u16(rr[8:])):off]) {
				return false
			}
		case typeTSIG: // the last record, once (RFC 8945 §5.1)
			if i != total-1 || i < before {
				return false
			}
			q.tsig, q.tsigAt = true, owner
		}
	}
	return off == len(msg)
}

// Options of EDNS.
const (
	optionNSID      = 3  // RFC 5001
	optionCookie    = 10 // RFC 7873
	optionKeepalive = 11 // RFC 7828
	optionPadding   = 12 // RFC 7830
	optionEDE       = 15 // RFC 8914
	optionReport    = 18 // RFC 9567
)

// parseOPT reads the OPT record's fixed part and its options.
func (q *query) parseOPT(rr, options []byte) bool {
	q.edns = true
	q.size = max(u16(rr[2:]), minUDPSize) // RFC 6891 §6.2.3
	q.version = rr[5]
	q.do, q.compact = rr[6]&0x80 != 0, rr[6]&0x40 != 0
	for len(options) > 0 {
		if len(options) < 4 {
			return false
		}
		n := 4 + int(u16(options[2:]))
		if n > len(options) {
			return false
		}
		switch data := options[4:n]; u16(options) {
		case optionNSID:
			q.nsid = true
		case optionPadding:
			q.padded = true
		case optionKeepalive:
			q.alive = true
		case optionCookie:
			if len(data) != clientCookie && (len(data) < minCookie || len(data) > maxCookie) {
				return false // RFC 7873 §5.2.2
			}
			if q.cookie == nil { // RFC 7873 §5.2: only the first counts
				q.cookie = data
			}
		}
		options = options[n:]
	}
	return true
}
