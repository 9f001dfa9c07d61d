package fleet_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// TestBucketsNeverChange holds the hash: it is part of what agents agree on,
// and of what people have written down about their customers. The values were
// made by another program, from the words of the documentation.
func TestBucketsNeverChange(t *testing.T) {
	for domain, want := range map[fleet.TenantID]int{
		"": 42, "acme.voice.example.net": 90, "globex.voice.example.net": 16, "a.example": 5, "b.example": 1,
		"t000001.v.example.net": 33, "t999999.v.example.net": 96, "xn--bcher-kva.example": 39,
	} {
		if got := fleet.BucketOf(domain); got != want {
			t.Errorf("%q is in bucket %d, was in %d", domain, got, want)
		}
	}
}

func TestBucketsAreEven(t *testing.T) {
	var count [fleet.Cohorts]int
	for i := range 100_000 {
		count[fleet.BucketOf(fleet.TenantID(fmt.Sprintf("t%06d.v.example.net", i)))]++
	}
	for b, n := range count {
		if n < 850 || n > 1150 {
			t.Errorf("bucket %d has %d of 100000 tenants", b, n)
		}
	}
}

func TestParseCohort(t *testing.T) {
	for text, want := range map[string]string{
		"5%": "0-4", "5 %": "0-4", "1%": "0", "100%": "0-99", "7": "7", "0-4,17": "0-4,17", "17, 3,4": "3-4,17", "own": "own", "98-99,own": "98-99,own",
	} {
		c, err := fleet.ParseCohort(text)
		if err != nil || c.String() != want {
			t.Errorf("%q: %s, %v; want %s", text, c, err, want)
		}
	}
	for _, text := range []string{"", "%", "0%", "101%", "-1", "100", "4-2", "a", "1-", "1-100", "1;2"} {
		if c, err := fleet.ParseCohort(text); err == nil {
			t.Errorf("%q is taken as %s", text, c)
		}
	}
}

func anyCohort(t *rapid.T, name string) fleet.Cohort {
	return fleet.CohortOf(rapid.SliceOfN(rapid.IntRange(0, fleet.OwnName), 0, 30).Draw(t, name)...)
}

func TestCohortsAreSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyCohort(t, "a"), anyCohort(t, "b")
		if rapid.Bool().Draw(t, "inverse") {
			a = fleet.Everyone().Without(a)
		}
		for i := 0; i <= fleet.OwnName; i++ {
			if a.And(b).Has(i) != (a.Has(i) && b.Has(i)) || a.Or(b).Has(i) != (a.Has(i) || b.Has(i)) || a.Without(b).Has(i) != (a.Has(i) && !b.Has(i)) {
				t.Fatalf("bucket %d of %s and %s", i, a, b)
			}
		}
		if !a.IsZero() {
			back, err := fleet.ParseCohort(a.String())
			if err != nil || back != a {
				t.Fatalf("%s came back as %s: %v", a, back, err)
			}
			if !a.Has(a.Least()) {
				t.Fatalf("the least of %s is %d", a, a.Least())
			}
		}
		data, err := json.Marshal(a)
		var back fleet.Cohort
		if err != nil || json.Unmarshal(data, &back) != nil || back != a {
			t.Fatalf("%s came back from %s as %s", a, data, back)
		}
		small, large := rapid.IntRange(0, 100).Draw(t, "small"), rapid.IntRange(0, 100).Draw(t, "large")
		if small <= large && !a.First(small).Without(a.First(large)).IsZero() {
			t.Fatalf("the first %d %% of %s are not among the first %d %%", small, a, large)
		}
		if a.First(100) != a.And(fleet.AllTenants()) {
			t.Fatalf("all of %s are %s", a, a.First(100))
		}
	})
}
