package dnsserver_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/dnsserver"
)

// RFC 6891 §6.1.1, §6.1.3: an OPT for an OPT, and none else; version 0, our
// size, DO as it came (RFC 3225 §3), no other flag and no option that was not
// asked for.
func TestEDNS(t *testing.T) {
	c := udpClient(t, start(t, dnsserver.Config{NSID: "calgary"}, testZone(7)))
	if out := c.ask(question(origin, dns.TypeSOA)); out.IsEdns0() != nil {
		t.Error("OPT without having been asked")
	}
	for _, do := range []bool{false, true} {
		m := question(origin, dns.TypeSOA)
		m.SetEdns0(4096, do)
		opt := c.ask(m).IsEdns0()
		if opt == nil || opt.Version() != 0 || opt.Do() != do || opt.UDPSize() != 1232 || len(opt.Option) != 0 {
			t.Errorf("DO %t: %v", do, opt)
		}
	}
}

// RFC 6891 §6.1.3: a version that is not known is BADVERS, and nothing else is
// looked at.
func TestBadVersion(t *testing.T) {
	c := udpClient(t, start(t, dnsserver.Config{}, testZone(7)))
	for _, name := range []string{origin, "www.example.org."} {
		m := withEDNS(question(name, dns.TypeSOA), 1232)
		m.IsEdns0().SetVersion(1)
		out := c.ask(m)
		if out.Rcode != dns.RcodeBadVers || out.IsEdns0() == nil || out.IsEdns0().Version() != 0 || len(out.Answer) != 0 || out.Authoritative {
			t.Errorf("%s: %v", name, out)
		}
	}
}

// RFC 5001 §2.1: NSID when asked for, also with a refusal.
func TestNSID(t *testing.T) {
	named, nameless := dnsserver.Config{NSID: "calgary"}, dnsserver.Config{}
	for _, tc := range []struct {
		cfg  dnsserver.Config
		name string
		want string
	}{{named, origin, "calgary"}, {named, "nobody." + origin, "calgary"}, {named, "www.example.org.", "calgary"}, {nameless, origin, ""}} {
		m := withEDNS(question(tc.name, dns.TypeSOA), 1232)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}}
		var got string
		for _, o := range udpClient(t, start(t, tc.cfg, testZone(7))).ask(m).IsEdns0().Option {
			if o, ok := o.(*dns.EDNS0_NSID); ok {
				text, err := hex.DecodeString(o.Nsid)
				if err != nil {
					t.Fatal(err)
				}
				got = string(text)
			}
		}
		if got != tc.want {
			t.Errorf("%s with NSID %q: got %q", tc.name, tc.cfg.NSID, got)
		}
	}
}

// RFC 6891 §6.1.2, RFC 7871 §7.2.1: options that are not known, ECS among them,
// are passed over and never echoed.
func TestUnknownOptions(t *testing.T) {
	c := udpClient(t, start(t, dnsserver.Config{}, testZone(7)))
	m := withEDNS(question(origin, dns.TypeSOA), 1232)
	m.IsEdns0().Option = []dns.EDNS0{
		&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: []byte{192, 0, 2, 0}},
		&dns.EDNS0_LOCAL{Code: 65001, Data: []byte("x")},
	}
	out := c.ask(m)
	if out.Rcode != dns.RcodeSuccess || len(out.IsEdns0().Option) != 0 {
		t.Errorf("got %v", out)
	}
}

// udpLimit is what an answer over UDP may take (RFC 6891 §6.2.5): 512 without
// EDNS or with less, what the asker says, and never over 1232.
func udpLimit(m *dns.Msg) int {
	opt := m.IsEdns0()
	if opt == nil {
		return 512
	}
	return max(512, min(int(opt.UDPSize()), 1232))
}

// RFC 2181 §9: TC only when a required RRset does not fit; additional records
// are left out whole and from the end, without TC. What is cut over UDP is
// whole over TCP.
func TestTruncation(t *testing.T) {
	s := start(t, dnsserver.Config{}, testZone(7))
	over, whole := udpClient(t, s), tcpClient(t, s)
	var truncated, trimmed, complete int
	for _, name := range []string{"_sip._udp.west." + origin, "crowd." + origin, "throng." + origin, "note." + origin} {
		for size := 0; size <= 1600; size += 7 {
			m := question(name, dns.TypeSRV)
			if size > 0 {
				withEDNS(m, uint16(size))
			}
			sent := packed(t, m)
			full := bytes.Clone(whole.raw(sent))
			raw := over.raw(sent)
			limit := udpLimit(m)
			if len(raw) > limit {
				t.Fatalf("%s with size %d: %d octets, limit %d", name, size, len(raw), limit)
			}
			got, want := unpacked(t, raw), unpacked(t, full)
			if err := shortened(got, want); err != nil {
				t.Fatalf("%s with size %d: %v", name, size, err)
			}
			switch {
			case got.Truncated:
				truncated++
			case len(got.Extra) < len(want.Extra):
				trimmed++
				if slack := limit - len(raw); slack >= 60 {
					t.Errorf("%s with size %d: additional records left out although %d octets were free", name, size, slack)
				}
			default:
				complete++
			}
		}
	}
	if truncated == 0 || trimmed == 0 || complete == 0 {
		t.Errorf("not all kinds occurred: %d truncated, %d trimmed, %d complete", truncated, trimmed, complete)
	}
}

// shortened reports whether got is a lawful shorter form of want.
func shortened(got, want *dns.Msg) error {
	if want.Truncated {
		return fmt.Errorf("truncated over TCP")
	}
	if got.Truncated {
		if len(got.Answer)+len(got.Ns) != 0 || len(got.Extra) > 1 {
			return fmt.Errorf("a truncated answer carries records: %v", got)
		}
		return nil
	}
	g, w := records(got), records(want)
	if g[0] != w[0] || g[1] != w[1] {
		return fmt.Errorf("answer or authority differ without TC:\n%s\nwant\n%s", g[0]+g[1], w[0]+w[1])
	}
	if len(g[2]) > len(w[2]) || w[2][:len(g[2])] != g[2] {
		return fmt.Errorf("additional records are not the first ones:\n%s\nof\n%s", g[2], w[2])
	}
	return nil
}

// records prints answer, authority and additional section, the last without
// OPT, in lower case: a name that ends in a pointer into the question takes the
// asker's spelling, which is the same name (RFC 4343 §3).
func records(m *dns.Msg) [3]string {
	var out [3]string
	for i, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, rr := range section {
			if rr.Header().Rrtype != dns.TypeOPT {
				out[i] += strings.ToLower(rr.String()) + "\n"
			}
		}
	}
	return out
}

// A truncated answer to a question with EDNS has its OPT (RFC 6891 §7).
func TestTruncatedAnswerKeepsOPT(t *testing.T) {
	c := udpClient(t, start(t, dnsserver.Config{}, testZone(7)))
	out := c.ask(withEDNS(question("throng."+origin, dns.TypeSRV), 1232))
	if !out.Truncated || out.IsEdns0() == nil || !out.Authoritative {
		t.Errorf("got %v", out)
	}
}

// What a forged question can make of itself: names of the zone under six times
// the question (three targets with addresses, or three NAPTR records, neither
// of which may be compressed), denials under four times, refusals no longer
// than the question. The rate limit bounds the rest.
func TestAmplification(t *testing.T) {
	c := udpClient(t, start(t, dnsserver.Config{}, testZone(7)))
	for _, tc := range append(answerCases(), negativeCases()...) {
		sent := packed(t, question(tc.name, tc.qtype))
		bound := 6.0
		switch {
		case tc.referral:
			bound = 1
		case len(tc.answer) == 0:
			bound = 4
		}
		ratio := float64(len(c.raw(sent))) / float64(len(sent))
		t.Logf("%4.1f %s", ratio, tc.rfc)
		if ratio > bound {
			t.Errorf("%s: %.1f times the question", tc.rfc, ratio)
		}
	}
}
