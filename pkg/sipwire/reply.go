package sipwire

import "net/netip"

// Reply is a response that is made of the request's own octets.
type Reply struct {
	// Status and Reason make the Status-Line; Reason holds no line end.
	Status int
	Reason string
	// Extra is header lines, each ended by CRLF, that follow the copied ones.
	Extra []byte
	// Tag is the To tag that is added when the request has none (RFC 3261
	// §8.2.6.2). It must be the same for each retransmission (§8.2.7).
	Tag []byte
	// Source is where the request came from.
	Source netip.AddrPort
}

// AppendReply appends the response to an Answerable request: all Via in their
// order, the topmost with received and rport as seen, and From, To, Call-ID and
// CSeq as they were written (RFC 3261 §8.2.6.2). It has no body.
func (m *Message) AppendReply(dst []byte, r Reply) []byte {
	dst = append(dst, "SIP/2.0 "...)
	dst = appendInt(dst, uint64(r.Status))
	dst = append(dst, ' ')
	dst = append(dst, r.Reason...)
	dst = append(dst, "\r\n"...)
	var seen [headerKinds]bool
	for i := range m.fields[:m.n] {
		f := &m.fields[i]
		switch f.kind {
		case HeaderVia:
			dst = m.appendVia(dst, f, !seen[HeaderVia], r.Source)
		case HeaderFrom, HeaderTo, HeaderCallID, HeaderCSeq:
			if seen[f.kind] {
				continue
			}
			dst = append(dst, m.raw[f.line:f.end]...)
			if f.kind == HeaderTo && m.to.Tag == nil {
				dst = append(dst, ";tag="...)
				dst = append(dst, r.Tag...)
			}
			dst = append(dst, "\r\n"...)
		default:
			continue
		}
		seen[f.kind] = true
	}
	dst = append(dst, r.Extra...)
	return append(dst, "Content-Length: 0\r\n\r\n"...)
}

func (m *Message) appendVia(dst []byte, f *field, top bool, src netip.AddrPort) []byte {
	if !top {
		dst = append(dst, m.raw[f.line:f.end]...)
		return append(dst, "\r\n"...)
	}
	hop := int(f.value) + m.via.start
	dst = append(dst, m.raw[f.line:hop]...)
	dst = m.via.appendStamped(dst, src)
	dst = append(dst, m.raw[hop+len(m.via.text):f.end]...)
	return append(dst, "\r\n"...)
}
