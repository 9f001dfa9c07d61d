package dnsserver_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/dnsserver"
)

// RFC 9567 §6.2: where to report failures goes with every answer to who has
// EDNS, within the size that it takes, and with no other.
func TestReportChannel(t *testing.T) {
	cfg := dnsserver.Config{ReportTo: "Reports.example.org", Version: "1"}
	c := udpClient(t, start(t, cfg, testZone(7)))
	for _, name := range []string{origin, "nobody." + origin, "www.example.com.", "crowd." + origin, "throng." + origin} {
		for _, size := range []uint16{512, 1232} {
			m := withEDNS(question(name, dns.TypeSRV), size)
			raw := c.raw(packed(t, m))
			if len(raw) > int(size) {
				t.Errorf("%s: %d octets to who takes %d", name, len(raw), size)
			}
			var said []string
			for _, o := range unpacked(t, raw).IsEdns0().Option {
				if r, ok := o.(*dns.EDNS0_REPORTING); ok {
					said = append(said, r.AgentDomain)
				}
			}
			if !slices.Equal(said, []string{"reports.example.org."}) {
				t.Errorf("%s: %q", name, said)
			}
		}
		if out := c.ask(question(name, dns.TypeSRV)); out.IsEdns0() != nil {
			t.Errorf("%s: OPT without having been asked", name)
		}
	}
	for _, bad := range []string{".", "a..b"} {
		cfg.ReportTo, cfg.Listen = bad, []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}
		if _, err := dnsserver.New(cfg); err == nil {
			t.Errorf("reports go to %q", bad)
		}
	}
}
