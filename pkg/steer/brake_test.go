package steer_test

import (
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// believed is the three-site fleet of which the checks over UDP say this.
func believed(t *testing.T, change func(*fleet.Fleet), status map[fleet.SiteID]health.Status, at map[fleet.SiteID]time.Duration) steer.State {
	t.Helper()
	f := fleettest.ThreeSites()
	if change != nil {
		change(&f)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s, _, err := steer.Apply(steer.New(), steer.Command{Version: 1, Kind: steer.KindSetFleet, At: now, By: "t", Fleet: &f})
	if err != nil {
		t.Fatal(err)
	}
	var vs []health.Verdict
	for _, site := range f.SiteIDs() {
		c := health.Check{Target: health.Target{Site: site, Switch: fleet.SwitchID(site) + "-1", Transport: fleet.UDP}, Kind: health.Options}
		vs = append(vs, health.Verdict{Check: c, Status: status[site], Since: now.Add(at[site]), Cause: health.CauseTimeout})
	}
	s, _, err = steer.Apply(s, steer.Command{Version: 1, Kind: steer.KindVerdicts, At: now.Add(time.Hour), By: steer.AutomationOwner, Verdicts: vs})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReflexNeedsABetterPlace(t *testing.T) {
	up, down, unknown := health.Up, health.Down, health.Unknown
	lonely := func(f *fleet.Fleet) { // east is nowhere but at calgary
		f.Services[1].Sites = []fleet.SiteID{"calgary"}
	}
	for _, tt := range []struct {
		name   string
		change func(*fleet.Fleet)
		status map[fleet.SiteID]health.Status
		at     map[fleet.SiteID]time.Duration
		want   bool
	}{
		{"two others are up", nil, map[fleet.SiteID]health.Status{"calgary": down, "ottawa": up, "vancouver": up}, nil, true},
		{"one other is up, and failed at another time", nil, map[fleet.SiteID]health.Status{"calgary": down, "ottawa": down, "vancouver": up}, map[fleet.SiteID]time.Duration{"ottawa": 30 * time.Minute}, true},
		{"of the others nothing is known", nil, map[fleet.SiteID]health.Status{"calgary": down, "ottawa": unknown, "vancouver": unknown}, nil, false},
		{"all are down", nil, map[fleet.SiteID]health.Status{"calgary": down, "ottawa": down, "vancouver": down}, map[fleet.SiteID]time.Duration{"ottawa": 20 * time.Minute, "vancouver": 40 * time.Minute}, false},
		{"the same failure at the same time elsewhere", nil, map[fleet.SiteID]health.Status{"calgary": down, "ottawa": down, "vancouver": up}, nil, false},
		{"a service that has no other site", lonely, map[fleet.SiteID]health.Status{"calgary": down, "ottawa": up, "vancouver": up}, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := believed(t, tt.change, tt.status, tt.at)
			if got := steer.ReflexAllowed(s, "calgary", fleet.UDP); got != tt.want {
				t.Errorf("allowed %v, want %v; brakes %+v", got, tt.want, s.Brakes)
			}
		})
	}
	if steer.ReflexAllowed(steer.New(), "calgary", fleet.UDP) {
		t.Error("a gate that knows no fleet refuses by itself")
	}
}

func TestAckLiftsABrakeWhoseCauseIsOneSiteOnly(t *testing.T) {
	s := believed(t, nil, map[fleet.SiteID]health.Status{"calgary": health.Down, "ottawa": health.Down, "vancouver": health.Up}, nil)
	ack := func() {
		t.Helper()
		var err error
		s, _, err = steer.Apply(s, steer.Command{Version: 1, Kind: steer.KindAck, At: s.Now, By: "alice", Reason: "seen"})
		if err != nil {
			t.Fatal(err)
		}
	}
	if ack(); len(s.Brakes) != 1 {
		t.Fatalf("%d brakes after an acknowledgement while two sites fail together, want 1", len(s.Brakes))
	}
	v := s.Verdicts[1]
	v.Status = health.Up
	s, _, _ = steer.Apply(s, steer.Command{Version: 1, Kind: steer.KindVerdicts, At: s.Now, By: steer.AutomationOwner, Verdicts: []health.Verdict{v}})
	if len(s.Brakes) != 1 {
		t.Fatalf("the brake was lifted while calgary still fails")
	}
	if ack(); len(s.Brakes) != 0 {
		t.Errorf("the brake holds after it was acknowledged")
	}
}
