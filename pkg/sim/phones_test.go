package sim_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/sim"
)

func addrPort(addr string, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(addr), port)
}

// TestDevicesBehaveAsSeen: each row is something that a real device was seen
// to do, or that its kind is known for. Automation is off, so that only the
// device acts; west prefers calgary, and the fault is there.
func TestDevicesBehaveAsSeen(t *testing.T) {
	const at = 2 * time.Minute
	tests := []struct {
		name      string
		kind      sim.Kind
		transport fleet.Transport
		fault     sim.FaultKind
		order     string // instead of a fault
		look      time.Duration
		served    int // of 100, at least; below zero: at most
	}{
		{"TCP refused: the next target at the next refresh", sim.KindSRV, fleet.TCP, sim.FaultDown, "", 61 * time.Second, 100},
		{"UDP port closed: 32 s of silence, then the next target", sim.KindSRV, fleet.UDP, sim.FaultDown, "", 95 * time.Second, 100},
		{"and not much sooner", sim.KindSRV, fleet.UDP, sim.FaultDown, "", 31 * time.Second, -1},
		{"TLS hangs: 32 s, then the next target", sim.KindSRV, fleet.TLS, sim.FaultTLSHang, "", 95 * time.Second, 100},
		{"a sick TLS does not make it fall back to UDP", sim.KindPinned, fleet.TLS, sim.FaultTLSHang, "", 5 * time.Minute, -1},
		{"500 keeps it where it is", sim.KindSRV, fleet.TCP, sim.FaultDisk, "", 5 * time.Minute, -1},
		{"silence does not move the sticky one", sim.KindSticky, fleet.UDP, sim.FaultHang, "", 110 * time.Second, -1},
		{"a connection that ends moves it at once", sim.KindSticky, fleet.TCP, sim.FaultDown, "", 3 * time.Second, 100},
		{"an outbound flow that breaks is seen by keep-alives", sim.KindOutbound, fleet.TCP, sim.FaultDown, "", 32 * time.Second, 100},
		{"an outbound flow that falls silent too", sim.KindOutbound, fleet.TCP, sim.FaultHang, "", 75 * time.Second, 100},
		{"silence moves who follows silence", sim.KindFollowsSilence, fleet.UDP, sim.FaultHang, "", 95 * time.Second, 100},
		{"and not who follows 503", sim.KindFollows503, fleet.UDP, sim.FaultHang, "", 5 * time.Minute, -1},
		{"503 moves who follows 503", sim.KindFollows503, fleet.UDP, "", "drain", 61 * time.Second, 100},
		{"503 moves it when Retry-After is over", sim.KindSticky, fleet.UDP, "", "drain", 72 * time.Second, 100},
		{"a list from boot still has the next target", sim.KindSRVOnce, fleet.UDP, "", "drain", 61 * time.Second, 100},
		{"the address alone changes with its TTL", sim.KindAOnly, fleet.UDP, "", "drain", 4 * time.Minute, 100},
		{"an address typed in never changes", sim.KindPinned, fleet.UDP, "", "drain", 10 * time.Minute, -1},
		{"a carrier's proxy goes on after 503", sim.KindTrunk, fleet.UDP, "", "drain", 61 * time.Second, 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := fleettest.ThreeSites()
			for i := range f.Services {
				f.Services[i].Automation = fleet.AutomationOff
			}
			sc := sim.Scenario{
				Format: sim.Format, Name: "x", Length: d(20 * time.Minute), Fleet: "x",
				Phones: []sim.Phones{{Name: "it", Kind: tt.kind, Service: "west", Transport: tt.transport, Count: 100}},
			}
			if tt.kind == sim.KindPinned {
				sc.Phones[0].Site = "calgary"
			}
			if tt.fault != "" {
				// A gate that closes by its own agent's reflex would help: the agent is dead.
				sc.Faults = []sim.Fault{{At: d(at), Fault: sim.FaultAgent, Site: "calgary"}, {At: d(at), Fault: tt.fault, Site: "calgary"}}
			} else {
				sc.Operators = []sim.Order{{At: d(at), Do: tt.order, Site: "calgary", Now: true}}
			}
			r := run(t, sim.Config{Scenario: sc, Fleet: f})
			got := int(r.Curve.Served[0][int((at+tt.look)/time.Second)])
			switch {
			case tt.served > 0 && got < tt.served:
				t.Errorf("%d of 100 served after %s, want %d", got, tt.look, tt.served)
			case tt.served < 0 && got > -tt.served:
				t.Errorf("%d of 100 served after %s, want none", got, tt.look)
			}
			if before := r.Curve.Served[0][int(at/time.Second)-1]; before != 100 {
				t.Errorf("%d of 100 served before anything happened", before)
			}
		})
	}
}

// TestOverloadCollapses: a site that gets twice of what it can do gets less
// done than one that gets just enough.
func TestOverloadCollapses(t *testing.T) {
	after := func(rate int) float64 {
		f := fleettest.ThreeSites()
		for i := range f.Sites {
			f.Sites[i].Capacity.RegisterRate = rate
		}
		r := run(t, sim.Config{Fleet: f, Scenario: sim.Scenario{
			Format: sim.Format, Name: "x", Length: d(12 * time.Minute), Fleet: "x",
			Phones: []sim.Phones{{Name: "it", Kind: sim.KindSRV, Service: "west", Transport: fleet.UDP, Count: 30_000}},
			Faults: []sim.Fault{{At: d(2 * time.Minute), Fault: sim.FaultDown, Site: "calgary"}},
		}})
		return r.Groups[0].Unserved
	}
	if wide, tight := after(5000), after(300); tight < 2*wide {
		t.Errorf("unserved %.0f phone-minutes with capacity for a storm, %.0f without: no difference", wide, tight)
	}
}

// TestAMinorityDecidesNothing: while two of three agents are dead nothing is
// moved, and what was decided is still answered.
func TestAMinorityDecidesNothing(t *testing.T) {
	cfg := outage()
	cfg.Scenario.Operators = nil
	cfg.Scenario.Faults = []sim.Fault{
		{At: d(time.Minute), Fault: sim.FaultAgent, Site: "ottawa"},
		{At: d(time.Minute), Fault: sim.FaultAgent, Site: "vancouver"},
		{At: d(5 * time.Minute), Fault: sim.FaultDown, Site: "calgary"},
	}
	if r := run(t, cfg); r.Moves != 0 {
		t.Errorf("%d moves without a quorum", r.Moves)
	}
	cfg.Scenario.Faults[1].For = d(10 * time.Minute)
	r := run(t, cfg)
	if r.Moves == 0 {
		t.Error("no move after the quorum was back")
	}
}
