package dnsserver_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// soa as it stands in negative answers: TTL is the smaller of TTL and minimum.
const negativeSOA = origin + " 5 IN SOA ns1." + origin + " hostmaster." + origin + " 7 60 15 1209600 5"

// questionCase is one question and its whole answer; records are in the order
// in which they must stand.
type questionCase struct {
	rfc      string // section, and what it asks for
	name     string
	qtype    uint16
	rcode    int
	referral bool // AA clear
	answer   []string
	ns       []string
	extra    []string
}

func westSRV(owner string) []string {
	return []string{
		owner + " 60 IN SRV 10 100 5060 sip.calgary." + origin,
		owner + " 60 IN SRV 20 100 5060 sip.vancouver." + origin,
		owner + " 60 IN SRV 30 100 5060 sip.ottawa." + origin,
	}
}

func siteAddresses() []string {
	return []string{
		"sip.calgary." + origin + " 60 IN A 10.0.7.1",
		"sip.calgary." + origin + " 60 IN AAAA 2001:db8::1",
		"sip.vancouver." + origin + " 60 IN A 10.0.7.2",
		"sip.ottawa." + origin + " 60 IN A 10.0.7.3",
	}
}

func answerCases() []questionCase {
	return []questionCase{
		{
			rfc: "1035 §3.4.1 A", name: "sip.ottawa." + origin, qtype: dns.TypeA,
			answer: []string{"sip.ottawa." + origin + " 60 IN A 10.0.7.3"},
		},
		{
			rfc: "3596 §2.2 AAAA", name: "sip.calgary." + origin, qtype: dns.TypeAAAA,
			answer: []string{"sip.calgary." + origin + " 60 IN AAAA 2001:db8::1"},
		},
		{
			rfc: "1035 §3.3.13 SOA at the apex", name: origin, qtype: dns.TypeSOA,
			answer: []string{strings.Replace(negativeSOA, " 5 IN", " 30 IN", 1)},
		},
		{
			rfc: "1035 §3.3.11 NS with the addresses of hosts in the zone, and no others", name: origin, qtype: dns.TypeNS,
			answer: []string{origin + " 3600 IN NS ns1." + origin, origin + " 3600 IN NS ns.elsewhere.example."},
			extra:  []string{"ns1." + origin + " 3600 IN A 192.0.2.53", "ns1." + origin + " 3600 IN AAAA 2001:db8::53"},
		},
		{
			rfc: "1035 §3.3.14 TXT, its strings kept apart", name: "note." + origin, qtype: dns.TypeTXT,
			answer: []string{"note." + origin + ` 60 IN TXT "two" "quo\"ted \\ strings"`},
		},
		{
			rfc: "2782 SRV in the order of the zone, with addresses in the same order", name: "_sip._udp.west." + origin, qtype: dns.TypeSRV,
			answer: westSRV("_sip._udp.west." + origin), extra: siteAddresses(),
		},
		{
			rfc: "2782 target outside the zone: nothing is said about it", name: "outside." + origin, qtype: dns.TypeSRV,
			answer: []string{"outside." + origin + " 60 IN SRV 1 0 5060 sip.elsewhere.example."},
		},
		{
			rfc: "2782 target '.': service decidedly not available", name: "none." + origin, qtype: dns.TypeSRV,
			answer: []string{"none." + origin + " 60 IN SRV 0 0 0 ."},
		},
		{
			rfc: "3403 §4 NAPTR", name: "west." + origin, qtype: dns.TypeNAPTR,
			answer: []string{
				"west." + origin + ` 60 IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.west.` + origin,
				"west." + origin + ` 60 IN NAPTR 20 10 "s" "SIP+D2T" "" _sip._tcp.west.` + origin,
				"west." + origin + ` 60 IN NAPTR 30 10 "s" "SIPS+D2T" "" _sips._tcp.west.` + origin,
			},
		},
		{
			rfc: "8482 §4.1 ANY: one RRset, the smallest", name: "west." + origin, qtype: dns.TypeANY,
			answer: []string{"west." + origin + " 60 IN A 10.0.7.1"},
		},
		{
			rfc: "4343 §3 names are compared without case", name: "_SiP._uDp.WEST.voice.EXAMPLE.net.", qtype: dns.TypeSRV,
			answer: westSRV("_SiP._uDp.WEST.voice.EXAMPLE.net."), extra: siteAddresses(),
		},
	}
}

func negativeCases() []questionCase {
	soa := []string{negativeSOA}
	return []questionCase{
		{rfc: "2308 §2.1 NXDOMAIN", name: "nobody." + origin, qtype: dns.TypeA, rcode: dns.RcodeNameError, ns: soa},
		{rfc: "2308 §2.2 NODATA", name: "sip.ottawa." + origin, qtype: dns.TypeAAAA, ns: soa},
		{rfc: "2308 §2.2 NODATA at the apex", name: origin, qtype: dns.TypeA, ns: soa},
		{rfc: "3597 §3 NODATA for a type that nobody knows", name: "west." + origin, qtype: 65280, ns: soa},
		{rfc: "4592 §2.2.2 an empty non-terminal exists", name: "b.deep." + origin, qtype: dns.TypeA, ns: soa},
		{rfc: "8020 §2 so does the one above it", name: "deep." + origin, qtype: dns.TypeA, ns: soa},
		{rfc: "4592 §2.2.2 a service label exists", name: "_tcp.west." + origin, qtype: dns.TypeSRV, ns: soa},
		{rfc: "8482 ANY at an empty non-terminal", name: "deep." + origin, qtype: dns.TypeANY, ns: soa},
		{rfc: "8020 §2 below what does not exist nothing does", name: "x.nobody." + origin, qtype: dns.TypeA, rcode: dns.RcodeNameError, ns: soa},
		{rfc: "1034 §4.3.2 below a leaf nothing exists", name: "x.sip.ottawa." + origin, qtype: dns.TypeA, rcode: dns.RcodeNameError, ns: soa},
		{rfc: "1034 §4.3.2 a name that only ends in the same letters", name: "xvoice.example.net.", qtype: dns.TypeA, rcode: dns.RcodeRefused, referral: true},
		{rfc: "1034 §4.3.1 the parent is not ours: no referral upward", name: "example.net.", qtype: dns.TypeNS, rcode: dns.RcodeRefused, referral: true},
		{rfc: "1034 §4.3.1 nor is the root", name: ".", qtype: dns.TypeNS, rcode: dns.RcodeRefused, referral: true},
		{rfc: "1034 §4.3.1 nor anything else", name: "www.example.org.", qtype: dns.TypeA, rcode: dns.RcodeRefused, referral: true},
		{rfc: "5936 §4.2 AXFR", name: origin, qtype: dns.TypeAXFR, rcode: dns.RcodeRefused, referral: true},
		{rfc: "1995 §2 IXFR", name: origin, qtype: dns.TypeIXFR, rcode: dns.RcodeRefused, referral: true},
	}
}

// Every case is asked over UDP and TCP, with and without EDNS, with and
// without RD.
func TestQuestions(t *testing.T) {
	s := start(t, dnsserver.Config{}, testZone(7))
	cases := append(answerCases(), negativeCases()...)
	for _, network := range []string{"udp", "tcp"} {
		c := udpClient(t, s)
		if network == "tcp" {
			c = tcpClient(t, s)
		}
		for _, tc := range cases {
			t.Run(network+"/"+tc.rfc, func(t *testing.T) {
				c.tb = t
				tc.check(t, c, false, false)
				tc.check(t, c, true, false)
				tc.check(t, c, false, true)
			})
		}
	}
}

func (tc *questionCase) check(t *testing.T, c *client, edns, rd bool) {
	t.Helper()
	m := question(tc.name, tc.qtype)
	m.RecursionDesired = rd
	if edns {
		withEDNS(m, 1232)
	}
	out := c.ask(m)
	if out.Id != m.Id || !out.Response || out.Opcode != dns.OpcodeQuery {
		t.Errorf("header is not that of an answer to the question: %v", out.MsgHdr)
	}
	if out.RecursionDesired != rd || out.RecursionAvailable || out.Zero || out.AuthenticatedData || out.Truncated {
		t.Errorf("RD %t gave flags %v", rd, out.MsgHdr)
	}
	if out.Rcode != tc.rcode || out.Authoritative == tc.referral {
		t.Errorf("got %s, AA %t", dns.RcodeToString[out.Rcode], out.Authoritative)
	}
	if len(out.Question) != 1 || out.Question[0] != m.Question[0] {
		t.Errorf("question %v came back as %v", m.Question, out.Question)
	}
	extra := out.Extra
	if edns {
		if out.IsEdns0() == nil {
			t.Fatal("no OPT in the answer (RFC 6891 §6.1.1)")
		}
		extra = extra[:len(extra)-1]
	}
	sameRecords(t, "answer", out.Answer, tc.answer)
	sameRecords(t, "authority", out.Ns, tc.ns)
	sameRecords(t, "additional", extra, tc.extra)
}

func sameRecords(t *testing.T, section string, got []dns.RR, want []string) {
	t.Helper()
	var lines, wanted []string
	for _, rr := range got {
		lines = append(lines, rr.String())
	}
	for _, text := range want {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		wanted = append(wanted, rr.String())
	}
	if g, w := strings.Join(lines, "\n"), strings.Join(wanted, "\n"); g != w {
		t.Errorf("%s section is\n%s\nwant\n%s", section, g, w)
	}
}

// Before the first zone nothing can be said, so a resolver shall ask another
// server (RFC 1035 §4.1.1).
func TestBeforeTheFirstZone(t *testing.T) {
	s := start(t, dnsserver.Config{})
	out := udpClient(t, s).ask(question("_sip._udp.west."+origin, dns.TypeSRV))
	if out.Rcode != dns.RcodeServerFailure || out.Authoritative || len(out.Answer)+len(out.Ns)+len(out.Extra) != 0 {
		t.Errorf("got %v", out)
	}
	if s.Epoch() != 0 {
		t.Errorf("epoch %d before the first zone", s.Epoch())
	}
	if err := s.Serve(testZone(7)); err != nil {
		t.Fatal(err)
	}
	if out := udpClient(t, s).ask(question(origin, dns.TypeSOA)); out.Rcode != dns.RcodeSuccess {
		t.Errorf("after the first zone: %v", out)
	}
}

// RFC 5452 §9.2 and the 0x20 habit: the question comes back bit for bit, also
// where the answer is a refusal.
func TestQuestionBitForBit(t *testing.T) {
	s := start(t, dnsserver.Config{}, testZone(7))
	c := udpClient(t, s)
	for _, name := range []string{"_sIp._UdP.wEsT.VoIcE.eXaMpLe.NeT.", "NoBoDy.VoIcE.example.NET.", "wWw.eXaMpLe.OrG.", `bi\000\255n.voice.example.net.`} {
		sent := packed(t, question(name, dns.TypeSRV))
		got := c.raw(sent)
		if string(got[12:len(sent)]) != string(sent[12:]) {
			t.Errorf("%s came back as %x", name, got[12:len(sent)])
		}
	}
}

// RFC 2782: "name compression is not to be used for" the target. RFC 3597 §4
// says the same of NAPTR's replacement.
func TestTargetsAreNotCompressed(t *testing.T) {
	s := start(t, dnsserver.Config{}, testZone(7))
	c := udpClient(t, s)
	for name, want := range map[string]struct {
		qtype uint16
		head  int // octets of RDATA before the name
	}{"_sip._udp.west." + origin: {dns.TypeSRV, 6}, "none." + origin: {dns.TypeSRV, 6}} {
		out := c.raw(packed(t, question(name, want.qtype)))
		off := 12 + len(name) + 1 + 4
		for range unpacked(t, out).Answer {
			size := int(binary.BigEndian.Uint16(out[off+10:]))
			data := out[off+12 : off+12+size]
			if data[want.head]&0xC0 == 0xC0 || data[size-1] != 0 {
				t.Errorf("%s: target is compressed: %x", name, data)
			}
			if n, _, err := dns.UnpackDomainName(data, want.head); err != nil || !strings.HasSuffix(n, ".") {
				t.Errorf("%s: target cannot be read by itself: %q %v", name, n, err)
			}
			off += 12 + size
		}
	}
}

// RFC 2308 §5: a negative answer lives for the smaller of the SOA's TTL and
// its minimum.
func TestNegativeTTL(t *testing.T) {
	for _, tc := range []struct{ ttl, minimum, want uint32 }{{30, 5, 5}, {5, 30, 5}, {0, 5, 0}} {
		z := testZone(7)
		z.SOA.TTL, z.SOA.Minimum = tc.ttl, tc.minimum
		s := start(t, dnsserver.Config{}, z)
		out := udpClient(t, s).ask(question("nobody."+origin, dns.TypeA))
		if got := out.Ns[0].Header().Ttl; got != tc.want {
			t.Errorf("SOA TTL %d, minimum %d: negative TTL %d", tc.ttl, tc.minimum, got)
		}
	}
}

// RFC 1035 §4.1.1: only queries; the opcode stands in the refusal.
func TestOpcodes(t *testing.T) {
	s := start(t, dnsserver.Config{}, testZone(7))
	c := udpClient(t, s)
	for opcode := 1; opcode < 16; opcode++ {
		m := question(origin, dns.TypeSOA)
		m.Opcode = opcode
		out := c.ask(m)
		if out.Rcode != dns.RcodeNotImplemented || out.Opcode != opcode || out.Authoritative || len(out.Answer) != 0 {
			t.Errorf("opcode %d: %v", opcode, out.MsgHdr)
		}
	}
}

// RFC 4892: what this server is, in class CH; nothing else is there.
func TestChaos(t *testing.T) {
	ask := func(c *client, name string, qtype, class uint16) *dns.Msg {
		m := question(name, qtype)
		m.Question[0].Qclass = class
		return c.ask(m)
	}
	s := start(t, dnsserver.Config{NSID: "calgary", Version: `sip"steer\ 1`}, testZone(7))
	c := udpClient(t, s)
	for name, want := range map[string]string{
		"id.server.": "calgary", "hostname.bind.": "calgary", "ID.Server.": "calgary",
		"version.bind.": `sip\"steer\\ 1`, "version.server.": `sip\"steer\\ 1`,
	} {
		out := ask(c, name, dns.TypeTXT, dns.ClassCHAOS)
		if len(out.Answer) != 1 || out.Answer[0].Header().Class != dns.ClassCHAOS || out.Answer[0].(*dns.TXT).Txt[0] != want || !out.Authoritative {
			t.Errorf("%s: %v", name, out)
		}
	}
	for _, refused := range []struct {
		name         string
		qtype, class uint16
	}{
		{"authors.bind.", dns.TypeTXT, dns.ClassCHAOS},
		{origin, dns.TypeSOA, dns.ClassCHAOS},
		{origin, dns.TypeSOA, dns.ClassHESIOD},
		{origin, dns.TypeSOA, dns.ClassANY},
	} {
		if out := ask(c, refused.name, refused.qtype, refused.class); out.Rcode != dns.RcodeRefused || out.Authoritative || len(out.Answer) != 0 {
			t.Errorf("%v: %v", refused, out)
		}
	}
	quiet := udpClient(t, start(t, dnsserver.Config{}, testZone(7)))
	for _, name := range []string{"id.server.", "version.bind."} {
		if out := ask(quiet, name, dns.TypeTXT, dns.ClassCHAOS); out.Rcode != dns.RcodeRefused {
			t.Errorf("%s without a value: %v", name, out)
		}
	}
}

// A zone at a name of one label, and one whose name is the whole question of
// others, are found right.
func TestOtherOrigins(t *testing.T) {
	z := testZone(7)
	z.Origin = "lab."
	z.SOA.MName, z.SOA.RName, z.Steered = "ns.lab.", "h.lab.", nil
	z.Sets = []srv.RRset{{Name: "lab.", Type: srv.TypeNS, TTL: 1, Data: []srv.Data{srv.NS{Host: "ns.elsewhere."}}}}
	c := udpClient(t, start(t, dnsserver.Config{}, z))
	for name, want := range map[string]int{"lab.": 0, "x.lab.": dns.RcodeNameError, "xlab.": dns.RcodeRefused, ".": dns.RcodeRefused, `a\003lab.`: dns.RcodeRefused} {
		if out := c.ask(question(name, dns.TypeNS)); out.Rcode != want {
			t.Errorf("%s: %s", name, dns.RcodeToString[out.Rcode])
		}
	}
}
