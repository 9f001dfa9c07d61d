package gate

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// TestChoiceStaysInItsFamily: a packet that came by IPv4 cannot go on by IPv6,
// whatever its Call-ID says.
func TestChoiceStaysInItsFamily(t *testing.T) {
	all := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("[2001:db8::1]:5060"), netip.MustParseAddrPort("192.0.2.2:5060"), netip.MustParseAddrPort("[2001:db8::2]:5060")}
	g, err := New(Config{Site: "calgary", Listen: []Listener{{fleet.UDP, netip.MustParseAddrPort("127.0.0.1:0")}}})
	if err != nil {
		t.Fatal(err)
	}
	w := g.newWorker(&counters{})
	seen := map[netip.AddrPort]bool{}
	for i := range 64 {
		for _, own := range []string{"192.0.2.9:5060", "[2001:db8::9]:5060"} {
			l := newLocal(fleet.UDP, netip.MustParseAddrPort(own))
			w.m.Parse(fmt.Appendf(nil, "INVITE sip:bob@west.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\nFrom: <sip:a@west.test>;tag=1\r\nTo: <sip:bob@west.test>\r\nCall-ID: %d\r\nCSeq: 1 INVITE\r\n\r\n", i))
			got := w.choose(l, all)
			if got.Addr().Is4() != l.addr.Addr().Is4() {
				t.Fatalf("from %s to %s", l.addr, got)
			}
			seen[got] = true
		}
	}
	if len(seen) != len(all) {
		t.Errorf("only %v were chosen", seen)
	}
}
