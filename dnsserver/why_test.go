package dnsserver_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/dnsserver"
)

// TXT at _why.NAME tells the reason to those who may know it. For others, and
// for names without one, there is no such name.
func TestWhy(t *testing.T) {
	cfg := oneWorker()
	cfg.Why = func(name string) []string {
		if name != "west."+origin {
			return nil
		}
		return []string{"calgary is out: " + strings.Repeat("down ", 100), `since "noon"`}
	}
	cfg.WhyAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	s := start(t, cfg, testZone(7))
	for _, tc := range []struct {
		name    string
		qtype   uint16
		rcode   int
		answers int
	}{
		{"_why.west." + origin, dns.TypeTXT, dns.RcodeSuccess, 2},
		{"_WHY.West." + origin, dns.TypeTXT, dns.RcodeSuccess, 2},
		{"_why.west." + origin, dns.TypeANY, dns.RcodeSuccess, 2},
		{"_why.west." + origin, dns.TypeA, dns.RcodeSuccess, 0},
		{"_why.nobody." + origin, dns.TypeTXT, dns.RcodeNameError, 0},
		{"_why.example.org.", dns.TypeTXT, dns.RcodeRefused, 0},
	} {
		out := udpClient(t, s).ask(withEDNS(question(tc.name, tc.qtype), 1232))
		if out.Rcode != tc.rcode || len(out.Answer) != tc.answers || tc.rcode == dns.RcodeSuccess && !out.Authoritative {
			t.Errorf("%s: %v", tc.name, out)
		}
		for _, rr := range out.Answer {
			if txt := rr.(*dns.TXT); rr.Header().Ttl != 0 || !strings.HasPrefix(strings.Join(txt.Txt, ""), "calgary is out: down down") && txt.Txt[0] != `since \"noon\"` {
				t.Errorf("%v", rr)
			}
		}
	}
	cfg.WhyAllow = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	if out := udpClient(t, start(t, cfg, testZone(7))).ask(question("_why.west."+origin, dns.TypeTXT)); out.Rcode != dns.RcodeNameError {
		t.Errorf("a stranger got %v", out)
	}
}

// RFC 8914: an error says more than its code, to those who speak EDNS; no
// answer without an error does.
func TestExtendedErrors(t *testing.T) {
	s := start(t, dnsserver.Config{}, testZone(7))
	signed := func(name string, qtype uint16) *dns.Msg { return withEDNS(question(name, qtype), 1232) }
	status := signed(origin, dns.TypeSOA)
	status.Opcode = dns.OpcodeStatus
	for name, tc := range map[string]struct {
		s    *dnsserver.Server
		m    *dns.Msg
		want int // -1 is none
	}{
		"§4.15 not ready":         {start(t, dnsserver.Config{}), signed(origin, dns.TypeSOA), dns.RcodeServerFailure<<8 | int(dns.ExtendedErrorCodeNotReady)},
		"§4.19 prohibited":        {s, signed(origin, dns.TypeAXFR), dns.RcodeRefused<<8 | int(dns.ExtendedErrorCodeProhibited)},
		"§4.21 not authoritative": {s, signed("www.example.org.", dns.TypeA), dns.RcodeRefused<<8 | int(dns.ExtendedErrorCodeNotAuthoritative)},
		"§4.22 not supported":     {s, status, dns.RcodeNotImplemented<<8 | int(dns.ExtendedErrorCodeNotSupported)},
		"no error":                {s, signed(origin, dns.TypeSOA), -1},
		"NXDOMAIN":                {s, signed("nobody."+origin, dns.TypeA), -1},
		"no EDNS":                 {s, question("www.example.org.", dns.TypeA), -1},
	} {
		got := -1
		out := udpClient(t, tc.s).ask(tc.m)
		if opt := out.IsEdns0(); opt != nil {
			for _, o := range opt.Option {
				if e, ok := o.(*dns.EDNS0_EDE); ok {
					got = out.Rcode<<8 | int(e.InfoCode)
				}
			}
		}
		if got != tc.want {
			t.Errorf("%s: %x, want %x", name, got, tc.want)
		}
	}
}

// RFC 7828 §3.3: over TCP, and only there, who asks is told how long the
// connection may be idle.
func TestKeepalive(t *testing.T) {
	s := start(t, dnsserver.Config{}, testZone(7))
	m := withEDNS(question(origin, dns.TypeSOA), 1232)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE}}
	for network, c := range map[string]*client{"udp": udpClient(t, s), "tcp": tcpClient(t, s)} {
		var got uint16
		for _, o := range c.ask(m).IsEdns0().Option {
			if k, ok := o.(*dns.EDNS0_TCP_KEEPALIVE); ok {
				got = k.Timeout
			}
		}
		if want := map[string]uint16{"udp": 0, "tcp": 100}[network]; got != want {
			t.Errorf("%s: idle timeout %d00 ms, want %d00", network, got, want)
		}
	}
}
