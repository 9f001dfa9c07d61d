package gate_test

import (
	"net/netip"
	"os/exec"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
)

// TestAddressComesLater: the gate waits on an address that the machine has not,
// as of a VRRP pair, and answers the first packet after it has come, again and
// again. It runs in a network namespace, so it needs root.
func TestAddressComesLater(t *testing.T) {
	if !loopbacktest.InNamespace(t, "ip") {
		return
	}
	ip := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v: %s", args, err, out)
		}
	}
	ip("link", "set", "lo", "up")
	at := netip.MustParseAddrPort("192.0.2.1:5060")
	w := newWorld(t, func(c *gate.Config) {
		c.FreeBind, c.UDPSockets = true, 2
		c.Listen = []gate.Listener{{Transport: fleet.UDP, Address: at}, {Transport: fleet.TCP, Address: at}}
	})
	w.set(allDraining)
	for range 2 {
		ip("addr", "add", "192.0.2.1/32", "dev", "lo")
		for _, tr := range []fleet.Transport{fleet.UDP, fleet.TCP} {
			p := w.phone(tr)
			p.send(request("REGISTER", with{}))
			if got := p.recv(); status(got) != "503" {
				t.Errorf("%s: %s", tr, got)
			}
		}
		ip("addr", "del", "192.0.2.1/32", "dev", "lo")
	}
	if _, err := gate.New(gate.Config{Site: "calgary", Listen: w.cfg.Listen}); err != nil {
		t.Fatal(err)
	}
	g, _ := gate.New(gate.Config{Site: "calgary", Listen: []gate.Listener{{Transport: fleet.UDP, Address: netip.MustParseAddrPort("192.0.2.9:5060")}}})
	if err := g.Start(); err == nil {
		t.Error("without FreeBind the gate starts on an address that is not here")
	}
	if err := g.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
