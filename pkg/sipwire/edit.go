package sipwire

import "net/netip"

// Editor writes messages that are made from a received one by a few cuts: what
// is not cut stays octet by octet. It keeps its memory between messages; use
// one per goroutine. The zero value is ready.
type Editor struct {
	edits   [6]edit
	n       int
	scratch []byte
}

// edit replaces raw[from:to] by scratch[start:end].
type edit struct{ from, to, start, end int }

func (e *Editor) reset() { e.n, e.scratch = 0, e.scratch[:0] }

// replace opens an edit whose new text is what is appended to scratch until
// the next one. Edits come in the order of their places in the message.
func (e *Editor) replace(from, to int) {
	e.close()
	e.edits[e.n] = edit{from: from, to: to, start: len(e.scratch)}
	e.n++
}

func (e *Editor) close() {
	if e.n > 0 {
		e.edits[e.n-1].end = len(e.scratch)
	}
}

func (e *Editor) write(dst, raw []byte) []byte {
	e.close()
	for i := 1; i < e.n; i++ { // insertion sort; stable for edits at one place
		for j := i; j > 0 && e.edits[j].from < e.edits[j-1].from; j-- {
			e.edits[j], e.edits[j-1] = e.edits[j-1], e.edits[j]
		}
	}
	at := 0
	for _, x := range e.edits[:e.n] {
		dst = append(dst, raw[at:x.from]...)
		dst = append(dst, e.scratch[x.start:x.end]...)
		at = x.to
	}
	return append(dst, raw[at:]...)
}

// Hop is how a relay adds itself to a request.
type Hop struct {
	// Via is the sent-protocol and sent-by, for example
	// "SIP/2.0/UDP 192.0.2.1:5060"; Branch is the whole branch.
	Via    string
	Branch []byte
	// Source is where the request came from; it is written into the hop
	// before ours (RFC 3261 §18.2.1, RFC 3581 §4).
	Source netip.AddrPort
	// PopRoute takes the topmost Route off, when it named us (§16.4).
	PopRoute bool
}

// DefaultMaxForwards is what a request without Max-Forwards gets (RFC 3261
// §16.6 step 3).
const DefaultMaxForwards = 70

// AppendRequest appends the request as a stateless proxy passes it on (RFC 3261
// §16.11): our Via on top, the next one with received and rport as seen,
// Max-Forwards less by one, and everything else untouched. The message must be
// a request without a fault, with Max-Forwards above 0.
func (e *Editor) AppendRequest(dst []byte, m *Message, h Hop) []byte {
	e.reset()
	via := m.fields[m.first[HeaderVia]]
	e.replace(int(via.line), int(via.line))
	e.scratch = append(e.scratch, "Via: "...)
	e.scratch = append(e.scratch, h.Via...)
	e.scratch = append(e.scratch, ";branch="...)
	e.scratch = append(e.scratch, h.Branch...)
	e.scratch = append(e.scratch, "\r\n"...)
	if m.maxFwd < 0 {
		e.scratch = append(e.scratch, "Max-Forwards: 70\r\n"...)
	}
	hop := int(via.value) + m.via.start
	e.replace(hop, hop+len(m.via.text))
	e.scratch = m.via.appendStamped(e.scratch, h.Source)
	if m.maxFwd > 0 {
		mf := m.fields[m.first[HeaderMaxForwards]]
		e.replace(int(mf.value), int(mf.end))
		e.scratch = appendInt(e.scratch, uint64(m.maxFwd-1))
	}
	if h.PopRoute {
		e.popFirst(m, HeaderRoute)
	}
	return e.write(dst, m.Raw())
}

// AppendResponse appends the response with its topmost Via taken off (RFC 3261
// §16.11). The message must be a response whose Via can be read.
func (e *Editor) AppendResponse(dst []byte, m *Message) []byte {
	e.reset()
	e.popFirst(m, HeaderVia)
	return e.write(dst, m.Raw())
}

// popFirst takes off the first element of a list, and its whole line when it
// was the only one there.
func (e *Editor) popFirst(m *Message, kind Header) {
	f := m.fields[m.first[kind]]
	value := m.raw[f.value:f.end]
	var next int
	if kind == HeaderVia {
		_, next, _ = readVia(value, 0)
	} else {
		_, next, _ = readAddress(value, 0)
	}
	if next >= len(value) {
		e.replace(int(f.line), int(f.next))
		return
	}
	e.replace(int(f.value), int(f.value)+skip(value, next))
}
