package sim_test

import (
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/sim"
)

// million is a day of a million phones at three sites, with outages in it.
func million() sim.Config {
	at := func(d time.Duration) fleet.Duration { return fleet.Duration(d) }
	sc := sim.Scenario{
		Format: sim.Format, Name: "million", Length: at(24 * time.Hour), Fleet: "fleet.yaml",
		Phones: []sim.Phones{
			{Name: "desk", Kind: sim.KindSRV, Service: "west", Transport: fleet.UDP, Count: 400_000, Calls: 100},
			{Name: "soft", Kind: sim.KindOutbound, Service: "west", Transport: fleet.TLS, Count: 200_000},
			{Name: "east", Kind: sim.KindSticky, Service: "east", Transport: fleet.TCP, Count: 200_000},
			{Name: "old", Kind: sim.KindFollows503, Service: "east", Transport: fleet.UDP, Count: 150_000},
			{Name: "doors", Kind: sim.KindAOnly, Service: "east", Transport: fleet.UDP, Count: 50_000},
		},
		Faults: []sim.Fault{
			{At: at(6 * time.Hour), For: at(20 * time.Minute), Fault: sim.FaultTLSHang, Site: "calgary"},
			{At: at(12 * time.Hour), For: at(10 * time.Minute), Fault: sim.FaultDown, Site: "ottawa"},
		},
		Operators: []sim.Order{
			{At: at(7 * time.Hour), Do: "failback", Site: "calgary"},
			{At: at(13 * time.Hour), Do: "failback", Site: "ottawa"},
		},
	}
	return sim.Config{Scenario: sc, Fleet: fleettest.ThreeSites()}
}

// BenchmarkMillionPhonesADay is the size that the simulator is made for.
func BenchmarkMillionPhonesADay(b *testing.B) {
	for b.Loop() {
		r, err := sim.Run(million())
		if err != nil {
			b.Fatal(err)
		}
		if r.Phones != 1_000_000 || r.Moves != 2 {
			b.Fatalf("%d phones, %d moves", r.Phones, r.Moves)
		}
		for _, f := range r.Faults {
			b.Logf("%s at %s: out after %s, 95 %% after %s, 99 %% after %s", f.Fault, f.Site, f.Moved, f.To95, f.To99)
		}
	}
}
