package cli_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/sim"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// steady is the State of a fleet of which every check is up.
func steady(t *testing.T, f fleet.Fleet) steer.State {
	t.Helper()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	up := steer.Command{Version: 1, Kind: steer.KindVerdicts, At: noon, By: "t"}
	for _, site := range f.Sites {
		for _, l := range site.Softswitches[0].Listeners {
			c := health.Check{Target: health.Target{Site: site.Name, Switch: site.Softswitches[0].Name, Transport: l.Transport}, Kind: health.Options}
			up.Verdicts = append(up.Verdicts, health.Verdict{Check: c, Status: health.Up, Since: noon})
		}
	}
	slices.SortFunc(up.Verdicts, func(a, b health.Verdict) int { return a.Check.Compare(b.Check) })
	s, _, err := steer.ApplyAll(steer.New(), []steer.Command{{Version: 1, Kind: steer.KindSetFleet, At: noon, By: "t", Fleet: &f}, up})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTimeTo95IsWhatPhonesDo compares what a plan says with what the simulator's
// phones do.
func TestTimeTo95IsWhatPhonesDo(t *testing.T) {
	for _, now := range []bool{true, false} {
		f := fleettest.ThreeSites()
		f.Services = f.Services[:1]
		f.Services[0].Transports = []fleet.Transport{fleet.UDP}
		f.Services[0].Load = fleet.Load{Registrations: 3000}
		s := steady(t, f)
		drain := steer.Command{Version: 1, Kind: steer.KindDrain, Site: "calgary", Now: now, By: "a", Reason: "b", For: fleet.Duration(time.Hour)}
		p, err := plan.Make(s, drain, s.Now)
		if err != nil || p.Moved == nil {
			t.Fatalf("plan: %v, refusal %+v", err, p.Refusal)
		}
		const at = 3 * time.Minute
		r, err := sim.Run(sim.Config{Fleet: f, Scenario: sim.Scenario{
			Format: sim.Format, Name: "x", Fleet: "x", Length: fleet.Duration(12 * time.Minute),
			Resolvers: []sim.Resolvers{{Name: "r", Count: 500}},
			Phones:    []sim.Phones{{Name: "p", Kind: sim.KindSRV, Service: "west", Transport: fleet.UDP, Count: 3000}},
			Operators: []sim.Order{{At: fleet.Duration(at), Do: "drain", Site: "calgary", Now: now}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		moved := time.Duration(-1)
		for second := int(at / time.Second); second < len(r.Curve.At[2]); second++ {
			if r.Curve.At[2][second] >= 2850 {
				moved = time.Duration(second)*time.Second - at
				break
			}
		}
		if said := p.Moved.To95.D(); moved < said*7/10 || moved > said*13/10 {
			t.Errorf("now=%v: the plan says %s, the phones took %s", now, said, moved)
		}
	}
}
