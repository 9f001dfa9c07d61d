package divert

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
)

const calm4 = "192.0.2.100" // a phone outside the network that is kept out

// TestNftablesKeepsOut: what sources in quarantine begin gets no answer though the
// site is open, their calls and their calls for help go on, others do not notice,
// and nothing stays in the kernel when it is over.
func TestNftablesKeepsOut(t *testing.T) {
	if !loopbacktest.InNamespace(t, "ip") {
		return
	}
	n := nftDriver(t, nftConfig())
	at := newElsewhere(t, []string{"192.0.2.2/24", "2001:db8::2/64"}, []string{phone4 + "/24", calm4 + "/24", other4 + "/24", phone6 + "/64"})
	p := &phones{t: t, at: at}
	behind(t, public4)
	behind(t, public6)
	g := startGate(t)
	apply := func(until time.Time, networks ...string) {
		t.Helper()
		pol := nftPolicy(gate.Rule{})
		pol.Emergency, pol.Quarantine = []string{"bob"}, kept(until, networks...)
		g.SetPolicy(pol)
		if err := n.Apply(t.Context(), pol); err != nil {
			t.Fatal(err)
		}
	}
	dropped := func() (sum uint64) {
		for _, q := range g.Live().Quarantine {
			sum += q.Dropped
		}
		return sum
	}
	hour := time.Now().Add(time.Hour)
	standing := p.dial(fleet.TCP, phone4, public4, false)
	p.expect("open", standing, "REGISTER", "", fromSwitch)

	apply(hour, "192.0.2.0/27", "192.0.2.7/32", "2001:db8::7/128")
	mad := []struct {
		name string
		conn net.Conn
	}{
		{"udp4", p.dial(fleet.UDP, phone4, public4, false)},
		{"udp4 without checksum", p.dial(fleet.UDP, phone4, public4, true)},
		{"udp6", p.dial(fleet.UDP, phone6, public6, false)},
		{"tcp4", p.dial(fleet.TCP, phone4, public4, false)},
		{"tcp6", p.dial(fleet.TCP, phone6, public6, false)},
	}
	for _, m := range mad {
		name, conn, before := m.name, m.conn, dropped()
		if _, err := p.send(conn, "REGISTER", ""); err != nil { // the next answer is not to this
			t.Fatal(err)
		}
		p.expect(name+" in a call", conn, "BYE", ";tag=2", fromSwitch)
		p.expect(name+" calls for help", conn, "INVITE", "", fromSwitch)
		if !p.hopped {
			t.Errorf("%s: the gate did not see its call", name)
		}
		if got := dropped(); got != before+1 {
			t.Errorf("%s: the gate has dropped %d, want 1", name, got-before)
		}
	}
	p.expect("kept out, tcp4 that was up", standing, "REGISTER", "", fromSwitch)
	for _, from := range []string{calm4, other4} {
		for _, tr := range both {
			p.expect("another phone", p.dial(tr, from, public4, false), "REGISTER", "", fromSwitch)
			if p.hopped {
				t.Errorf("a %s request from %s went through the gate", tr, from)
			}
		}
	}
	if got := dropped(); got != uint64(len(mad)) {
		t.Errorf("%d dropped, also of others", got)
	}
	if have, err := n.read(); err != nil || !slices.Contains(have, "kept from 192.0.2.0") || !slices.Contains(have, "kept before 192.0.2.32") || slices.Contains(have, "kept from 192.0.2.7") {
		t.Errorf("the kernel has %q, %v", have, err)
	}

	apply(hour, "192.0.2.100/32") // others now
	p.expect("let in again", mad[0].conn, "REGISTER", "", fromSwitch)
	apply(time.Now().Add(-time.Second), "192.0.2.0/24") // over by its time, before a policy says so
	p.expect("over", p.dial(fleet.UDP, calm4, public4, false), "REGISTER", "", fromSwitch)
	if have, err := n.read(); err != nil || len(have) != 0 {
		t.Errorf("%q left, %v", have, err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if got := ourTables(t); len(got) != 0 {
		t.Errorf("tables %v after all", got)
	}
}

// TestNftablesKeepsManyOut: as many as a fleet can have, of both families, changed
// while they are in force.
func TestNftablesKeepsManyOut(t *testing.T) {
	if !loopbacktest.InNamespace(t, "ip") {
		return
	}
	n := nftDriver(t, nftConfig())
	for _, size := range []int{256, 200, 256, 1} {
		pol := nftPolicy(gate.Rule{})
		for i := range size {
			a := netip.AddrFrom4([4]byte{198, 51, byte(i), 1})
			if i%2 == 1 {
				a = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i)})
			}
			pol.Quarantine = append(pol.Quarantine, gate.Quarantined{Prefix: netip.PrefixFrom(a, a.BitLen()), Until: time.Now().Add(time.Hour)})
		}
		if err := n.Apply(t.Context(), pol); err != nil {
			t.Fatalf("%d: %v", size, err)
		}
		have, err := n.read()
		if got := len(slices.DeleteFunc(have, func(s string) bool { return !strings.HasPrefix(s, "kept ") })); err != nil || got != 2*size {
			t.Errorf("%d sources: %d boundaries, %v", size, got, err)
		}
	}
}
