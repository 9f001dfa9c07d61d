package sim_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/sim"
)

func d(v time.Duration) fleet.Duration { return fleet.Duration(v) }

// outage is a small scenario with most of what there is in it.
func outage() sim.Config {
	return sim.Config{Fleet: fleettest.ThreeSites(), Scenario: sim.Scenario{
		Format: sim.Format, Name: "outage", Title: `"<&>"`, Length: d(40 * time.Minute), Fleet: "fleet.yaml",
		Phones: []sim.Phones{
			{Name: "desk", Kind: sim.KindSRV, Service: "west", Transport: fleet.UDP, Count: 400, Calls: 100},
			{Name: "soft", Kind: sim.KindOutbound, Service: "west", Transport: fleet.TLS, Count: 200},
			{Name: "apps", Kind: sim.KindSticky, Service: "east", Transport: fleet.TCP, Count: 200},
			{Name: "doors", Kind: sim.KindAOnly, Service: "west", Transport: fleet.UDP, Count: 50},
		},
		Faults: []sim.Fault{
			{At: d(5 * time.Minute), For: d(5 * time.Minute), Fault: sim.FaultDown, Site: "calgary"},
			{At: d(20 * time.Minute), For: d(time.Minute), Fault: sim.FaultPartition, Site: "ottawa"},
		},
		Operators: []sim.Order{{At: d(15 * time.Minute), Do: "failback", Site: "calgary"}},
	}}
}

func run(t *testing.T, cfg sim.Config) *sim.Result {
	t.Helper()
	r, err := sim.Run(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSameSeedSameResult(t *testing.T) {
	text := func(cfg sim.Config) string {
		b, err := json.Marshal(run(t, cfg))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first := text(outage())
	if again := text(outage()); first != again {
		t.Error("the same seed gave two results")
	}
	other := outage()
	other.Scenario.Seed = 2
	if text(other) == first {
		t.Error("another seed gave the same result: nothing is random")
	}
}

// TestParkingChangesNothing: that phones are parked while nothing happens saves
// time, and is not felt. A fault at a site that nobody uses keeps all phones
// awake.
func TestParkingChangesNothing(t *testing.T) {
	parked, awake := outage(), outage()
	for i := range parked.Scenario.Phones {
		parked.Scenario.Phones[i].Count *= 10
	}
	awake.Scenario.Phones = parked.Scenario.Phones
	awake.Fleet.Sites = append(awake.Fleet.Sites, lonely(awake.Fleet.Sites[0]))
	for at := time.Duration(0); at < 40*time.Minute; at += 20 * time.Second {
		awake.Scenario.Faults = append(awake.Scenario.Faults, sim.Fault{At: d(at), For: d(10 * time.Second), Fault: sim.FaultCalls, Site: "nowhere"})
	}
	a, b := run(t, parked), run(t, awake)
	for i := range a.Groups {
		x, y := a.Groups[i], b.Groups[i]
		if math.Abs(x.Unserved-y.Unserved) > 0.1*(x.Unserved+1) || x.End != y.End {
			t.Errorf("%s: parked %.1f phone-minutes unserved, %v at the end; awake %.1f, %v", x.Name, x.Unserved, x.End, y.Unserved, y.End)
		}
	}
}

// lonely is a site that no service names.
func lonely(s fleet.Site) fleet.Site {
	s.Name, s.Host = "nowhere", ""
	s.Addresses = nil
	s.Addresses = append(s.Addresses, fleettest.ThreeSites().Sites[0].Addresses[0].Next().Next())
	sw := s.Softswitches[0]
	sw.Name = "nowhere-1"
	sw.Listeners = append([]fleet.Listener{}, sw.Listeners...)
	for i := range sw.Listeners {
		sw.Listeners[i].Address = addrPort("127.10.9.3", sw.Listeners[i].Address.Port())
	}
	s.Softswitches = []fleet.Softswitch{sw}
	return s
}

func TestWhatIsShownIsWellFormed(t *testing.T) {
	r := run(t, outage())
	var svg, text bytes.Buffer
	if err := r.WriteSVG(&svg); err != nil {
		t.Fatal(err)
	}
	dec := xml.NewDecoder(&svg)
	polygons := 0
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
		if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "polygon" {
			polygons++
		}
	}
	if polygons != 3 {
		t.Errorf("%d areas for three sites", polygons)
	}
	r.Write(&text)
	sim.Compare(&text, "a", r, "b", r)
	for _, want := range []string{"down", "calgary", "failback calgary", "desk", "not served", "100 % |"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, text.String())
		}
	}
}

// TestPolicyIsTheCoresOwn: the fleet's automation setting decides whether
// anything is moved at all.
func TestPolicyIsTheCoresOwn(t *testing.T) {
	manual := outage()
	for i := range manual.Fleet.Services {
		manual.Fleet.Services[i].Automation = fleet.AutomationOff
	}
	a, b := run(t, outage()), run(t, manual)
	if a.Moves == 0 || b.Moves != 0 {
		t.Errorf("act moved %d times, off %d times", a.Moves, b.Moves)
	}
	// A gate that refuses by its own agent's reflex moves phones that follow
	// SRV, but not those that know an address alone.
	if x, y := a.Groups[3].Unserved, b.Groups[3].Unserved; x >= y/2 {
		t.Errorf("with automation %.1f phone-minutes of the door phones unserved, without %.1f", x, y)
	}
}
