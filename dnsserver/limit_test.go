package dnsserver_test

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/dnsserver"
)

// flood sends n equal questions from an address of 127.0.0.0/8 and returns how
// many came back whole and how many truncated. They are few enough for the
// smallest socket buffer.
func flood(t *testing.T, s *dnsserver.Server, from string, m *dns.Msg, n int) (whole, truncated int) {
	t.Helper()
	conn, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0)), net.UDPAddrFromAddrPort(s.Addrs()[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &client{tb: t, conn: conn, buf: make([]byte, dns.MaxMsgSize)}
	m.Id = 1
	msg := packed(t, m)
	for range n {
		c.send(msg)
	}
	for _, r := range c.untilSentinel() {
		if !r.Truncated {
			whole++
		} else if truncated++; len(r.Answer)+len(r.Ns)+len(r.Extra) != 0 {
			t.Fatalf("a slipped answer carries records: %v", r)
		}
	}
	return whole, truncated
}

// untilSentinel asks a question of a kind of its own, and returns the answers
// that come before its own.
func (c *client) untilSentinel() []*dns.Msg {
	c.tb.Helper()
	last := question(origin, dns.TypeSOA)
	last.Id = 2
	c.send(packed(c.tb, last))
	var out []*dns.Msg
	for {
		r := unpacked(c.tb, c.receive())
		if r.Id == last.Id {
			return out
		}
		out = append(out, r)
	}
}

func limited(slip int) dnsserver.Config {
	return dnsserver.Config{Workers: 1, RateLimit: dnsserver.RateLimit{PerSecond: 10, Slip: slip, Loopback: true}}
}

// Response rate limiting: one network gets a bounded number of equal answers,
// and some of the rest truncated, so that a real client comes again over TCP.
// The bound is for a second, and the flood may last into a second one.
func TestRateLimit(t *testing.T) {
	const sent = 80
	for _, tc := range []struct {
		name string
		m    *dns.Msg
		slip int
		half bool // about half of what is over the limit comes truncated
	}{
		{"answers", question("_sip._udp.west."+origin, dns.TypeSRV), 2, true},
		{"denials", question("nobody."+origin, dns.TypeSRV), 2, true},
		{"refusals", question("www.example.org.", dns.TypeSRV), 2, true},
		{"no slip", question("_sip._udp.west."+origin, dns.TypeSRV), -1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, limited(tc.slip), testZone(7))
			began := time.Now()
			whole, truncated := flood(t, s, "127.0.0.1", tc.m, sent)
			seconds := int(time.Since(began)/time.Second) + 2
			if whole < 10 || whole > 10*seconds {
				t.Errorf("%d whole answers in at most %d seconds", whole, seconds)
			}
			over := sent - whole
			if tc.half && (truncated < over/2-seconds || truncated > over/2+seconds) || !tc.half && truncated != 0 {
				t.Errorf("%d truncated answers of %d over the limit", truncated, over)
			}
			got := s.Stats()
			if int(got.Slipped) != truncated || int(got.Limited) != over-truncated {
				t.Errorf("counted %d slipped, %d held back; seen %d, %d", got.Slipped, got.Limited, truncated, over-truncated)
			}
		})
	}
}

// Denials of different names are one kind: a flood of random names is bounded
// too. Answers about different names are different kinds: a resolver that asks
// much is not.
func TestRateLimitKinds(t *testing.T) {
	s := start(t, limited(-1), testZone(7))
	c := udpClient(t, s)
	for i := range 60 {
		m := question(fmt.Sprintf("r%d.random.%s", i, origin), dns.TypeA)
		m.Id = 1
		c.send(packed(t, m))
	}
	if n := len(c.untilSentinel()); n >= 60 {
		t.Error("a flood of random names is not bounded")
	}
	for _, tc := range answerCases() {
		if out := c.ask(question(tc.name, tc.qtype)); len(out.Answer) != len(tc.answer) {
			t.Errorf("%s: %v", tc.rfc, out)
		}
	}
}

// Networks are counted apart: /24.
func TestRateLimitNetworks(t *testing.T) {
	s := start(t, limited(-1), testZone(7))
	flood(t, s, "127.0.0.1", question("west."+origin, dns.TypeA), 60)
	if whole, _ := flood(t, s, "127.0.1.1", question("west."+origin, dns.TypeA), 5); whole != 5 {
		t.Errorf("the next network got %d of 5 answers", whole)
	}
}

// TCP proves the address, so it is not limited; nor is loopback unless asked
// for, nor anybody when the limit is off.
func TestRateLimitExceptions(t *testing.T) {
	m := question("west."+origin, dns.TypeA)
	c := tcpClient(t, start(t, limited(2), testZone(7)))
	for range 100 {
		if out := c.ask(m); len(out.Answer) != 1 {
			t.Fatalf("over TCP: %v", out)
		}
	}
	quiet := limited(2)
	quiet.RateLimit.Loopback = false
	off := limited(2)
	off.RateLimit.Off = true
	for name, cfg := range map[string]dnsserver.Config{"loopback": quiet, "off": off} {
		if whole, _ := flood(t, start(t, cfg, testZone(7)), "127.0.0.1", m, 80); whole != 80 {
			t.Errorf("%s: %d of 80 answers", name, whole)
		}
	}
}
