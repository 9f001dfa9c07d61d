package sipwire

// Header is a header field that this package looks into. All others are Other.
type Header uint8

// The header fields, by their long names (RFC 3261 §20).
const (
	Other Header = iota
	HeaderVia
	HeaderFrom
	HeaderTo
	HeaderCallID
	HeaderCSeq
	HeaderMaxForwards
	HeaderRoute
	HeaderContact
	HeaderExpires
	HeaderContentLength
	HeaderUserAgent
	headerKinds
)

// single reports whether the field may be there once only (RFC 3261 §7.3.1).
func (h Header) single() bool {
	switch h {
	case HeaderFrom, HeaderTo, HeaderCallID, HeaderCSeq, HeaderMaxForwards, HeaderExpires, HeaderContentLength:
		return true
	}
	return false
}

// headerOf finds the field by its long or compact name, in any case. It picks
// the candidate by length first: most fields of a message are none of ours.
func headerOf(name []byte) Header {
	switch len(name) {
	case 1:
		return compact(name[0])
	case 2:
		return is(name, "to", HeaderTo)
	case 3:
		return is(name, "via", HeaderVia)
	case 4:
		if h := is(name, "from", HeaderFrom); h != Other {
			return h
		}
		return is(name, "cseq", HeaderCSeq)
	case 5:
		return is(name, "route", HeaderRoute)
	case 7:
		switch name[0] | 0x20 {
		case 'c':
			if h := is(name, "call-id", HeaderCallID); h != Other {
				return h
			}
			return is(name, "contact", HeaderContact)
		case 'e':
			return is(name, "expires", HeaderExpires)
		}
	case 10:
		return is(name, "user-agent", HeaderUserAgent)
	case 12:
		return is(name, "max-forwards", HeaderMaxForwards)
	case 14:
		return is(name, "content-length", HeaderContentLength)
	}
	return Other
}

// compact knows the one-letter forms (RFC 3261 §7.3.3).
func compact(c byte) Header {
	switch c | 0x20 {
	case 'v':
		return HeaderVia
	case 'f':
		return HeaderFrom
	case 't':
		return HeaderTo
	case 'i':
		return HeaderCallID
	case 'm':
		return HeaderContact
	case 'l':
		return HeaderContentLength
	}
	return Other
}

func is(name []byte, lower string, h Header) Header {
	if equalFold(name, lower) {
		return h
	}
	return Other
}

// equalFold compares with an ASCII text in lower case, without allocating.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
