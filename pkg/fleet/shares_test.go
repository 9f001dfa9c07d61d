package fleet_test

import (
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
)

func TestSharesAreOfTheFirstSites(t *testing.T) {
	for _, tt := range []struct {
		name   string
		shares []fleet.Share
		want   string // part of the problem; "" for none
	}{
		{"the first two", []fleet.Share{{Site: "calgary", Weight: 75}, {Site: "vancouver", Weight: 25}}, ""},
		{"in another order", []fleet.Share{{Site: "vancouver", Weight: 25}, {Site: "calgary", Weight: 75}}, ""},
		{"the first and the third", []fleet.Share{{Site: "calgary", Weight: 75}, {Site: "ottawa", Weight: 25}}, "comes after one without a share"},
		{"twice the same", []fleet.Share{{Site: "calgary", Weight: 75}, {Site: "calgary", Weight: 25}}, "has two shares"},
		{"a site of nowhere", []fleet.Share{{Site: "calgary", Weight: 75}, {Site: "halifax", Weight: 25}}, `"halifax" is not in the preference`},
		{"no weight", []fleet.Share{{Site: "calgary", Weight: 75}, {Site: "vancouver"}}, "the weight is 0"},
		{"alone", []fleet.Share{{Site: "calgary", Weight: 75}}, "shares with nobody"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := fleettest.ThreeSites()
			f.Services[0].Shares = tt.shares
			problems := fleet.Validate(f)
			switch {
			case tt.want == "" && len(problems) > 0:
				t.Errorf("problems %+v", problems)
			case tt.want != "" && (len(problems) != 1 || !strings.Contains(problems[0].Message, tt.want)):
				t.Errorf("problems %+v, want one that says %q", problems, tt.want)
			}
		})
	}
}
