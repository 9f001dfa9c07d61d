package steer_test

import (
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestFleetNeedsTheVersionOfWhatItSays: a field that an older agent would leave
// out of its State waits for every voter; a fleet without it does not.
func TestFleetNeedsTheVersionOfWhatItSays(t *testing.T) {
	for _, countries := range [][]string{nil, {"CA"}} {
		f := fleettest.ThreeSites()
		f.Policy.EmergencyCountries = countries
		want := 1 + len(countries)
		if n := (steer.Command{Kind: steer.KindSetFleet, Fleet: &f}).Needs(); n != want {
			t.Errorf("countries %q: version %d", countries, n)
		}
		if n := (steer.Command{Kind: steer.KindRollback, Past: &steer.Past{Fleet: &f}}).Needs(); n != want {
			t.Errorf("back to countries %q: version %d", countries, n)
		}
	}
	if n := (steer.Command{Kind: steer.KindSetFleet, Fleet: (*fleet.Fleet)(nil)}).Needs(); n != 1 {
		t.Errorf("no fleet: version %d", n)
	}
}
