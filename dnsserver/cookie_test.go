package dnsserver

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func octets(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// RFC 9018 appendix A: the cookies that every implementation makes.
func TestCookieVectors(t *testing.T) {
	var key cookieSecret
	copy(key[:], octets(t, "e5e973e5a6b2a43f48e7dc849e37bfcf"))
	var out [24]byte
	for _, tc := range []struct {
		section, client, addr string
		at                    uint32
		want                  string
	}{
		{"A.1", "2464c4abcf10c957", "198.51.100.100", 1559731985, "2464c4abcf10c957 010000005cf79f11 1f8130c3eee29480"},
		{"A.2", "2464c4abcf10c957", "198.51.100.100", 1559734385, "2464c4abcf10c957 010000005cf7a871 d4a564a1442aca77"},
	} {
		key.make(&out, octets(t, tc.client), netip.MustParseAddr(tc.addr), tc.at)
		if got := hex.EncodeToString(out[:]); got != strings.ReplaceAll(tc.want, " ", "") {
			t.Errorf("%s: %s", tc.section, got)
		}
	}
	copy(key[:], octets(t, "445536bcd2513298075a5d379663c962")) // A.4, with the new secret
	key.make(&out, octets(t, "22681ab97d52c298"), netip.MustParseAddr("2001:db8:220:1:59de:d0f4:8769:82b8"), 1559741961)
	if got := hex.EncodeToString(out[:]); got != "22681ab97d52c298010000005cf7c609a6bb79d16625507a" {
		t.Errorf("A.4: %s", got)
	}
}

// RFC 9018 §4.3: how old a cookie may be, and when it is answered with a new
// one; RFC 7873 §4: it is good for one client at one address.
func TestCookieLife(t *testing.T) {
	key := cookieSecret{1, 2, 3}
	const now = 5000
	client := octets(t, "0011223344556677")
	home, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for _, tc := range []struct {
		name   string
		made   uint32
		spoil  func(c []byte) []byte
		addr   netip.Addr
		proven bool
		same   bool
	}{
		{"fresh", now, nil, home, true, true},
		{"half an hour", now - cookieRenew, nil, home, true, true},
		{"older", now - cookieRenew - 1, nil, home, true, false},
		{"an hour", now - cookieLife, nil, home, true, false},
		{"over an hour", now - cookieLife - 1, nil, home, false, false},
		{"from the future", now + cookieAhead, nil, home, true, true},
		{"from too far in the future", now + cookieAhead + 1, nil, home, false, false},
		{"another address", now - 10, nil, other, false, false},
		{"another client part", now - 10, func(c []byte) []byte { c[0]++; return c }, home, false, false},
		{"another hash", now - 10, func(c []byte) []byte { c[23] ^= 1; return c }, home, false, false},
		{"another version", now - 10, func(c []byte) []byte { c[8] = 2; return c }, home, false, false},
		{"reserved octets", now - 10, func(c []byte) []byte { c[9] = 1; return c }, home, false, false},
		{"longer", now - 10, func(c []byte) []byte { return append(c, 0) }, home, false, false},
		{"client part only", now - 10, func(c []byte) []byte { return c[:8] }, home, false, false},
	} {
		var made, out [24]byte
		key.make(&made, client, home, tc.made)
		sent := append([]byte{}, made[:]...)
		if tc.spoil != nil {
			sent = tc.spoil(sent)
		}
		proven := key.check(&out, sent, tc.addr, now)
		if proven != tc.proven || (out == made) != tc.same || string(out[:8]) != string(sent[:8]) {
			t.Errorf("%s: proven %t, the same cookie back %t", tc.name, proven, out == made)
		}
		if !tc.same && binary.BigEndian.Uint32(out[12:]) != now {
			t.Errorf("%s: the new cookie is of %d", tc.name, binary.BigEndian.Uint32(out[12:]))
		}
	}
}

// RFC 7873 §5.2: a cookie gets one back, of ours, that proves the client the
// next time, so that the rate limit leaves it alone; §5.4: without a question
// too; §5.2.2: one of no length that there is is FORMERR.
func TestCookies(t *testing.T) {
	s, err := New(Config{Listen: loopback(), RateLimit: RateLimit{PerSecond: 2, Slip: 2}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(zoneOf(t, 7, labRecords)); err != nil {
		t.Fatal(err)
	}
	r := s.newResponder()
	out := make([]byte, maxUDPSize)
	client := netip.MustParseAddrPort("192.0.2.1:5353")
	ask := func(cookie string, questions int) *dns.Msg {
		m := question("west.voice.example.net.", "A")
		m.Question = m.Question[:questions]
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie})
		msg, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		reply := new(dns.Msg)
		answer := s.answerUDP(r, out, msg, client, 1000)
		if answer == nil {
			return nil
		}
		if err := reply.Unpack(answer); err != nil {
			t.Fatal(err)
		}
		return reply
	}
	cookieOf := func(m *dns.Msg) string {
		for _, o := range m.IsEdns0().Option {
			if c, ok := o.(*dns.EDNS0_COOKIE); ok {
				return c.Cookie
			}
		}
		return ""
	}
	const own = "0011223344556677"
	none := ask(own, 0)
	if none.Rcode != dns.RcodeSuccess || len(none.Question) != 0 || len(cookieOf(none)) != 48 {
		t.Errorf("no question: %v", none)
	}
	first := ask(own, 1)
	cookie := cookieOf(first)
	if len(first.Answer) != 1 || len(cookie) != 48 || cookie[:16] != own {
		t.Fatalf("got %v", first)
	}
	var silent, slipped int
	for range 6 { // one is left
		switch m := ask(own, 1); {
		case m == nil:
			silent++
		case m.Truncated:
			if slipped++; cookieOf(m) != cookie || len(m.Answer) > 0 {
				t.Errorf("slipped: %v", m)
			}
		}
	}
	if silent == 0 || slipped == 0 {
		t.Errorf("%d silent, %d truncated without a server cookie", silent, slipped)
	}
	for range 10 {
		if m := ask(cookie, 1); m == nil || len(m.Answer) != 1 {
			t.Fatalf("limited with a good cookie: %v", m)
		}
	}
	client = netip.MustParseAddrPort("198.51.100.1:5353")
	for n := range 41 {
		m := ask(strings.Repeat("5a", n), 1)
		good := n == 8 || n >= 16
		if m != nil && (m.Rcode == dns.RcodeFormatError) == good {
			t.Errorf("cookie of %d octets: %s", n, dns.RcodeToString[m.Rcode])
		}
		client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(n), 1}), 1) // each its own limit
	}
}
