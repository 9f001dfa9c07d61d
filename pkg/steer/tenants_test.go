package steer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// tenantRows are n tenants of a service, as rows of an import.
func tenantRows(n int, service string) []fleet.TenantChange {
	out := make([]fleet.TenantChange, n)
	for i := range out {
		out[i] = fleet.TenantChange{Domain: fleet.TenantID(fmt.Sprintf("t%07d.voice.example.net", i)), Service: fleet.ServiceID(service + ".voice.example.net")}
	}
	return out
}

// stage sends the parts of an import.
func (g *guarded) stage(upload string, changes []fleet.TenantChange) (parts int) {
	g.t.Helper()
	rows := steer.TenantRows(changes, 4096)
	for i, r := range rows {
		g.must(steer.Command{Kind: steer.KindTenantStage, Tenants: &steer.TenantChange{Upload: upload, Part: i, Rows: r}})
	}
	return len(rows)
}

func (g *guarded) importTenants(changes []fleet.TenantChange, more steer.TenantChange) error {
	g.t.Helper()
	more.Upload = "u" + fmt.Sprint(g.s.Revision)
	more.Part = g.stage(more.Upload, changes)
	return g.apply(steer.Command{Kind: steer.KindTenantCommit, Tenants: &more})
}

func (g *guarded) tenants() int {
	zone := steer.Records(g.s)
	if err := zone.Check(); err != nil {
		g.t.Fatal(err)
	}
	return zone.Tenants.Len()
}

func TestTenantsBecomeVisibleAtOnce(t *testing.T) {
	g := newGuarded(t, nil)
	epoch := g.s.Epoch
	n := g.stage("u", tenantRows(1000, "west"))
	if n < 5 || g.tenants() != 0 || g.s.Epoch != epoch {
		t.Fatalf("%d parts staged: %d tenants answered, epoch %d after %d", n, g.tenants(), g.s.Epoch, epoch)
	}
	g.must(steer.Command{Kind: steer.KindTenantCommit, Tenants: &steer.TenantChange{Upload: "u", Part: n}})
	if g.tenants() != 1000 || g.s.Epoch != epoch+1 || g.s.Staging != nil {
		t.Errorf("%d tenants at epoch %d", g.tenants(), g.s.Epoch)
	}
	// What was staged in a snapshot, and what is answered, comes back.
	text, err := json.Marshal(g.s)
	if err != nil {
		t.Fatal(err)
	}
	var back steer.State
	if err := json.Unmarshal(text, &back); err != nil || !back.Tenants.Names().Equal(g.s.Tenants.Names()) {
		t.Errorf("after a snapshot: %v, %d tenants", err, back.Tenants.Names().Len())
	}
}

func TestHalfAnImportIsNone(t *testing.T) {
	g := newGuarded(t, nil)
	n := g.stage("u", tenantRows(1000, "west"))
	var invalid *steer.Invalid
	for name, c := range map[string]steer.Command{
		"a part is missing":     {Kind: steer.KindTenantCommit, Tenants: &steer.TenantChange{Upload: "u", Part: n + 1}},
		"another import":        {Kind: steer.KindTenantCommit, Tenants: &steer.TenantChange{Upload: "v", Part: n}},
		"a part twice":          {Kind: steer.KindTenantStage, Tenants: &steer.TenantChange{Upload: "u", Part: n - 1, Rows: "zz.voice.example.net west.voice.example.net,"}},
		"a service of nowhere":  {Kind: steer.KindTenantStage, Tenants: &steer.TenantChange{Upload: "u", Part: n, Rows: "zz.voice.example.net north.voice.example.net,"}},
		"a name that is taken":  {Kind: steer.KindTenantStage, Tenants: &steer.TenantChange{Upload: "u", Part: n, Rows: "sip.calgary.voice.example.net west.voice.example.net,"}},
		"a row without an end":  {Kind: steer.KindTenantStage, Tenants: &steer.TenantChange{Upload: "u", Part: n, Rows: "zz.voice.example.net west.voice.example.net"}},
		"nothing but a command": {Kind: steer.KindTenantCommit},
	} {
		before := g.s
		if err := g.apply(c); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
		g.s = before
	}
	// A row out of order is found when all rows are there.
	g.must(steer.Command{Kind: steer.KindTenantStage, Tenants: &steer.TenantChange{Upload: "u", Part: n, Rows: "a.voice.example.net west.voice.example.net,"}})
	if err := g.apply(steer.Command{Kind: steer.KindTenantCommit, Tenants: &steer.TenantChange{Upload: "u", Part: n + 1}}); !errors.As(err, &invalid) || g.tenants() != 0 {
		t.Errorf("out of order: %v, %d tenants", err, g.tenants())
	}
	// A change of the fleet, under which the rows were checked, ends the import.
	g.must(steer.Command{Kind: steer.KindSetFleet, Fleet: &g.f})
	if g.s.Staging != nil {
		t.Error("the rows outlived the fleet that they were checked against")
	}
}

// TestGivingUpLeavesOthersAlone: who gives an import up does not take away what a
// colleague has staged meanwhile. Programs before version 3 did, and their logs lead
// to where they led.
func TestGivingUpLeavesOthersAlone(t *testing.T) {
	for version, stays := range map[int]bool{1: false, 3: true} {
		g := newGuarded(t, nil)
		n := g.stage("theirs", tenantRows(10, "west"))
		c := steer.Command{Version: version, Kind: steer.KindTenantStage, At: g.now, By: "bob", Reason: "no", Tenants: &steer.TenantChange{Upload: "mine"}}
		var err error
		if g.s, _, err = steer.Apply(g.s, c); err != nil {
			t.Fatal(err)
		}
		err = g.apply(steer.Command{Kind: steer.KindTenantCommit, Tenants: &steer.TenantChange{Upload: "theirs", Part: n}})
		if (err == nil) != stays {
			t.Errorf("version %d: the colleague's import: %v", version, err)
		}
	}
	if c := (steer.Command{Kind: steer.KindTenantStage, Tenants: &steer.TenantChange{Upload: "mine"}}); c.Needs() != 3 {
		t.Errorf("giving up needs version %d", c.Needs())
	}
}

func TestReachIsSaidByWhoWantsIt(t *testing.T) {
	g := newGuarded(t, nil)
	if err := g.importTenants(tenantRows(2000, "west"), steer.TenantChange{}); err != nil {
		t.Fatalf("new ones touch nobody: %v", err)
	}
	if err := g.importTenants(tenantRows(200, "east"), steer.TenantChange{}); err != nil {
		t.Fatalf("a tenth may be moved: %v", err)
	}
	var r *steer.Refusal
	for _, touches := range []int{0, 1799, 1801} {
		if err := g.importTenants(tenantRows(2000, "east"), steer.TenantChange{Touches: touches}); !errors.As(err, &r) || r.Rule != steer.RuleReach {
			t.Fatalf("--touches %d: %v", touches, err)
		}
	}
	if want := "repeat with --touches 1800, if that is what you want"; r.Next != want {
		t.Errorf("next %q, want %q", r.Next, want)
	}
	if err := g.importTenants(tenantRows(2000, "east"), steer.TenantChange{Touches: 1800}); err != nil {
		t.Fatal(err)
	}
	if err := g.importTenants(tenantRows(10, "east"), steer.TenantChange{Replace: true}); !errors.As(err, &r) || r.Value != "1990 of 2000 tenants (0 moved, 1990 removed)" {
		t.Errorf("a file that drops nearly all: %v", err)
	}
}

func TestTenantRollback(t *testing.T) {
	g := newGuarded(t, nil)
	var invalid *steer.Invalid
	if err := g.apply(steer.Command{Kind: steer.KindTenantRollback}); !errors.As(err, &invalid) {
		t.Errorf("nothing to roll back: %v", err)
	}
	if err := g.importTenants(tenantRows(150, "west"), steer.TenantChange{}); err != nil {
		t.Fatal(err)
	}
	if err := g.importTenants(tenantRows(150, "east"), steer.TenantChange{Touches: 150}); err != nil {
		t.Fatal(err)
	}
	service := func() fleet.ServiceID {
		s, _ := g.s.Tenants.Names().Service("t0000007.voice.example.net")
		return s
	}
	g.must(steer.Command{Kind: steer.KindTenantRollback})
	if service() != "west.voice.example.net" {
		t.Errorf("after the rollback: %s", service())
	}
	g.must(steer.Command{Kind: steer.KindTenantRollback})
	if service() != "east.voice.example.net" {
		t.Errorf("after a second one: %s", service())
	}
}

func TestAServiceWithTenantsStays(t *testing.T) {
	g := newGuarded(t, nil)
	if err := g.importTenants(tenantRows(3, "east"), steer.TenantChange{}); err != nil {
		t.Fatal(err)
	}
	less := g.f
	less.Services = less.Services[:1]
	var invalid *steer.Invalid
	if err := g.apply(steer.Command{Kind: steer.KindSetFleet, Fleet: &less}); !errors.As(err, &invalid) {
		t.Errorf("a service with tenants was taken away: %v", err)
	}
	if err := g.apply(steer.Command{Kind: steer.KindRollback, Past: &steer.Past{Epoch: 1, Fleet: &less}}); !errors.As(err, &invalid) {
		t.Errorf("a service with tenants was rolled away: %v", err)
	}
	clash := g.f
	clash.Sites = append([]fleet.Site{}, clash.Sites...)
	clash.Sites[0].Host = "t0000001"
	if err := g.apply(steer.Command{Kind: steer.KindSetFleet, Fleet: &clash}); !errors.As(err, &invalid) {
		t.Errorf("a host with the name of a tenant: %v", err)
	}
}

// TestFailoverDoesNotLookAtTenants: what a failover costs does not depend on how
// many tenants there are.
func TestFailoverDoesNotLookAtTenants(t *testing.T) {
	allocs := func(tenants int) float64 {
		g := newGuarded(t, nil)
		if tenants > 0 {
			if err := g.importTenants(tenantRows(tenants, "west"), steer.TenantChange{}); err != nil {
				t.Fatal(err)
			}
		}
		g.down("calgary")
		c := steer.Command{Version: 1, Kind: steer.KindFailover, Site: "calgary", At: g.now.Add(time.Second), By: "a", Reason: "b"}
		return testing.AllocsPerRun(5, func() {
			s, _, err := steer.Apply(g.s, c)
			if err != nil {
				t.Fatal(err)
			}
			steer.Records(s)
		})
	}
	if none, many := allocs(0), allocs(20_000); many > none+20 {
		t.Errorf("%v allocations without tenants, %v with 20,000", none, many)
	}
}

// TestAFleetFileThatTouchesManyNames is taken only from who knows how many.
func TestAFleetFileThatTouchesManyNames(t *testing.T) {
	g := newGuarded(t, nil)
	if err := g.importTenants(tenantRows(1000, "east"), steer.TenantChange{}); err != nil {
		t.Fatal(err)
	}
	other := g.f
	other.Services = append([]fleet.Service{}, other.Services...)
	other.Services[0].Sites = []fleet.SiteID{"ottawa", "calgary", "vancouver"}
	if err := g.apply(steer.Command{Kind: steer.KindSetFleet, Fleet: &other}); err != nil {
		t.Fatalf("one name of 1002: %v", err)
	}
	other.Services = append([]fleet.Service{}, other.Services...) // the State holds the other list
	other.Services[1].Sites = []fleet.SiteID{"calgary", "ottawa", "vancouver"}
	var r *steer.Refusal
	if err := g.apply(steer.Command{Kind: steer.KindSetFleet, Fleet: &other}); !errors.As(err, &r) || r.Rule != steer.RuleReach || r.Value != "1001 of 1002 services and tenants are answered in another way" {
		t.Fatalf("nearly all names: %v", err)
	}
	if err := g.apply(steer.Command{Kind: steer.KindSetFleet, Fleet: &other, Tenants: &steer.TenantChange{Touches: 1001}}); err != nil {
		t.Error(err)
	}
}
