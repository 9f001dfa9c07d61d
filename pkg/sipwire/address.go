package sipwire

import "bytes"

// Address is a name-addr or an addr-spec with its parameters, as in From, To,
// Contact and Route (RFC 3261 §20.10).
type Address struct {
	URI []byte
	Tag []byte
	// Expires is the contact parameter of that name (§20.10); nil without.
	Expires []byte
}

// readAddress reads the address that begins at i and returns where the next
// one of the list begins, or len(b).
func readAddress(b []byte, i int) (a Address, next int, ok bool) {
	i = skip(b, i)
	open, ok := findURI(b, i)
	if !ok {
		return a, i, false
	}
	if open < len(b) && b[open] == '<' {
		n := bytes.IndexByte(b[open:], '>')
		if n < 0 {
			return a, i, false
		}
		a.URI = b[open+1 : open+n]
		i = open + n + 1
	} else { // addr-spec: parameters belong to the field, not to the URI
		a.URI = trimRight(b[i:open])
		i = open
	}
	if len(a.URI) == 0 {
		return a, i, false
	}
	for {
		p, after, ok := nextParam(b, i)
		if !ok {
			i = after
			break
		}
		i = after
		switch {
		case equalFold(p.name, "tag"):
			a.Tag = p.value
		case equalFold(p.name, "expires"):
			a.Expires = p.value
		}
	}
	switch {
	case i >= len(b):
		return a, len(b), true
	case b[i] == ',':
		return a, i + 1, true
	}
	return a, i, false
}

// findURI returns the offset of the '<', or, when there is none, of the end of
// the addr-spec.
func findURI(b []byte, i int) (int, bool) {
	for i < len(b) {
		switch b[i] {
		case '<', ';', ',':
			return i, true
		case '"':
			end, ok := quotedEnd(b, i)
			if !ok {
				return i, false
			}
			i = end
		default:
			i++
		}
	}
	return i, true
}

// UserOf returns the user part of a sip: or sips: URI without its parameters
// and password, or the number of a tel: URI (RFC 3966), and nil otherwise.
func UserOf(uri []byte) []byte {
	colon := bytes.IndexByte(uri, ':')
	if colon < 0 {
		return nil
	}
	scheme, rest := uri[:colon], uri[colon+1:]
	switch {
	case equalFold(scheme, "tel"):
	case equalFold(scheme, "sip"), equalFold(scheme, "sips"):
		at := bytes.IndexByte(rest, '@')
		if at < 0 {
			return nil
		}
		rest = rest[:at]
	default:
		return nil
	}
	if i := bytes.IndexAny(rest, ";:?"); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

// HostOf returns host and port of a sip: or sips: URI; port 0 when it is not
// given.
func HostOf(uri []byte) (host []byte, port uint16) {
	colon := bytes.IndexByte(uri, ':')
	if colon < 0 || !(equalFold(uri[:colon], "sip") || equalFold(uri[:colon], "sips")) {
		return nil, 0
	}
	rest := uri[colon+1:]
	if at := bytes.IndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	if i := bytes.IndexAny(rest, ";?> "); i >= 0 {
		rest = rest[:i]
	}
	if len(rest) > 0 && rest[0] == '[' {
		end := bytes.IndexByte(rest, ']')
		if end < 0 {
			return nil, 0
		}
		host, rest = rest[:end+1], rest[end+1:]
	} else if i := bytes.IndexByte(rest, ':'); i >= 0 {
		host, rest = rest[:i], rest[i:]
	} else {
		return rest, 0
	}
	if len(rest) > 1 && rest[0] == ':' {
		if n, ok := number(rest[1:], 65535); ok {
			port = uint16(n)
		}
	}
	return host, port
}
