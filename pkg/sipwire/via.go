package sipwire

import (
	"bytes"
	"net/netip"
	"strconv"
	"unsafe"
)

// Via is one hop of a Via header field (RFC 3261 §20.42). The slices are views
// into the message.
type Via struct {
	Protocol []byte // sent-protocol's transport: UDP, TCP, TLS, …
	Host     []byte // sent-by's host, an IPv6 address with its brackets
	Port     uint16 // sent-by's port; 0 when it is not given
	Branch   []byte
	Received []byte
	MAddr    []byte
	RPort    bool   // the parameter is there (RFC 3581 §3)
	RPortNum uint16 // its value; 0 when it has none

	// text is the hop without white space around it; start is where text
	// begins in the value that it was read from. sentBy is the length of
	// text up to the first parameter.
	text   []byte
	start  int
	sentBy int
	// cuts are where received and rport stand in text, to be written anew.
	cuts [2]param
	ncut int
}

// MagicCookie begins every branch made by RFC 3261 §8.1.1.7.
const MagicCookie = "z9hG4bK"

// Magic reports whether the branch identifies the transaction.
func (v *Via) Magic() bool {
	return len(v.Branch) > len(MagicCookie) && string(v.Branch[:len(MagicCookie)]) == MagicCookie
}

// Text is the hop as it was written.
func (v *Via) Text() []byte { return v.text }

// Addr is where a response that was passed to this hop belongs: received and
// rport as the element before it saw them, else sent-by when that is an address
// (RFC 3261 §18.2.2, RFC 3581 §4). maddr is not followed: it would let a
// stranger point our packets at anyone. Port 0 means the transport's default.
func (v *Via) Addr() (netip.AddrPort, bool) {
	host := v.Host
	if len(v.Received) > 0 {
		host = v.Received
	}
	addr, ok := parseAddr(host)
	if !ok {
		return netip.AddrPort{}, false
	}
	port := v.Port
	if v.RPortNum != 0 {
		port = v.RPortNum
	}
	return netip.AddrPortFrom(addr, port), true
}

// SentBy is the address in sent-by, when it is one, whatever received says.
func (v *Via) SentBy() (netip.AddrPort, bool) {
	addr, ok := parseAddr(v.Host)
	return netip.AddrPortFrom(addr, v.Port), ok
}

// parseAddr reads an IP address without allocating; IPv6 with or without
// brackets.
func parseAddr(b []byte) (netip.Addr, bool) {
	if len(b) > 2 && b[0] == '[' && b[len(b)-1] == ']' {
		b = b[1 : len(b)-1]
	}
	if len(b) < 2 || len(b) > 45 {
		return netip.Addr{}, false
	}
	for _, c := range b { // a name is the common case, and ParseAddr's error would allocate
		if !hexDigit(c) && c != ':' && c != '.' {
			return netip.Addr{}, false
		}
	}
	// ParseAddr keeps nothing of its argument (a zone cannot be in it), so the
	// octets need not be copied.
	addr, err := netip.ParseAddr(unsafe.String(&b[0], len(b)))
	if err != nil {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

func hexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// readVia reads the hop that begins at i and returns where the next one begins,
// or len(b) after the last.
func readVia(b []byte, i int) (v Via, next int, ok bool) {
	i = skip(b, i)
	v.start = i
	for part := range 3 { // sent-protocol: name, version, transport
		end := tokenEnd(b, i)
		if end == i {
			return v, i, false
		}
		if part == 2 {
			v.Protocol = b[i:end]
			if end == len(b) || !space(b[end]) {
				return v, i, false
			}
			i = skip(b, end)
			break
		}
		if i = skip(b, end); i == len(b) || b[i] != '/' {
			return v, i, false
		}
		i = skip(b, i+1)
	}
	if i, ok = v.readSentBy(b, i); !ok {
		return v, i, false
	}
	v.sentBy = i - v.start
	end := i
	for {
		p, next, ok := nextParam(b, i)
		if !ok {
			i = next
			break
		}
		if !v.take(p) {
			return v, i, false
		}
		i, end = next, next
	}
	v.text = b[v.start:end]
	switch {
	case i >= len(b):
		return v, len(b), true
	case b[i] == ',':
		return v, i + 1, true
	}
	return v, i, false
}

// readSentBy reads host and port; white space around the colon is legal.
func (v *Via) readSentBy(b []byte, i int) (int, bool) {
	end := i
	if i < len(b) && b[i] == '[' {
		n := bytes.IndexByte(b[i:], ']')
		if n < 0 {
			return i, false
		}
		end = i + n + 1
	} else {
		for end < len(b) && tokens[b[end]] {
			end++
		}
	}
	if end == i {
		return i, false
	}
	v.Host = b[i:end]
	colon := skip(b, end)
	if colon == len(b) || b[colon] != ':' {
		return end, true
	}
	from := skip(b, colon+1)
	end = from
	for end < len(b) && '0' <= b[end] && b[end] <= '9' {
		end++
	}
	port, ok := number(b[from:end], 65535)
	v.Port = uint16(port)
	return end, ok
}

// take keeps a parameter that matters. A second received or rport is a fault:
// it could only be there to deceive.
func (v *Via) take(p param) bool {
	switch {
	case equalFold(p.name, "branch"):
		if v.Branch == nil {
			v.Branch = p.value
		}
	case equalFold(p.name, "maddr"):
		v.MAddr = p.value
	case equalFold(p.name, "received"):
		if v.Received != nil {
			return false
		}
		v.Received = p.value
		return v.cut(p)
	case equalFold(p.name, "rport"):
		if v.RPort {
			return false
		}
		v.RPort = true
		if n, ok := number(p.value, 65535); ok {
			v.RPortNum = uint16(n)
		}
		return v.cut(p)
	}
	return true
}

func (v *Via) cut(p param) bool {
	if v.ncut == len(v.cuts) {
		return false
	}
	p.start, p.end = p.start-v.start, p.end-v.start
	v.cuts[v.ncut] = p
	v.ncut++
	return true
}

// appendStamped appends the hop with received and rport as the packet's source
// makes them (RFC 3261 §18.2.1, RFC 3581 §4). What the sender wrote there is
// dropped: only what we saw counts. received is left out where it would say
// what sent-by says, unless rport or maddr ask for it.
func (v *Via) appendStamped(dst []byte, src netip.AddrPort) []byte {
	at := 0
	for _, p := range v.cuts[:v.ncut] {
		dst = append(dst, v.text[at:p.start]...)
		at = p.end
	}
	dst = append(dst, v.text[at:]...)
	addr := src.Addr().Unmap()
	if host, ok := parseAddr(v.Host); !ok || host != addr || v.RPort || v.MAddr != nil {
		dst = append(dst, ";received="...)
		dst = addr.AppendTo(dst)
	}
	if v.RPort {
		dst = append(dst, ";rport="...)
		dst = appendInt(dst, uint64(src.Port()))
	}
	return dst
}

// appendInt appends n in decimal.
func appendInt(dst []byte, n uint64) []byte { return strconv.AppendUint(dst, n, 10) }
