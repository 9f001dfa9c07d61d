package srv

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Type is a DNS RR type (RFC 1035 §3.2.2).
type Type uint16

// The types that a steered zone holds.
const (
	TypeA     Type = 1
	TypeNS    Type = 2
	TypeCNAME Type = 5
	TypeSOA   Type = 6
	TypeTXT   Type = 16
	TypeAAAA  Type = 28
	TypeSRV   Type = 33
	TypeNAPTR Type = 35
)

// mnemonics of the types, those included that only stand beside what is
// steered.
var mnemonics = map[Type]string{
	TypeA: "A", TypeNS: "NS", TypeCNAME: "CNAME", TypeSOA: "SOA", 12: "PTR", 13: "HINFO", 15: "MX", TypeTXT: "TXT", 17: "RP",
	TypeAAAA: "AAAA", 29: "LOC", TypeSRV: "SRV", TypeNAPTR: "NAPTR", 37: "CERT", TypeDS: "DS", 44: "SSHFP", TypeRRSIG: "RRSIG", TypeNSEC: "NSEC", TypeDNSKEY: "DNSKEY", 52: "TLSA",
	53: "SMIMEA", TypeCDS: "CDS", TypeCDNSKEY: "CDNSKEY", 61: "OPENPGPKEY", 64: "SVCB", 65: "HTTPS", 99: "SPF", 256: "URI", 257: "CAA",
}

// String returns the mnemonic, TYPE and its number for others (RFC 3597 §5).
func (t Type) String() string {
	if name, ok := mnemonics[t]; ok {
		return name
	}
	return "TYPE" + strconv.Itoa(int(t))
}

// Data is the RDATA of one record: A, AAAA, NS, CNAME, TXT, SRV, NAPTR or Other.
type Data interface {
	// Type is the RR type that the data belongs to.
	Type() Type
	// String is the presentation format (RFC 1035 §5.1).
	String() string
}

// A is an IPv4 address (RFC 1035 §3.4.1).
type A struct{ Addr netip.Addr }

// AAAA is an IPv6 address (RFC 3596).
type AAAA struct{ Addr netip.Addr }

// NS names a name server (RFC 1035 §3.3.11).
type NS struct{ Host string }

// CNAME says that another name stands for the owner (RFC 1035 §3.3.1).
type CNAME struct{ Target string }

// TXT holds character strings of at most 255 octets each (RFC 1035 §3.3.14).
type TXT struct{ Strings []string }

// SRV is a service location (RFC 2782). Target is absolute, in lower case.
type SRV struct {
	Priority, Weight, Port uint16
	Target                 string
}

// NAPTR is a naming authority pointer (RFC 3403 §4).
type NAPTR struct {
	Order, Preference      uint16
	Flags, Service, Regexp string
	Replacement            string
}

// Type implements Data.
func (A) Type() Type { return TypeA }

// Type implements Data.
func (AAAA) Type() Type { return TypeAAAA }

// Type implements Data.
func (NS) Type() Type { return TypeNS }

// Type implements Data.
func (CNAME) Type() Type { return TypeCNAME }

// Type implements Data.
func (TXT) Type() Type { return TypeTXT }

// Type implements Data.
func (SRV) Type() Type { return TypeSRV }

// Type implements Data.
func (NAPTR) Type() Type { return TypeNAPTR }

func (d A) String() string     { return d.Addr.String() }
func (d AAAA) String() string  { return d.Addr.String() }
func (d NS) String() string    { return d.Host }
func (d CNAME) String() string { return d.Target }

func (d TXT) String() string {
	q := make([]string, len(d.Strings))
	for i, s := range d.Strings {
		q[i] = strconv.Quote(s)
	}
	return strings.Join(q, " ")
}

func (d SRV) String() string {
	return fmt.Sprintf("%d %d %d %s", d.Priority, d.Weight, d.Port, d.Target)
}

func (d NAPTR) String() string {
	return fmt.Sprintf("%d %d %q %q %q %s", d.Order, d.Preference, d.Flags, d.Service, d.Regexp, d.Replacement)
}

// Other is a record of any other type, for what lives in a zone beside what is
// steered.
type Other struct {
	RRType Type
	Wire   string // RDATA as octets, without compression
	Text   string // RDATA in presentation format
}

// Type implements Data.
func (d Other) Type() Type     { return d.RRType }
func (d Other) String() string { return d.Text }

// RRset is all records of one owner and type (RFC 8499 §5). Data is in the
// order in which it is to be answered: best first, since many phones use only
// the first.
type RRset struct {
	Name string // absolute, lower case, trailing dot
	Type Type
	TTL  uint32 // seconds
	Data []Data
}

// Equal reports whether both sets say the same, of one owner or not.
func (s *RRset) Equal(o *RRset) bool {
	return s.Type == o.Type && s.TTL == o.TTL && equalData(s.Data, o.Data)
}

// SOA is the start of authority (RFC 1035 §3.3.13). Times are in seconds.
type SOA struct {
	MName, RName                            string
	Serial, Refresh, Retry, Expire, Minimum uint32
	TTL                                     uint32
}
