package sipwire

import "bytes"

// MaxHeaders is the number of header fields that a message may have. Longer
// ones are a fault: each field costs time in every element after us.
const MaxHeaders = 256

// Message is a view of one message. It keeps the octets that it was given, so
// they must not change while it is used; Parse makes it ready for the next. The
// zero value is ready for Parse. It is large: keep one per goroutine.
type Message struct {
	raw    []byte
	fields [MaxHeaders]field
	n      int
	first  [headerKinds]int16 // index of the first field of the kind, -1 for none

	request              bool
	method, uri, version []byte
	status               int

	head int // offset of the first header field
	body int // offset after the empty line
	end  int // offset after the body; octets beyond are no part of the message

	via     Via
	from    Address
	to      Address
	callID  []byte
	seq     uint32
	maxFwd  int // -1 when missing
	fault   Fault
	viaGood bool
}

// field is where one header field stands in raw: line:next with its name,
// folds and line end, value:end without surrounding white space.
type field struct {
	kind                   Header
	line, value, end, next int32
}

// Parse reads one message that stands alone in b, as in a datagram (RFC 3261
// §18.3): without a Content-Length the body reaches to the end, with one the
// octets after the body are left out. The fault is the first that was found.
func (m *Message) Parse(b []byte) Fault {
	m.reset(b)
	m.parseStartLine()
	if m.fault == NotSIP {
		return m.fault
	}
	m.parseHeaders()
	m.inspect()
	return m.fault
}

func (m *Message) reset(b []byte) {
	m.raw, m.n, m.fault = b, 0, None
	for i := range m.first {
		m.first[i] = -1
	}
	m.method, m.uri, m.version, m.callID = nil, nil, nil, nil
	m.request, m.viaGood = false, false
	m.status, m.seq, m.maxFwd = 0, 0, -1
	m.via, m.from, m.to = Via{}, Address{}, Address{}
	m.head, m.body, m.end = len(b), len(b), len(b)
}

// blame keeps the first fault.
func (m *Message) blame(f Fault) {
	if m.fault == None {
		m.fault = f
	}
}

// parseHeaders finds the lines. A line that is no header field is a fault, but
// the fields around it are kept: the request can be answered by them.
func (m *Message) parseHeaders() {
	b := m.raw
	for i := m.head; ; {
		if i >= len(b) {
			m.blame(NoHeaderEnd)
			m.body = len(b)
			return
		}
		if n := lineEnd(b, i); n > 0 {
			m.body = i + n
			return
		}
		next := unfold(b, i)
		m.addField(i, next)
		if m.fault == TooManyHeaders {
			return
		}
		i = next
	}
}

func (m *Message) addField(line, next int) {
	colon := bytes.IndexByte(m.raw[line:next], ':')
	if colon < 0 {
		m.blame(BadHeaderLine)
		return
	}
	name := trimRight(m.raw[line : line+colon])
	if !token(name) {
		m.blame(BadHeaderLine)
		return
	}
	if m.n == MaxHeaders {
		m.fault = TooManyHeaders
		return
	}
	value, end := trim(m.raw, line+colon+1, next)
	kind := headerOf(name)
	m.fields[m.n] = field{kind: kind, line: int32(line), value: int32(value), end: int32(end), next: int32(next)}
	if m.first[kind] < 0 {
		m.first[kind] = int16(m.n)
	} else if kind.single() {
		m.blame(RepeatedHeader)
	}
	m.n++
}

// value is the value of the first field of the kind; nil when there is none.
func (m *Message) value(kind Header) []byte {
	i := m.first[kind]
	if i < 0 {
		return nil
	}
	f := m.fields[i]
	return m.raw[f.value:f.end]
}

// Value is the value of the first field of the kind, with folds if it had any,
// and whether the field is there at all.
func (m *Message) Value(kind Header) ([]byte, bool) {
	return m.value(kind), m.first[kind] >= 0
}

// Raw is the whole message, without octets after its body.
func (m *Message) Raw() []byte { return m.raw[:m.end] }

// Body is what follows the header.
func (m *Message) Body() []byte { return m.raw[m.body:m.end] }

// IsRequest reports whether the message is a request.
func (m *Message) IsRequest() bool { return m.request }

// Method is the method of a request, or that of the CSeq of a response.
func (m *Message) Method() []byte { return m.method }

// Is reports whether the method is this one. Methods are case-sensitive.
func (m *Message) Is(method string) bool { return string(m.method) == method }

// URI is the Request-URI; nil in a response.
func (m *Message) URI() []byte { return m.uri }

// Status is the status code of a response; 0 in a request.
func (m *Message) Status() int { return m.status }

// Via is the topmost Via. It is empty when there is none that can be read.
func (m *Message) Via() *Via { return &m.via }

// From and To are the addresses of the dialog or of the transaction.
func (m *Message) From() *Address { return &m.from }

// To is empty like From when it cannot be read.
func (m *Message) To() *Address { return &m.to }

// CallID is the value of Call-ID.
func (m *Message) CallID() []byte { return m.callID }

// CSeq is the sequence number.
func (m *Message) CSeq() uint32 { return m.seq }

// MaxForwards is the number of hops left; -1 when the request does not say.
func (m *Message) MaxForwards() int { return m.maxFwd }

// Answerable reports whether a response can be made of the message's own
// octets. It is never true for a response nor for an ACK, whatever its shape
// (RFC 3261 §17.2: an ACK gets no answer).
func (m *Message) Answerable() bool {
	return m.request && m.viaGood && string(m.method) != "ACK" &&
		m.first[HeaderFrom] >= 0 && m.first[HeaderTo] >= 0 && m.first[HeaderCallID] >= 0 && m.first[HeaderCSeq] >= 0
}
