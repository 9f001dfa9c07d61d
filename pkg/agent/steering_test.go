package agent

import (
	"slices"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
)

// What steers is remembered for one fleet, and never told of another.
func TestSteeringChecksFollowTheFleet(t *testing.T) {
	three, two := fleettest.ThreeSites(), fleettest.ThreeSites()
	two.Sites = two.Sites[:2]
	var s steering
	for range 2 {
		for _, f := range []struct {
			want int
			of   *steeringChecks
		}{
			{len(checksOf(&three)), s.of(&three)},
			{len(checksOf(&two)), s.of(&two)},
		} {
			if len(f.of.list) != f.want || len(f.of.is) != f.want || f.want == 0 {
				t.Errorf("%d checks steer, %d listed: want %d", len(f.of.is), len(f.of.list), f.want)
			}
		}
	}
	if again := s.of(&two); again != s.of(&two) || !slices.Equal(again.list, checksOf(&two)) {
		t.Error("the same fleet was looked at twice, or wrongly")
	}
}
