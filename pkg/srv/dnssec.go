package srv

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// The types that a signed zone has beside its own (RFC 4034, RFC 7344).
const (
	TypeDS      Type = 43
	TypeRRSIG   Type = 46
	TypeNSEC    Type = 47
	TypeDNSKEY  Type = 48
	TypeCDS     Type = 59
	TypeCDNSKEY Type = 60
)

// SigningKey signs a zone: ECDSA on P-256 with SHA-256 (RFC 6605). It stands
// for both halves of the usual pair: it may be trusted by the zone above, and
// signs the records (RFC 6781 §3.1, single-type signing scheme).
type SigningKey struct {
	Public string // 64 octets, x and y (RFC 6605 §4)
	Sealed string // the private half, for who can open it
	// Signs says that it signs every set. A key that does not signs only the
	// sets of keys, as all do.
	Signs bool
}

// Of a key as it is published.
const (
	keyFlags     = 257 // zone key, secure entry point (RFC 4034 §2.1.1)
	keyProtocol  = 3   // RFC 4034 §2.1.2
	keyAlgorithm = 13  // ECDSAP256SHA256, RFC 6605 §4
)

func (k SigningKey) rdata() []byte {
	return append([]byte{keyFlags >> 8, keyFlags & 0xFF, keyProtocol, keyAlgorithm}, k.Public...)
}

// DNSKEY is the key as a record (RFC 4034 §2); CDNSKEY has the same data
// (RFC 7344 §3.2).
func (k SigningKey) DNSKEY(t Type) Other {
	return Other{
		RRType: t, Wire: string(k.rdata()),
		Text: fmt.Sprintf("%d %d %d %s", keyFlags, keyProtocol, keyAlgorithm, base64.StdEncoding.EncodeToString([]byte(k.Public))),
	}
}

// NoDS is what CDS or CDNSKEY say when the zone above shall name no key any more:
// the zone is about to be unsigned (RFC 8078 §4).
func NoDS(t Type) Other {
	if t == TypeCDNSKEY {
		return Other{RRType: t, Wire: "\x00\x00\x03\x00\x00", Text: "0 3 0 AA=="}
	}
	return Other{RRType: t, Wire: "\x00\x00\x00\x00\x00", Text: "0 0 0 00"}
}

// Tag is the short name of the key (RFC 4034 appendix B). Two keys may have one
// tag; those of one zone should not.
func (k SigningKey) Tag() uint16 {
	var sum uint32
	for i, b := range k.rdata() {
		if i%2 == 0 {
			sum += uint32(b) << 8
		} else {
			sum += uint32(b)
		}
	}
	return uint16(sum + sum>>16)
}

// DS is what the zone above says of the key of a zone (RFC 4034 §5); CDS has the
// same data (RFC 7344 §3.1). The origin is absolute and has no escapes.
func (k SigningKey) DS(origin string, t Type) Other {
	head := binary.BigEndian.AppendUint16(nil, k.Tag())
	wire := append(append(head, keyAlgorithm, digestSHA256), k.digest(sha256.New(), origin)...)
	return Other{
		RRType: t, Wire: string(wire),
		Text: fmt.Sprintf("%d %d %d %s", k.Tag(), keyAlgorithm, digestSHA256, strings.ToUpper(hex.EncodeToString(wire[4:]))),
	}
}
