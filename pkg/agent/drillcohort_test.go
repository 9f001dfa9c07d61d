package agent

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// tenants are those of the fleet's first service, some in every tenth of the
// buckets.
func (d *drillDay) tenants(n int) {
	var changes []fleet.TenantChange
	for i := range n {
		changes = append(changes, fleet.TenantChange{Domain: fleet.TenantID(fmt.Sprintf("t%03d.voice.example.net", i)), Service: d.state.Fleet.Services[0].Name})
	}
	for i, part := range steer.TenantRows(changes, 1<<20) {
		d.do(steer.Command{Kind: steer.KindTenantStage, By: "alice", Reason: "import", Tenants: &steer.TenantChange{Upload: "u", Part: i, Rows: part}})
	}
	d.do(steer.Command{Kind: steer.KindTenantCommit, By: "alice", Reason: "import", Tenants: &steer.TenantChange{Upload: "u", Part: 1}})
}

// away are the buckets, devices without a tenant included, to whom a service does
// not name the site.
func (d *drillDay) away(service fleet.ServiceID, site fleet.SiteID) (c fleet.Cohort) {
	for b := range fleet.OwnName + 1 {
		named := false
		for _, st := range steer.StandingsFor(d.state, b) {
			named = named || st.Service == service && st.Site == site && st.Place != steer.Gone
		}
		if !named {
			c = c.Or(fleet.CohortOf(b))
		}
	}
	return c
}

func newCohortDay(t *testing.T) *drillDay {
	t.Helper()
	d := &drillDay{t: t, now: time.Date(2026, 5, 4, 3, 0, 0, 0, time.UTC), state: steer.New()}
	f := fleettest.ThreeSites()
	d.do(steer.Command{Kind: steer.KindSetFleet, By: "init", Fleet: &f})
	for _, s := range f.SiteIDs() {
		d.health(s, health.Up)
	}
	return d
}

// TestDrillOfACohort: only the cohort leaves the site, all of it, in every service
// that has tenants; all of it comes back by the drill; and nobody else is ever
// answered otherwise.
func TestDrillOfACohort(t *testing.T) {
	d := newCohortDay(t)
	d.tenants(300)
	west, east := d.state.Fleet.Services[0].Name, d.state.Fleet.Services[1].Name
	d.begin(runbook.Drill{Lasts: 10 * time.Minute, Cohort: "5%"})
	begun, five := d.now, fleet.AllTenants().First(5)
	d.parts = []runbook.Part{{Service: west, Bucket: 2, Left: 3}, {Service: west, Bucket: 40, Left: 200}, {Service: west, Bucket: fleet.OwnName, Left: 7}}
	d.left, d.empty = 210, begun.Add(4*time.Minute)
	var most fleet.Cohort
	for d.state.Runs[0].Live() && d.now.Before(begun.Add(6*time.Hour)) {
		d.pass(10 * time.Second)
		gone := d.away(west, "calgary")
		if most = most.Or(gone); !gone.Without(five).IsZero() || !d.away(east, "calgary").IsZero() {
			t.Fatalf("at %s buckets %s of west and %s of east are away", d.now.Sub(begun), gone, d.away(east, "calgary"))
		}
		if at := d.now.Sub(begun); at == 7*time.Minute && gone != five {
			t.Errorf("after %s buckets %s are away", at, gone)
		}
	}
	if most != five {
		t.Errorf("buckets %s were away", most)
	}
	p := d.state.Practice[0]
	if p.Verdict != steer.DrillSucceeded || p.Cohort != five || p.Leave <= 0 || p.Return <= 0 || p.PartAt.IsZero() || !p.GoodAt.IsZero() {
		t.Errorf("%+v; %s", p, d.state.Runs[0].Why)
	}
	if (p.Recovery.D() - 4*time.Minute).Abs() > 3*time.Second {
		t.Errorf("recovery %s: counted are not those of the cohort", p.Recovery)
	}
	if len(d.state.Drains)+len(d.state.Failbacks)+len(d.state.Outs) > 0 || !d.away(west, "calgary").IsZero() {
		t.Error("the cohort is not back")
	}
	if r := d.state.Runs[0]; !strings.Contains(r.Steps[0].Text, "for the tenants 5% for 10m") {
		t.Errorf("people are told %q", r.Steps[0].Text)
	}
}

// TestDrillOfACohortIsTakenBack: what ends it ends the drain of the cohort, and
// not one that somebody else began meanwhile for others.
func TestDrillOfACohortIsTakenBack(t *testing.T) {
	d := newCohortDay(t)
	d.tenants(300)
	d.begin(runbook.Drill{Lasts: 10 * time.Minute, Cohort: "5%", Service: d.state.Fleet.Services[0].Name})
	d.pass(6 * time.Minute)
	others, err := fleet.ParseCohort("50-59")
	if err != nil {
		t.Fatal(err)
	}
	d.do(steer.Command{Kind: steer.KindDrain, By: "bob", Reason: "their request", Site: "calgary", Cohort: others, For: fleet.Duration(48 * time.Hour)})
	d.person(steer.KindRunUndo)
	d.pass(6 * time.Hour)
	if p := d.state.Practice[0]; p.Verdict != steer.DrillInterrupted || !p.PartAt.IsZero() {
		t.Errorf("%+v", p)
	}
	if len(d.state.Drains) != 1 || d.state.Drains[0].Owner != "bob" {
		t.Errorf("%+v", d.state.Drains)
	}
}

// TestDrillOfAServiceComesBack: other services of the site are in all the time,
// and say nothing of the one that left.
func TestDrillOfAServiceComesBack(t *testing.T) {
	d := newCohortDay(t)
	west, east := d.state.Fleet.Services[0].Name, d.state.Fleet.Services[1].Name
	d.begin(runbook.Drill{Lasts: 10 * time.Minute, Service: west})
	d.pass(6 * time.Minute)
	if d.away(west, "calgary") != fleet.Everyone() || !d.away(east, "calgary").IsZero() {
		t.Errorf("away: %s of west, %s of east", d.away(west, "calgary"), d.away(east, "calgary"))
	}
	d.pass(6 * time.Hour)
	if p := d.state.Practice; len(p) != 1 || p[0].Verdict != steer.DrillSucceeded || p[0].Return <= 0 {
		t.Errorf("%+v", p)
	}
	if len(d.state.Drains)+len(d.state.Failbacks)+len(d.state.Outs) > 0 {
		t.Error("the service is not back")
	}
}

// TestDrillOfNobodyIsRefused: a cohort without a tenant would succeed by moving
// nothing, and a site that somebody has drained would be brought back for him.
func TestDrillOfNobodyIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		before func(d *drillDay)
		want   string
	}{
		"no tenants":            {func(*drillDay) {}, "share("},
		"none in these buckets": {func(d *drillDay) { d.tenants(1) }, `tenants("", "5%") > 0`},
		"drained already": {func(d *drillDay) {
			d.tenants(300)
			d.do(steer.Command{Kind: steer.KindDrain, By: "bob", Reason: "kernel", Site: "calgary", For: fleet.Duration(time.Hour)})
		}, `stage("calgary") == "none"`},
	} {
		d := newCohortDay(t)
		c.before(d)
		r := runbook.Refused(d.bind(runbook.Drill{Lasts: time.Minute, Cohort: "5%"}), &runbook.Facts{State: d.state})
		if r == nil || !strings.Contains(r.Text, c.want) {
			t.Errorf("%s: %v", name, r)
		}
	}
}
