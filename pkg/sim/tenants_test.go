package sim

import (
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
)

// playTo plays a scenario up to a moment.
func playTo(t *testing.T, w *World, end time.Duration) {
	t.Helper()
	for w.broken == nil {
		e, ok := w.q.take(end)
		if !ok {
			break
		}
		w.now = e.at
		w.handle(e)
	}
	if w.broken != nil {
		t.Fatal(w.broken)
	}
	w.now = end
}

// The phones of a tenant move together: those of the cohort that is drained
// leave, every one, and nobody else's; they come back by tenants, too.
func TestTenantsMoveTogether(t *testing.T) {
	const tenants = 60
	minutes := func(m int) fleet.Duration { return fleet.Duration(time.Duration(m) * time.Minute) }
	w, err := newWorld(Config{Fleet: fleettest.ThreeSites(), Watch: CheckStep, Scenario: Scenario{
		Format: Format, Name: "cohorts", Length: minutes(60), Fleet: "fleet.yaml",
		Phones: []Phones{{Name: "desk", Kind: KindSRV, Service: "west", Transport: fleet.UDP, Count: 10 * tenants, Tenants: tenants}},
		Operators: []Order{
			{At: minutes(5), Do: "drain", Site: "calgary", Cohort: "25%", For: minutes(50)},
			{At: minutes(20), Do: "undrain", Site: "calgary", Pace: fleet.PaceCohorts},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	calgary := int8(w.siteIndex("calgary"))
	// at counts the tenants all of whose phones are at calgary, and fails for
	// one that is split.
	at := func(when time.Duration) (home int, buckets fleet.Cohort) {
		playTo(t, w, when)
		for n := range tenants {
			here := 0
			for i := n; i < len(w.phones); i += tenants {
				if w.phones[i].site == calgary {
					here++
				}
			}
			switch here {
			case 10:
				home++
			case 0:
				buckets = buckets.Or(fleet.CohortOf(fleet.BucketOf(w.tenant(0, n))))
			default:
				t.Errorf("after %s %d of 10 phones of tenant %d are at calgary", when, here, n)
			}
		}
		return home, buckets
	}
	if home, _ := at(4 * time.Minute); home != tenants {
		t.Fatalf("%d tenants are at home at first", home)
	}
	home, away := at(15 * time.Minute)
	if quarter := fleet.AllTenants().First(25); away.IsZero() || !away.Without(quarter).IsZero() || home+away.Len() > tenants || home == tenants {
		t.Errorf("%d tenants are at home; away are buckets %s", home, away)
	}
	if home, _ := at(40 * time.Minute); home != tenants {
		t.Errorf("%d tenants are at home at last", home)
	}
}

// The gate refuses those of a cohort that has left, and nobody else: phones that
// never ask the name servers again leave by that alone, with their tenants.
func TestGateMovesACohort(t *testing.T) {
	const tenants = 60
	minutes := func(m int) fleet.Duration { return fleet.Duration(time.Duration(m) * time.Minute) }
	w, err := newWorld(Config{Fleet: fleettest.ThreeSites(), Watch: CheckStep, Scenario: Scenario{
		Format: Format, Name: "cohorts", Length: minutes(60), Fleet: "fleet.yaml",
		Phones: []Phones{
			{Name: "keeps", Kind: KindSRVOnce, Service: "west", Transport: fleet.UDP, Count: 10 * tenants, Tenants: tenants},
			{Name: "other", Kind: KindSRV, Service: "west", Transport: fleet.UDP, Count: 100},
		},
		Operators: []Order{{At: minutes(5), Do: "drain", Site: "calgary", Cohort: "25%", Now: true, For: minutes(50)}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	calgary := int8(w.siteIndex("calgary"))
	playTo(t, w, 15*time.Minute)
	for i := range w.phones {
		p := &w.phones[i]
		bucket := w.names.keys[p.key].bucket
		if left := p.site != calgary; left != (bucket < 25) {
			t.Fatalf("a phone of bucket %d has left: %t", bucket, left)
		}
	}
	if w.meter.failures[refused] == 0 {
		t.Error("nobody was refused")
	}
}
