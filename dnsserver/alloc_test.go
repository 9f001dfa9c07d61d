package dnsserver

import (
	"hash/maphash"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// hotQuestions are what phones and resolvers send, by what it costs.
func hotQuestions(t testing.TB) map[string][]byte {
	pack := func(name, qtype string, edns bool) []byte {
		m := question(name, qtype)
		if edns {
			m.SetEdns0(1232, true)
			m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_NSID{Code: dns.EDNS0NSID})
		}
		b, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return map[string][]byte{
		"SRV":       pack("_SIP._udp.west.voice.example.net.", "SRV", false),
		"SRV-EDNS":  pack("_sip._udp.west.voice.example.net.", "SRV", true),
		"NAPTR":     pack("west.voice.example.net.", "NAPTR", false),
		"A":         pack("sip.ottawa.voice.example.net.", "A", false),
		"ANY":       pack("west.voice.example.net.", "ANY", false),
		"NODATA":    pack("calgary.voice.example.net.", "A", true),
		"NXDOMAIN":  pack("nobody.voice.example.net.", "A", false),
		"REFUSED":   pack("www.example.com.", "A", false),
		"truncated": pack("_sip._tcp.big.voice.example.net.", "SRV", false),
		"malformed": pack("west.voice.example.net.", "A", false)[:30],
		"response":  append([]byte{0, 1, 0x80}, make([]byte, 20)...),
	}
}

// The collector has nothing to do for a flood: no answer over UDP allocates.
func TestAnswersDoNotAllocate(t *testing.T) {
	s := &Server{limiter: newLimiter(RateLimit{PerSecond: 100, Slip: 2, Loopback: true})}
	r := newTestResponder(t, Config{NSID: "calgary"}, zoneOf(t, 7, labRecords+manyTargets()))
	out := make([]byte, maxUDPSize)
	for _, client := range []string{"192.0.2.1:5353", "[2001:db8::1]:5353", "127.0.0.1:5353"} {
		for kind, msg := range hotQuestions(t) {
			addr := netip.MustParseAddrPort(client)
			if n := testing.AllocsPerRun(1000, func() { s.answerUDP(r, out, msg, addr, 1) }); n != 0 {
				t.Errorf("%s from %s: %v allocations", kind, addr, n)
			}
		}
	}
}

// BenchmarkRespond is the pure answer: from a message to its answer.
func BenchmarkRespond(b *testing.B) {
	r := newTestResponder(b, Config{NSID: "calgary"}, zoneOf(b, 7, labRecords+manyTargets()))
	out := make([]byte, maxUDPSize)
	for kind, msg := range hotQuestions(b) {
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.respond(out, msg, UDP)
			}
		})
	}
}

// BenchmarkSwap is what a new epoch costs: the check is not in it.
func BenchmarkSwap(b *testing.B) {
	z := zoneOf(b, 7, labRecords+manyTargets())
	old, err := pack(z, nil, maphash.MakeSeed())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if old, err = pack(z, old, maphash.MakeSeed()); err != nil {
			b.Fatal(err)
		}
	}
}
