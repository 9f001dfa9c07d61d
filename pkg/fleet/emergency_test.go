package fleet_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
)

// TestEmergencyNumbers: the countries' numbers come before those of the policy,
// each once, and 911 and 112 stay unless the policy names others.
func TestEmergencyNumbers(t *testing.T) {
	for _, x := range []struct {
		numbers, countries []string
		want               string
	}{
		{nil, nil, "911 112"},
		{[]string{}, nil, ""},
		{nil, []string{"CA"}, "911 112"},
		{nil, []string{"DE", "CA"}, "112 110 911"},
		{[]string{}, []string{"GB", "NZ"}, "112 999 111"},
		{[]string{"0911"}, []string{"US"}, "911 0911"},
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

// TestEmergencyPlans: every country's numbers are those of its source, as they
// were read there; a change here is a change of the list, with its source.
func TestEmergencyPlans(t *testing.T) {
	want := map[string]string{
		"AT": "112 122 128 133 140 141 142 144 147", "AU": "000 106 112", "BE": "112 100 101", "CA": "911",
		"CH": "112 117 118 143 144 145 147", "DE": "112 110", "FR": "112 114 115 116000 116117 119 15 17 18 191 196 197",
		"GB": "112 999", "IE": "112 999", "MX": "911", "NL": "112", "NZ": "111", "US": "911",
	}
	text, err := os.ReadFile("../../docs/gate.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range fleet.EmergencyCountries() {
		got := fleet.Policy{EmergencyCountries: []string{c}}.Emergency()
		if strings.Join(got, " ") != want[c] {
			t.Errorf("%s: %q, want %q", c, got, want[c])
		}
		row := "| " + c + " | " + strings.Join(got, ", ") + " | "
		_, rest, ok := strings.Cut(string(text), row)
		if source, _, _ := strings.Cut(rest, " |"); !ok || source != fleet.EmergencySource(c) {
			t.Errorf("docs/gate.md has not the row %s%s", row, fleet.EmergencySource(c))
		}
	}
	if len(want) != len(fleet.EmergencyCountries()) {
		t.Errorf("countries %q", fleet.EmergencyCountries())
	}
}
