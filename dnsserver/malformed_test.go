package dnsserver_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/dnsserver"
)

// oneWorker keeps the order of UDP answers, so that silence can be seen.
func oneWorker() dnsserver.Config { return dnsserver.Config{Workers: 1} }

// header is the start of a query with the given record counts.
func header(qd, an, ns, ar uint16) []byte {
	b := []byte{0xBE, 0xEF, 0x01, 0x00}
	for _, n := range []uint16{qd, an, ns, ar} {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	return b
}

// Parts of messages. The question is for the SOA of the zone.
var (
	wireOrigin = "\x05voice\x07example\x03net\x00"
	wireSOA    = wireOrigin + "\x00\x06\x00\x01"
	wireOPT    = "\x00\x00\x29\x04\xD0\x00\x00\x00\x00\x00\x00"
	wireA      = "\xC0\x0C\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x7F\x00\x00\x01"
)

func repeat(s string, n int) string {
	var out []byte
	for range n {
		out = append(out, s...)
	}
	return string(out)
}

// malformedCase is a message that no library of ours would make.
type malformedCase struct {
	name   string
	msg    string
	rcode  int
	silent bool
}

func malformedCases() []malformedCase {
	long := repeat("\x3F"+repeat("a", 63), 3)
	h := func(qd, an, ns, ar uint16, rest string) string { return string(header(qd, an, ns, ar)) + rest }
	formErr := func(name, msg string) malformedCase {
		return malformedCase{name: name, msg: msg, rcode: dns.RcodeFormatError}
	}
	return []malformedCase{
		{name: "empty datagram", msg: "", silent: true},
		{name: "eleven octets", msg: h(1, 0, 0, 0, "")[:11], silent: true},
		{name: "an answer", msg: "\x00\x01\x80\x00" + h(1, 0, 0, 0, wireSOA)[4:], silent: true},
		{name: "an answer with another opcode", msg: "\x00\x01\xA8\x00" + h(1, 0, 0, 0, wireSOA)[4:], silent: true},

		formErr("header alone, one question counted (RFC 1035 §4.1.2)", h(1, 0, 0, 0, "")),
		formErr("header alone, nothing counted (RFC 9619)", h(0, 0, 0, 0, "")),
		formErr("no question but EDNS", h(0, 0, 0, 1, wireOPT)),
		formErr("two questions (RFC 9619)", h(2, 0, 0, 0, wireSOA+wireSOA)),
		formErr("65535 questions", h(65535, 0, 0, 0, wireSOA)),
		formErr("question without class", h(1, 0, 0, 0, wireSOA[:len(wireSOA)-2])),
		formErr("question without type", h(1, 0, 0, 0, wireOrigin)),
		formErr("question with half a class", h(1, 0, 0, 0, wireSOA[:len(wireSOA)-1])),
		formErr("name without end", h(1, 0, 0, 0, "\x05voice")),
		formErr("label runs over the end", h(1, 0, 0, 0, "\x3Fvoice")),
		formErr("name of 256 octets (RFC 1035 §2.3.4)", h(1, 0, 0, 0, long+"\x3E"+repeat("a", 62)+"\x00\x00\x06\x00\x01")),
		formErr("name points to itself (RFC 1035 §4.1.4)", h(1, 0, 0, 0, "\xC0\x0C\x00\x06\x00\x01")),
		formErr("name points forward", h(1, 0, 0, 0, "\xC0\x20\x00\x06\x00\x01")),
		formErr("name points into the header", h(1, 0, 0, 0, "\xC0\x04\x00\x06\x00\x01")),
		formErr("label, then a pointer to it", h(1, 0, 0, 0, "\x01a\xC0\x0C\x00\x06\x00\x01")),
		formErr("label of type 01 (RFC 6891 §5)", h(1, 0, 0, 0, "\x41a\x00\x00\x06\x00\x01")),
		formErr("label of type 10", h(1, 0, 0, 0, "\x81a\x00\x00\x06\x00\x01")),

		formErr("an answer counted that is not there", h(1, 1, 0, 0, wireSOA)),
		formErr("an authority counted that is not there", h(1, 0, 1, 0, wireSOA)),
		formErr("an additional counted that is not there", h(1, 0, 0, 1, wireSOA)),
		formErr("65535 additional counted", h(1, 0, 0, 65535, wireSOA+wireOPT)),
		formErr("record without data", h(1, 0, 0, 1, wireSOA+wireA[:len(wireA)-4])),
		formErr("record cut in its fixed part", h(1, 0, 0, 1, wireSOA+wireA[:8])),
		formErr("record whose owner points forward", h(1, 0, 0, 1, wireSOA+"\xC0\xFF"+wireA[2:])),
		formErr("octets behind the last record", h(1, 0, 0, 0, wireSOA+"x")),
		formErr("OPT that is not counted", h(1, 0, 0, 0, wireSOA+wireOPT)),

		formErr("two OPT (RFC 6891 §6.1.1)", h(1, 0, 0, 2, wireSOA+wireOPT+wireOPT)),
		formErr("OPT whose owner is not the root", h(1, 0, 0, 1, wireSOA+"\x01a"+wireOPT)),
		formErr("OPT whose owner points to a name", h(1, 0, 0, 1, wireSOA+"\xC0\x0C"+wireOPT[1:])),
		formErr("OPT in the answer section", h(1, 1, 0, 0, wireSOA+wireOPT)),
		formErr("OPT in the authority section", h(1, 0, 1, 0, wireSOA+wireOPT)),
		formErr("EDNS option runs over the end", h(1, 0, 0, 1, wireSOA+wireOPT[:9]+"\x00\x06\x00\x03\x00\x05ab")),
		formErr("EDNS option without length", h(1, 0, 0, 1, wireSOA+wireOPT[:9]+"\x00\x03\x00\x03\x00")),
		formErr("OPT without data length", h(1, 0, 0, 1, wireSOA+wireOPT[:9])),
		formErr("TSIG before the last record (RFC 8945 §5.1)", h(1, 0, 0, 2, wireSOA+"\x01k\x00\x00\xFA\x00\xFF\x00\x00\x00\x00\x00\x00"+wireOPT)),
		formErr("question for OPT", h(1, 0, 0, 0, wireOrigin+"\x00\x29\x00\x01")),

		{name: "two OPT in another opcode", msg: "\xBE\xEF\x29\x00" + h(1, 0, 0, 2, wireSOA+wireOPT+wireOPT)[4:], rcode: dns.RcodeNotImplemented},
		{name: "another opcode, header alone", msg: "\xBE\xEF\x31\x00" + h(0, 0, 0, 0, "")[4:], rcode: dns.RcodeNotImplemented},
		{name: "MAILB (RFC 1035 §3.2.3)", msg: h(1, 0, 0, 0, wireOrigin+"\x00\xFD\x00\x01"), rcode: dns.RcodeNotImplemented},
		{name: "longest lawful name", msg: h(1, 0, 0, 0, long+"\x3D"+repeat("a", 61)+"\x00\x00\x06\x00\x01"), rcode: dns.RcodeRefused},
		{name: "a record of no concern behind the question", msg: h(1, 0, 0, 2, wireSOA+wireA+wireOPT), rcode: dns.RcodeSuccess},
		{name: "all header bits that are not ours", msg: "\xBE\xEF\x07\x7F" + h(1, 0, 0, 0, wireSOA)[4:], rcode: dns.RcodeSuccess},
	}
}

func TestMalformed(t *testing.T) {
	s := start(t, oneWorker(), testZone(7))
	for _, tc := range malformedCases() {
		t.Run(tc.name, func(t *testing.T) {
			c := udpClient(t, s)
			if tc.silent {
				if !c.silent([]byte(tc.msg)) {
					t.Error("answered")
				}
				return
			}
			out := c.raw([]byte(tc.msg))
			if problem := replyForm([]byte(tc.msg), out); problem != "" {
				t.Errorf("%s: %x", problem, out)
			}
			if m := unpacked(t, out); m.Rcode != tc.rcode {
				t.Errorf("got %s, want %s", dns.RcodeToString[m.Rcode], dns.RcodeToString[tc.rcode])
			}
		})
	}
}

// The same over TCP, where silence is the end of the connection.
func TestMalformedOverTCP(t *testing.T) {
	s := start(t, dnsserver.Config{}, testZone(7))
	for _, tc := range malformedCases() {
		t.Run(tc.name, func(t *testing.T) {
			c := tcpClient(t, s)
			c.send([]byte(tc.msg))
			if tc.silent {
				c.cut()
				return
			}
			out := c.receive()
			if problem := replyForm([]byte(tc.msg), out); problem != "" {
				t.Errorf("%s: %x", problem, out)
			}
			if m := unpacked(t, out); m.Rcode != tc.rcode {
				t.Errorf("got %s, want %s", dns.RcodeToString[m.Rcode], dns.RcodeToString[tc.rcode])
			}
		})
	}
}

// replyForm returns what is wrong with the form of any reply to any message:
// it must carry the ID, opcode and RD of the message and no other of its
// flags, no more than the question of it, and be readable.
func replyForm(msg, out []byte) string {
	if len(out) < 12 {
		return "reply is shorter than a header"
	}
	const qr, opcode, rd = 0x80, 0x78, 0x01
	m := new(dns.Msg)
	switch {
	case out[0] != msg[0] || out[1] != msg[1]:
		return "ID is another one"
	case out[2]&qr == 0:
		return "QR is clear"
	case out[2]&(opcode|rd) != msg[2]&(opcode|rd):
		return "opcode or RD is another one"
	case out[3]&0x60 != 0 || out[3]&0x80 != 0:
		return "RA, Z or AD is set"
	case m.Unpack(out) != nil:
		return "reply cannot be read"
	case len(m.Question) > 1:
		return "more than one question"
	case len(m.Question) == 1 && !slices.Equal(questionOctets(out), questionOctets(msg)):
		return "question is another one"
	}
	return ""
}

// questionOctets is the first question of a message, without compression.
func questionOctets(msg []byte) []byte {
	for off := 12; off < len(msg); off += 1 + int(msg[off]) {
		if msg[off] == 0 {
			return msg[12:min(off+5, len(msg))]
		}
	}
	return nil
}

// FORMERR carries the question when it could be read, for the asker to match.
func TestFormErrKeepsReadableQuestion(t *testing.T) {
	c := udpClient(t, start(t, oneWorker(), testZone(7)))
	out := unpacked(t, c.raw([]byte(string(header(1, 0, 0, 2))+wireSOA+wireOPT+wireOPT)))
	if len(out.Question) != 1 || out.Question[0].Name != origin {
		t.Errorf("got %v", out)
	}
}

// RFC 8945 §5.2.1: no key is known here, so a signed question gets NOTAUTH
// with BADKEY, and its reply is not signed.
func TestSignedQuestion(t *testing.T) {
	c := udpClient(t, start(t, dnsserver.Config{}, testZone(7)))
	m := question(origin, dns.TypeAXFR)
	m.SetTsig("stranger.", dns.HmacSHA256, 300, 1)
	sent, _, err := dns.TsigGenerate(m, "c2VjcmV0", "", false)
	if err != nil {
		t.Fatal(err)
	}
	out := unpacked(t, c.raw(sent))
	sig := out.IsTsig()
	if out.Rcode != dns.RcodeNotAuth || sig == nil || sig.Error != dns.RcodeBadKey || sig.MACSize != 0 || sig.Hdr.Name != "stranger." {
		t.Errorf("got %v", out)
	}
}

// Every shortened form of a proper message, and every message with one octet
// changed, gets a reply in proper form or silence; then the server still
// answers.
func TestDamagedMessages(t *testing.T) {
	c := udpClient(t, start(t, oneWorker(), testZone(7)))
	whole := packed(t, withEDNS(question("_sip._udp.west."+origin, dns.TypeSRV), 1232))
	try := func(msg []byte) {
		t.Helper()
		if len(msg) < 12 || msg[2]&0x80 != 0 {
			if !c.silent(msg) {
				t.Fatalf("answered %x", msg)
			}
			return
		}
		if problem := replyForm(msg, c.raw(msg)); problem != "" {
			t.Fatalf("%s: for %x", problem, msg)
		}
	}
	for n := range whole {
		try(whole[:n])
	}
	for i := range whole {
		for _, x := range []byte{0x01, 0x3F, 0x80, 0xC0, 0xFF} {
			msg := slices.Clone(whole)
			msg[i] ^= x
			try(msg)
		}
	}
	if out := c.ask(question(origin, dns.TypeSOA)); out.Rcode != dns.RcodeSuccess {
		t.Error(out)
	}
}
