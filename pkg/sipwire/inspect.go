package sipwire

import "net/netip"

// Limits on numbers: CSeq is below 2^31 (RFC 3261 §8.1.1.5), Max-Forwards at
// most 255 (§20.22).
const (
	maxCSeq        = 1<<31 - 1
	maxMaxForwards = 255
)

// inspect reads what a stateless element decides by, and no more: a flaw in any
// other field is the business of those who use it (RFC 3261 §16.3).
func (m *Message) inspect() {
	m.inspectVia()
	for _, kind := range [...]Header{HeaderFrom, HeaderTo, HeaderCallID, HeaderCSeq} {
		if m.first[kind] < 0 {
			m.blame(MissingHeader)
		}
	}
	m.inspectAddress(HeaderFrom, &m.from)
	m.inspectAddress(HeaderTo, &m.to)
	if m.callID = m.value(HeaderCallID); len(m.callID) == 0 {
		m.blame(MissingHeader)
	}
	m.inspectCSeq()
	if v, ok := m.Value(HeaderMaxForwards); ok {
		n, good := number(v, maxMaxForwards)
		if !good {
			m.blame(BadMaxForwards)
		} else {
			m.maxFwd = int(n)
		}
	}
	m.inspectLength()
}

func (m *Message) inspectVia() {
	v, ok := m.Value(HeaderVia)
	if !ok {
		m.blame(MissingHeader)
		return
	}
	if m.via, _, ok = readVia(v, 0); !ok {
		m.via = Via{}
		m.blame(BadVia)
		return
	}
	m.viaGood = true
}

func (m *Message) inspectAddress(kind Header, a *Address) {
	v, ok := m.Value(kind)
	if !ok {
		return
	}
	var end int
	if *a, end, ok = readAddress(v, 0); !ok || end < len(v) {
		m.blame(BadAddress)
	}
}

func (m *Message) inspectCSeq() {
	v, ok := m.Value(HeaderCSeq)
	if !ok {
		return
	}
	digits := 0
	for digits < len(v) && '0' <= v[digits] && v[digits] <= '9' {
		digits++
	}
	n, ok := number(v[:digits], maxCSeq)
	method := v[skip(v, digits):]
	if !ok || !token(method) || digits == len(v) || !space(v[digits]) {
		m.blame(BadCSeq)
		return
	}
	m.seq = uint32(n)
	switch {
	case !m.request:
		m.method = method
	case string(method) != string(m.method):
		m.blame(MethodMismatch)
	}
}

func (m *Message) inspectLength() {
	v, ok := m.Value(HeaderContentLength)
	if !ok {
		return
	}
	n, ok := number(v, 1<<31-1)
	switch {
	case !ok:
		m.blame(BadContentLength)
	case int(n) > len(m.raw)-m.body:
		m.blame(BodyTooShort)
	default:
		m.end = m.body + int(n)
	}
}

// Route is the URI of the nth Route, 0 for the topmost (RFC 3261 §20.34); nil
// without one that can be read.
func (m *Message) Route(n int) []byte {
	w := m.list(HeaderRoute)
	for {
		b, at := w.rest()
		if b == nil {
			return nil
		}
		a, next, ok := readAddress(b, at)
		if !ok {
			return nil
		}
		if n == 0 {
			return a.URI
		}
		w.at, n = next, n-1
	}
}

// list walks the elements of a header field that may be given in several lines
// and with commas (RFC 3261 §7.3.1).
type list struct {
	m    *Message
	kind Header
	i    int // field
	at   int // in its value
}

func (m *Message) list(kind Header) list {
	return list{m: m, kind: kind, i: int(m.first[kind])}
}

// rest returns the value of the field at hand and the offset of the next
// element in it; nil after the last.
func (l *list) rest() ([]byte, int) {
	for ; l.i >= 0 && l.i < l.m.n; l.i++ {
		f := l.m.fields[l.i]
		if f.kind == l.kind && l.at < int(f.end-f.value) {
			return l.m.raw[f.value:f.end], l.at
		}
		l.at = 0
	}
	return nil, 0
}

// Vias walks the hops, topmost first.
type Vias struct{ list }

// Vias returns a walk over all hops.
func (m *Message) Vias() Vias { return Vias{m.list(HeaderVia)} }

// Next returns the next hop, and false after the last or at one that cannot be
// read.
func (w *Vias) Next() (Via, bool) {
	b, at := w.rest()
	if b == nil {
		return Via{}, false
	}
	v, next, ok := readVia(b, at)
	w.at = next
	return v, ok
}

// NextVia is the second hop: where a response goes after the topmost one, ours,
// is taken off (RFC 3261 §16.11).
func (m *Message) NextVia() (Via, bool) {
	w := m.Vias()
	if _, ok := w.Next(); !ok {
		return Via{}, false
	}
	return w.Next()
}

// Contacts walks the contacts. A lone "*" comes as an Address with that URI.
type Contacts struct {
	list
	// Bad is set when the walk ended at a contact that cannot be read.
	Bad bool
}

// Contacts returns a walk over all contacts.
func (m *Message) Contacts() Contacts { return Contacts{list: m.list(HeaderContact)} }

// Next returns the next contact, and false after the last.
func (w *Contacts) Next() (Address, bool) {
	b, at := w.rest()
	if b == nil {
		return Address{}, false
	}
	a, next, ok := readAddress(b, at)
	w.at, w.Bad = next, !ok
	return a, ok
}

// Host is the address and port of a URI that names an IP address.
func Host(uri []byte) (netip.AddrPort, bool) {
	host, port := HostOf(uri)
	addr, ok := parseAddr(host)
	return netip.AddrPortFrom(addr, port), ok
}
