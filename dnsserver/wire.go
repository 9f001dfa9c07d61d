package dnsserver

import "encoding/binary"

// Of the message header (RFC 1035 §4.1.1).
const (
	headerSize = 12

	flagQR = 1 << 15
	flagAA = 1 << 10
	flagTC = 1 << 9
	flagRD = 1 << 8

	opcodeMask   = 0xF << 11
	opcodeQuery  = 0
	opcodeNotify = 4 << 11 // RFC 1996
)

// Types and classes that a server meets beside those of pkg/srv.
const (
	typeOPT  = 41  // RFC 6891
	typeDS   = 43  // RFC 4034
	typeTKEY = 249 // first of the types that only questions have, RFC 6895 §3.1
	typeTSIG = 250
	typeIXFR = 251
	typeAXFR = 252
	typeANY  = 255

	classIN   = 1
	classCH   = 3
	classNONE = 254
)

// rcode is a response code; above 15 it needs EDNS (RFC 6891 §6.1.3).
type rcode uint16

// The response codes sent (RFC 6895 §2.3).
const (
	rcodeNoError  rcode = 0
	rcodeFormErr  rcode = 1
	rcodeServFail rcode = 2
	rcodeNXDomain rcode = 3
	rcodeNotImp   rcode = 4
	rcodeRefused  rcode = 5
	rcodeNotAuth  rcode = 9
	rcodeBadVers  rcode = 16
	rcodes              = 17 // all that are sent are below
)

// String returns the mnemonic.
func (r rcode) String() string {
	switch r {
	case rcodeNoError:
		return "NOERROR"
	case rcodeFormErr:
		return "FORMERR"
	case rcodeServFail:
		return "SERVFAIL"
	case rcodeNXDomain:
		return "NXDOMAIN"
	case rcodeNotImp:
		return "NOTIMP"
	case rcodeRefused:
		return "REFUSED"
	case rcodeNotAuth:
		return "NOTAUTH"
	case rcodeBadVers:
		return "BADVERS"
	}
	return "RESERVED"
}

func u16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }

func putU16(b []byte, v uint16) { binary.BigEndian.PutUint16(b, v) }

// maxName is the longest name on the wire (RFC 1035 §3.1).
const maxName = 255

// nameLen returns the length of the uncompressed name at the start of b, its
// root label included, or 0 if there is none.
func nameLen(b []byte) int {
	for i := 0; i < len(b) && i < maxName; {
		l := int(b[i])
		if l == 0 {
			return i + 1
		}
		if l > 63 {
			return 0
		}
		i += 1 + l
	}
	return 0
}

// skipName returns the offset behind the name at off, which may end in a
// pointer to something before it (RFC 1035 §4.1.4), or -1.
func skipName(msg []byte, off int) int {
	for start := off; off < len(msg) && off-start < maxName; {
		l := int(msg[off])
		switch {
		case l == 0:
			return off + 1
		case l < 64:
			off += 1 + l
		case l >= 0xC0 && off+1 < len(msg):
			if to := int(u16(msg[off:]) & 0x3FFF); to < headerSize || to >= start {
				return -1
			}
			return off + 2
		default:
			return -1
		}
	}
	return -1
}

// lower writes name in lower case into dst and returns that part of dst.
// Length octets are below 'A' and stay.
func lower(dst *[maxName]byte, name []byte) []byte {
	out := dst[:len(name)]
	for i, c := range name {
		if c-'A' < 26 {
			c += 'a' - 'A'
		}
		out[i] = c
	}
	return out
}
