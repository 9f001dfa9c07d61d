package sipwire

import (
	"net/netip"
	"testing"
)

const ipv6Lines = `To: sip:user@example.com
From: sip:user@example.com;tag=81x2
Call-ID: SSG9559905523997077@hlau_4100
Max-Forwards: 70
Contact: "Caller" <sip:caller@[2001:db8::1]>
CSeq: 98176 REGISTER
`

// ipv6Torture are the messages of RFC 5118.
var ipv6Torture = []torture{
	{name: "ipv6-good", section: "4.1", text: req("REGISTER sip:[2001:db8::10] SIP/2.0", ipv6Lines+`Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111
Content-Length: 0`)},
	{name: "ipv6-bad", section: "4.2", text: req("REGISTER sip:2001:db8::10 SIP/2.0", ipv6Lines+`Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111
Content-Length: 0`), why: "the RFC would answer 400; the gate does not route by the host of a Request-URI, so who does may refuse it"},
	{name: "port-ambiguous", section: "4.3", text: req("REGISTER sip:[2001:db8::10:5070] SIP/2.0", ipv6Lines+`Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111
Content-Length: 0`)},
	{name: "port-unambiguous", section: "4.4", text: req("REGISTER sip:[2001:db8::10]:5070 SIP/2.0", ipv6Lines+`Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111
Content-Length: 0`)},
	{name: "via-received-param-with-delim", section: "4.5", text: req("BYE sip:[2001:db8::10] SIP/2.0", `To: sip:user@example.com;tag=bd76ya
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Max-Forwards: 70
CSeq: 321 BYE
Content-Length: 0`)},
	{name: "via-received-param-no-delim", section: "4.5", text: req("OPTIONS sip:[2001:db8::10] SIP/2.0", `To: sip:user@example.com
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3
Call-ID: SSG95523997077@hlau_4100
Max-Forwards: 70
Contact: "Caller" <sip:caller@[2001:db8::9:1]>
CSeq: 921 OPTIONS
Content-Length: 0`)},
	{name: "ipv6-in-sdp", section: "4.6", text: req("INVITE sip:user@[2001:db8::10] SIP/2.0", `To: sip:user@[2001:db8::10]
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::20];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Contact: "Caller" <sip:caller@[2001:db8::20]>
CSeq: 8612 INVITE
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: 25

c=IN IP6 2001:db8::20
`)},
	{name: "mult-ip-in-header", section: "4.7", text: req("BYE sip:user@host.example.net SIP/2.0", `Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144
Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200
Call-ID: 997077@lau_4100
Max-Forwards: 70
CSeq: 89187 BYE
To: sip:user@example.net;tag=9817--94
From: sip:user@example.com;tag=81x2
Content-Length: 0`)},
	{name: "mult-ip-in-sdp", section: "4.8", text: req("INVITE sip:user@[2001:db8::10] SIP/2.0", `To: sip:user@[2001:db8::10]
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Contact: "Caller" <sip:caller@[2001:db8::9:1]>
Max-Forwards: 70
CSeq: 8912 INVITE
Content-Type: application/sdp
Content-Length: 48

c=IN IP6 2001:db8::9:1
c=IN IP4 192.0.2.1
x=y
`)},
	{name: "ipv4-mapped-ipv6", section: "4.9", text: req("INVITE sip:user@example.com SIP/2.0", `To: sip:user@example.com
From: sip:user@east.example.com;tag=81x2
Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19
Via: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Contact: "T. desk phone" <sip:ted@[::ffff:192.0.2.2]>
CSeq: 612 INVITE
Max-Forwards: 70
Content-Length: 0`)},
	{name: "ipv6-bug-abnf-3-colons", section: "4.10", text: req("OPTIONS sip:user@[2001:db8:::192.0.2.1] SIP/2.0", `To: sip:user@[2001:db8:::192.0.2.1]
From: sip:user@example.com;tag=810x2
Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111
Call-ID: G9559905523997077@hlau_4100
CSeq: 689 OPTIONS
Max-Forwards: 70
Content-Length: 0`), why: "as for ipv6-bad; an implementation of the faulty grammar writes it, and the RFC asks to be lenient"},
}

// TestRFC5118Addresses: what a stateless element reads of an IPv6 reference.
func TestRFC5118Addresses(t *testing.T) {
	for _, c := range []struct{ name, uri, via string }{
		{"ipv6-good", "[2001:db8::10]:0", "[2001:db8::9:1]:0"},
		{"port-ambiguous", "[2001:db8::10:5070]:0", "[2001:db8::9:1]:0"},
		{"port-unambiguous", "[2001:db8::10]:5070", "[2001:db8::9:1]:0"},
		{"via-received-param-with-delim", "[2001:db8::10]:0", "[2001:db8::9:255]:0"},
		{"via-received-param-no-delim", "[2001:db8::10]:0", "[2001:db8::9:255]:0"},
		{"mult-ip-in-header", "", "[2001:db8::9:1]:6050"},
		{"ipv4-mapped-ipv6", "", "192.0.2.10:19823"},
	} {
		var m Message
		for _, x := range ipv6Torture {
			if x.name == c.name {
				m.Parse(crlf(x.text))
			}
		}
		if got, ok := Host(m.URI()); (c.uri != "") != ok || (ok && got != netip.MustParseAddrPort(c.uri)) {
			t.Errorf("%s: Request-URI is at %v, want %q", c.name, got, c.uri)
		}
		if got, ok := m.Via().Addr(); !ok || got != netip.MustParseAddrPort(c.via) {
			t.Errorf("%s: a response goes to %v, want %s", c.name, got, c.via)
		}
	}
}
