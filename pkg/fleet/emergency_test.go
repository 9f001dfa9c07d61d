package fleet_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
)

// TestEmergencyNumbers: the countries' numbers come to those of the policy, each
// once, and 911 and 112 stay unless the policy names others.
func TestEmergencyNumbers(t *testing.T) {
	for _, x := range []struct {
		numbers, countries []string
		want               string
	}{
		{nil, nil, "911 112"},
		{[]string{}, nil, ""},
		{nil, []string{"CA"}, "911 112"},
		{nil, []string{"DE", "CA"}, "911 112 110"},
		{[]string{}, []string{"GB", "FR"}, "112 114 15 17 18 999"},
		{[]string{"0911"}, []string{"US"}, "0911 911"},
	} {
		p := fleet.Policy{EmergencyNumbers: x.numbers, EmergencyCountries: x.countries}.WithDefaults()
		if got := strings.Join(p.Emergency(), " "); got != x.want {
			t.Errorf("%q in %q: %q, want %q", x.numbers, x.countries, got, x.want)
		}
		if len(p.EmergencyNumbers) > 2 {
			t.Errorf("the policy itself has grown: %q", p.EmergencyNumbers)
		}
	}
}

// TestEmergencyCountries: the table is in order, and a country that is not in it
// is refused with those that are.
func TestEmergencyCountries(t *testing.T) {
	all := fleet.EmergencyCountries()
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("%v", all)
	}
	f := fleettest.ThreeSites()
	f.Policy.EmergencyCountries = []string{"CA", "ca", "CA"}
	f = f.WithDefaults()
	problems := fleet.Validate(f)
	if len(problems) != 2 || problems[0].Path != "$.policy.emergency_countries[1]" || !strings.Contains(problems[0].Hint, "CA") || !strings.Contains(problems[1].Message, "twice") {
		t.Errorf("%+v", problems)
	}
}
