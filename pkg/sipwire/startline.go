package sipwire

import "bytes"

// parseStartLine reads a Request-Line or a Status-Line (RFC 3261 §7.1, §7.2).
// What is not SIP at all is NotSIP; a Request-Line with a flaw keeps its method
// so that it can be answered, or not, if it is an ACK.
func (m *Message) parseStartLine() {
	b := m.raw
	i := 0
	for n := lineEnd(b, i); n > 0; n = lineEnd(b, i) { // §7.5: empty lines before are ignored
		i += n
	}
	m.raw = b[i:]
	b = m.raw
	nl := bytes.IndexByte(b, '\n')
	if nl < 0 {
		m.fault = NotSIP
		return
	}
	m.head, m.body, m.end = nl+1, len(b), len(b)
	line := b[:nl]
	if nl > 0 && line[nl-1] == '\r' {
		line = line[:nl-1]
	}
	if len(line) > 4 && equalFold(line[:4], "sip/") {
		m.parseStatusLine(line)
		return
	}
	m.parseRequestLine(line)
}

func (m *Message) parseRequestLine(line []byte) {
	first := tokenEnd(line, 0)
	if first == 0 || first == len(line) || (line[first] != ' ' && line[first] != '\t') {
		m.fault = NotSIP
		return
	}
	text := trimRight(line)
	last := bytes.LastIndexByte(text, ' ')
	if last <= first || len(text)-last < 6 || !equalFold(text[last+1:last+5], "sip/") {
		m.fault = NotSIP
		return
	}
	m.request = true
	m.method, m.version = line[:first], text[last+1:]
	from, to := trim(line, first, last)
	m.uri = line[from:to]
	exact := from == first+1 && to == last && len(text) == len(line) && line[first] == ' '
	if !exact || len(m.uri) == 0 || !uriShape(m.uri) {
		m.blame(BadStartLine)
	}
	if !equalFold(m.version, "sip/2.0") {
		m.blame(BadVersion)
	}
}

// uriShape reports whether b could be a Request-URI: a scheme, a colon, and
// neither white space nor control characters nor angle brackets (RFC 3261 §7.1).
func uriShape(b []byte) bool {
	colon := bytes.IndexByte(b, ':')
	if colon <= 0 || !token(b[:colon]) {
		return false
	}
	for _, c := range b {
		if c <= ' ' || c == '<' || c == '>' || c == '"' || c == 0x7f {
			return false
		}
	}
	return true
}

func (m *Message) parseStatusLine(line []byte) {
	sp := bytes.IndexByte(line, ' ')
	if sp < 0 || len(line) < sp+4 {
		m.fault = NotSIP
		return
	}
	m.version = line[:sp]
	code, ok := number(line[sp+1:sp+4], 699)
	if !ok || code < 100 || (len(line) > sp+4 && line[sp+4] != ' ') {
		m.fault = NotSIP
		return
	}
	m.status = int(code)
	if !equalFold(m.version, "sip/2.0") {
		m.blame(BadVersion)
	}
}
