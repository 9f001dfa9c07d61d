package dnsserver

import (
	"crypto/subtle"
	"encoding/binary"
	"net/netip"
)

// Sizes of cookies in octets (RFC 7873 §4, RFC 9018 §4).
const (
	clientCookie = 8
	serverCookie = 16
	minCookie    = clientCookie + 8
	maxCookie    = clientCookie + 32
)

// How long a server cookie is good, in seconds (RFC 9018 §4.3): an older one
// is as none, one beyond cookieRenew is answered with a new one, and one from
// the future may be so far ahead.
const (
	cookieLife  = 3600
	cookieRenew = 1800
	cookieAhead = 300
)

// cookieSecret makes and checks server cookies. It lives as long as the
// process: after a restart clients are given new ones, without an error.
type cookieSecret [16]byte

// make writes the cookie for a client: its own part and the server's of
// version 1, made at a time in seconds.
func (k *cookieSecret) make(out *[clientCookie + serverCookie]byte, client []byte, addr netip.Addr, at uint32) {
	copy(out[:clientCookie], client)
	copy(out[clientCookie:], []byte{1, 0, 0, 0})
	binary.BigEndian.PutUint32(out[12:], at)
	var buf [clientCookie + 8 + 16]byte
	data := append(buf[:0], out[:16]...)
	if addr = addr.Unmap(); addr.Is4() {
		a := addr.As4()
		data = append(data, a[:]...)
	} else {
		a := addr.As16()
		data = append(data, a[:]...)
	}
	// The hash of the algorithm is a string of octets, least significant first.
	binary.LittleEndian.PutUint64(out[16:], sipHash((*[16]byte)(k), data))
}

// check returns the cookie to answer with, and whether the question's proves
// that the client is where it says.
func (k *cookieSecret) check(out *[clientCookie + serverCookie]byte, cookie []byte, addr netip.Addr, now uint32) (proven bool) {
	if len(cookie) == clientCookie+serverCookie && cookie[8] == 1 {
		made := binary.BigEndian.Uint32(cookie[12:])
		age := int32(now - made) // RFC 1982: the clock of 32 bits goes round
		k.make(out, cookie[:clientCookie], addr, made)
		if age <= cookieLife && age >= -cookieAhead && subtle.ConstantTimeCompare(out[:], cookie) == 1 {
			if age <= cookieRenew {
				return true
			}
			proven = true
		}
	}
	k.make(out, cookie[:clientCookie], addr, now)
	return proven
}
