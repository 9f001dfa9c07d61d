package dnsserver

// extended says more about an error than its code does (RFC 8914 §4).
type extended uint16

// The extended errors sent. The zero value is the registry's "other error",
// which is never sent: it says nothing.
const (
	edeNone             extended = 0
	edeStale            extended = 3  // kept from an earlier time; with good answers too
	edeNoSignatures     extended = 10 // the zone is signed, and this server cannot sign
	edeNotReady         extended = 14 // no zone was given yet
	edeProhibited       extended = 18 // a transfer for somebody who may not have it
	edeNotAuthoritative extended = 20 // not in any zone of ours
	edeNotSupported     extended = 21 // operation or type of question
	edeInvalidType      extended = 30 // RFC 9824 §3.5
)

// options are what the OPT record of an answer says (RFC 6891 §6.1.2). Nothing
// that was not asked for is said, but for errors and where to report them;
// nothing else is echoed.
type options struct {
	nsid      string // RFC 5001
	report    []byte // RFC 9567: the agent domain
	hasCookie bool
	cookie    [clientCookie + serverCookie]byte // RFC 7873
	hasIdle   bool
	idle      uint16 // RFC 7828: how long the connection may be idle, in units of 100 ms
	why       extended
	compact   bool // answers of RFC 9824 §5.1
	pad       bool // to a multiple of padBlock (RFC 8467 §4.1)
}

// padBlock is the size that answers over TLS are padded to, so that their
// lengths tell little.
const padBlock = 468

// optFixed is the size of an OPT record without options.
const optFixed = 11

// size returns the octets of the OPT record without its padding. Extended errors
// but edeStale and edeNoSignatures go only with answers that have nothing else,
// and need no room kept.
func (o *options) size() int {
	n := optFixed
	if o.nsid != "" {
		n += 4 + len(o.nsid)
	}
	if o.report != nil {
		n += 4 + len(o.report)
	}
	if o.hasCookie {
		n += 4 + len(o.cookie)
	}
	if o.hasIdle {
		n += 4 + 2
	}
	if o.why == edeStale || o.why == edeNoSignatures {
		n += 4 + 2
	}
	return n
}

// append appends the OPT record: the size that this server takes, the upper
// bits of the response code, version 0, DO as it came, and the options.
func (o *options) append(msg []byte, q *query, udpSize int, code rcode) []byte {
	var do byte
	if q.do {
		do = 0x80
	}
	if o.compact {
		do |= 0x40
	}
	msg = append(msg, 0, 0, typeOPT, byte(udpSize>>8), byte(udpSize), byte(code>>4), 0, do, 0, 0, 0)
	start := len(msg)
	if o.nsid != "" {
		msg = append(msg, 0, optionNSID, 0, byte(len(o.nsid)))
		msg = append(msg, o.nsid...)
	}
	if o.hasCookie {
		msg = append(msg, 0, optionCookie, 0, byte(len(o.cookie)))
		msg = append(msg, o.cookie[:]...)
	}
	if o.hasIdle {
		msg = append(msg, 0, optionKeepalive, 0, 2, byte(o.idle>>8), byte(o.idle))
	}
	if o.report != nil {
		msg = append(msg, 0, optionReport, 0, byte(len(o.report)))
		msg = append(msg, o.report...)
	}
	if o.why != edeNone {
		msg = append(msg, 0, optionEDE, 0, 2, byte(o.why>>8), byte(o.why))
	}
	if room := maxMessage - len(msg) - 4; o.pad && room >= 0 {
		n := min((padBlock-(len(msg)+4)%padBlock)%padBlock, room)
		msg = append(msg, 0, optionPadding, byte(n>>8), byte(n))
		msg = append(msg, make([]byte, n)...)
	}
	putU16(msg[start-2:], uint16(len(msg)-start))
	return msg
}
