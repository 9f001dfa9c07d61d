package steer_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// emptied drains a site at once, for work.
func emptied(site fleet.SiteID) steer.Command {
	return steer.Command{Kind: steer.KindDrain, Site: site, Now: true, For: fleet.Duration(time.Hour), Maintenance: true}
}

func (g *guarded) open() (ids []string) {
	for _, in := range g.s.Incidents {
		if in.Open() {
			ids = append(ids, in.ID)
		}
	}
	return ids
}

func (g *guarded) maintenanceOf(site fleet.SiteID, t fleet.Transport) health.Maintenance {
	g.t.Helper()
	for _, v := range g.s.Verdicts {
		if v.Check.Site == site && v.Check.Transport == t {
			return v.Maintenance
		}
	}
	g.t.Fatalf("no verdict on %s over %s", site, t)
	return 0
}

// TestDrainsOfOlderProgramsHideNothing: what an agent of before made of the same
// log, agents of today make of it too.
func TestDrainsOfOlderProgramsHideNothing(t *testing.T) {
	for _, marked := range []bool{false, true} {
		g := newGuarded(t, nil)
		d := emptied("calgary")
		d.Maintenance = marked
		if n := d.Needs(); marked && n != 5 || !marked && n != 1 {
			t.Errorf("marked %t needs version %d", marked, n)
		}
		g.must(d)
		g.s.Format = d.Needs()
		g.now = g.now.Add(10 * time.Second)
		g.down("calgary")
		g.down("ottawa")
		if quiet := len(g.s.Brakes) == 0; quiet != marked {
			t.Errorf("marked %t: brakes %+v", marked, g.s.Brakes)
		}
		text, err := json.Marshal(g.s)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), `"maintenance"`) != marked {
			t.Errorf("marked %t: the State says so: %t", marked, !marked)
		}
		past := steer.Command{Kind: steer.KindRollback, Past: steer.PastOf(g.s)}
		if n := past.Needs(); marked != (n == 5) {
			t.Errorf("marked %t: going back to it needs version %d", marked, n)
		}
	}
}

// TestMaintenanceEnds: however it ends, what is left is a failure from then on, and
// stays one while the site is drained again.
func TestMaintenanceEnds(t *testing.T) {
	ends := map[string]func(*guarded){
		"undrain": func(g *guarded) { g.must(steer.Command{Kind: steer.KindUndrain, Site: "calgary"}) },
		"undrain of one transport's drain": func(g *guarded) {
			g.must(steer.Command{Kind: steer.KindUndrain, Site: "calgary", Transport: fleet.UDP})
		},
		"undrain of some tenants": func(g *guarded) {
			g.must(steer.Command{Kind: steer.KindUndrain, Site: "calgary", Cohort: cohort(g.t, "5%")})
		},
		"its time": func(g *guarded) {
			g.now = g.now.Add(2 * time.Hour)
			g.must(steer.Command{Kind: steer.KindDrainExpire, Target: g.s.Drains[0].ID, By: steer.AutomationOwner})
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t, nil)
			rows := steer.TenantRows([]fleet.TenantChange{{Domain: "acme.voice.example.net", Service: "west.voice.example.net"}}, 1<<20)
			g.must(steer.Command{Kind: steer.KindTenantStage, Tenants: &steer.TenantChange{Upload: "u", Rows: rows[0]}})
			g.must(steer.Command{Kind: steer.KindTenantCommit, Tenants: &steer.TenantChange{Upload: "u", Part: 1}})
			d := emptied("calgary")
			if strings.Contains(name, "transport") {
				d.Transport = fleet.UDP
			}
			g.s.Format = 5
			g.must(d)
			g.now = g.now.Add(time.Minute)
			g.verdict("calgary", fleet.UDP, health.Down, health.CauseRefused)
			if got := g.open(); len(got) != 0 || g.maintenanceOf("calgary", fleet.UDP) != health.InMaintenance {
				t.Fatalf("incidents %v, maintenance %d", got, g.maintenanceOf("calgary", fleet.UDP))
			}
			end(g)
			if got := g.open(); len(got) != 1 || g.maintenanceOf("calgary", fleet.UDP) != health.AfterMaintenance {
				t.Fatalf("incidents %v, maintenance %d", got, g.maintenanceOf("calgary", fleet.UDP))
			}
			if in := g.s.Incident(g.open()[0]); !in.StartedAt.Equal(g.now) || in.DetectWithin != 0 {
				t.Errorf("began %s, found within %s, and maintenance ended %s", in.StartedAt, in.DetectWithin, g.now)
			}
			again := emptied("calgary")
			again.Override = []steer.Rule{steer.RuleOneAtATime}
			g.must(again)
			if got := g.open(); len(got) != 1 {
				t.Errorf("drained once more: incidents %v", got)
			}
		})
	}
}

// TestABrakeDoesNotStayForMaintenance: a common cause is over when nothing of it is
// left but what is worked on.
func TestABrakeDoesNotStayForMaintenance(t *testing.T) {
	g := newGuarded(t, nil)
	g.s.Format = 5
	g.verdict("calgary", fleet.UDP, health.Down, health.CauseTimeout)
	g.verdict("ottawa", fleet.UDP, health.Down, health.CauseTimeout)
	if len(g.s.Brakes) != 1 {
		t.Fatalf("brakes %+v", g.s.Brakes)
	}
	g.must(emptied("calgary"))
	g.verdict("calgary", fleet.UDP, health.Up, "")
	g.verdict("calgary", fleet.UDP, health.Down, health.CauseRefused) // stopped to be mended
	if len(g.s.Brakes) != 1 {
		t.Fatalf("ottawa still fails: %+v", g.s.Brakes)
	}
	g.verdict("ottawa", fleet.UDP, health.Up, "")
	if len(g.s.Brakes) != 0 {
		t.Errorf("it stays for calgary alone: %+v", g.s.Brakes)
	}
}

// TestMaintenanceRaisesNoSeverity: an incident that was open before grows by what
// fails, and not by what is stopped; and it is over when what failed is well.
func TestMaintenanceRaisesNoSeverity(t *testing.T) {
	g := newGuarded(t, func(f *fleet.Fleet) {
		second := fleet.Softswitch{Name: "calgary-2"}
		for _, l := range f.Sites[0].Softswitches[0].Listeners {
			l.Address = netip.AddrPortFrom(l.Address.Addr().Next(), l.Address.Port())
			second.Listeners = append(second.Listeners, l)
		}
		f.Sites[0].Softswitches = append(f.Sites[0].Softswitches, second)
	})
	g.s.Format = 5
	one := func(status health.Status, cause health.Cause) {
		c := health.Check{Target: health.Target{Site: "calgary", Switch: "calgary-2", Transport: fleet.UDP}, Kind: health.Register}
		g.must(steer.Command{Kind: steer.KindVerdicts, By: steer.AutomationOwner, Verdicts: []health.Verdict{{Check: c, Status: status, Cause: cause, Since: g.now}}})
	}
	one(health.Down, health.CauseAuth)
	before := g.s.Incidents[0]
	if before.Severity != steer.Minor {
		t.Fatalf("one of two softswitches: %+v", before)
	}
	g.must(emptied("calgary"))
	g.verdict("calgary", 0, health.Down, health.CauseRefused)
	after := g.s.Incidents[0]
	if after.Severity != before.Severity || after.Summary != before.Summary || after.Failure != before.Failure || !slices.Equal(after.Services, before.Services) {
		t.Errorf("%s, %s: %q became %s, %s: %q", before.Severity, before.Failure, before.Summary, after.Severity, after.Failure, after.Summary)
	}
	var r *steer.Refusal
	resolve := steer.Command{Kind: steer.KindIncidentResolve, Incident: &steer.IncidentChange{ID: before.ID, Cause: "keys"}}
	if err := g.apply(resolve); !errors.As(err, &r) || strings.Contains(r.Value, "tls") {
		t.Errorf("resolved while the login fails, or kept open by what is stopped: %v", err)
	}
	one(health.Up, "")
	if got := g.open(); len(got) != 0 {
		t.Errorf("open for what is stopped: %v", got)
	}
}

// TestRunbooksDrainForMaintenance: what a run drains is as what a person does who
// knows of maintenance.
func TestRunbooksDrainForMaintenance(t *testing.T) {
	for _, marked := range []bool{false, true} {
		g := newGuarded(t, nil)
		book := &steer.Procedure{Book: "kernel", Sites: []fleet.SiteID{"calgary"}, Steps: []steer.Step{
			{ID: "away", Do: steer.ActDrain, Site: "calgary", Now: true, Limit: fleet.Duration(time.Hour)},
		}}
		start := steer.Command{Kind: steer.KindRunStart, Maintenance: marked, Run: &steer.RunChange{Procedure: book}}
		if !start.Drains() {
			t.Error("the runbook drains nothing")
		}
		g.must(start)
		g.must(steer.Command{Kind: steer.KindRunMove, By: steer.AutomationOwner, Run: &steer.RunChange{ID: g.s.Runs[0].ID, Step: "away", To: steer.MoveBegin}})
		if len(g.s.Drains) != 1 || g.s.Drains[0].Maintenance != marked {
			t.Errorf("marked %t: %+v", marked, g.s.Drains)
		}
	}
}
