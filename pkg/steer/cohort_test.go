package steer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// acme is in bucket 90, initech in 7.
const (
	acme    fleet.TenantID  = "acme.voice.example.net"
	initech fleet.TenantID  = "initech38.voice.example.net"
	west    fleet.ServiceID = "west.voice.example.net"
)

// newTenanted is the guarded fleet with tenants at west.
func newTenanted(t *testing.T, change func(*fleet.Fleet)) *guarded {
	t.Helper()
	g := newGuarded(t, change)
	var changes []fleet.TenantChange
	for _, d := range []fleet.TenantID{acme, initech} {
		changes = append(changes, fleet.TenantChange{Domain: d, Service: west})
	}
	g.must(steer.Command{Kind: steer.KindTenantStage, Tenants: &steer.TenantChange{Upload: "u", Rows: steer.TenantRows(changes, 1<<20)[0]}})
	g.must(steer.Command{Kind: steer.KindTenantCommit, Tenants: &steer.TenantChange{Upload: "u", Part: 1}})
	return g
}

func cohort(t *testing.T, text string) fleet.Cohort {
	t.Helper()
	c, err := fleet.ParseCohort(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// lead lets time pass with a leader.
func (g *guarded) lead(d time.Duration) {
	for end := g.now.Add(d); g.now.Before(end); g.now = g.now.Add(time.Second) {
		for _, c := range steer.Decide(g.s, steer.Input{Now: g.now, Verdicts: g.s.Verdicts, Settled: true, Offset: g.offset}) {
			g.s, _, _ = steer.Apply(g.s, c)
		}
	}
}

// sites are those answered to a tenant over UDP, best first.
func (g *guarded) sites(d fleet.TenantID) string {
	z := steer.Records(g.s)
	set, _ := z.Lookup("_sip._udp."+z.OwnerOf(west, d), srv.TypeSRV)
	var out []string
	for _, x := range set.Data {
		out = append(out, strings.Split(x.(srv.SRV).Target, ".")[1])
	}
	return strings.Join(out, " ")
}

func (g *guarded) wantSites(t *testing.T, step string, ofAcme, ofInitech string) {
	t.Helper()
	if a, b := g.sites(acme), g.sites(initech); a != ofAcme || b != ofInitech {
		t.Errorf("%s: acme %s (want %s), initech %s (want %s)", step, a, ofAcme, b, ofInitech)
	}
}

const (
	homeFirst = "calgary vancouver ottawa"
	homeGone  = "vancouver ottawa"
)

// A cohort that is drained leaves, with all its phones and nobody else's; it
// comes back when its drain ends, in steps, and until resolvers have forgotten
// its name that answers, too.
func TestCohortDrain(t *testing.T) {
	g := newTenanted(t, nil)
	g.must(steer.Command{Kind: steer.KindDrain, Site: "calgary", Cohort: cohort(t, "90-99"), For: fleet.Duration(time.Hour)})
	g.wantSites(t, "announced", "vancouver ottawa calgary", homeFirst)
	g.lead(3 * time.Minute)
	g.wantSites(t, "drained", homeGone, homeFirst)
	if g.s.Format != 1 || len(g.s.Outs) != 0 {
		t.Errorf("format %d, %d out", g.s.Format, len(g.s.Outs))
	}
	for _, r := range steer.GateStates(g.s)["calgary"].Rules {
		if r.Mode != steer.GateOpen {
			t.Errorf("the gate refuses those who are still sent to it: %+v", r)
		}
	}
	g.must(steer.Command{Kind: steer.KindUndrain, Site: "calgary", Pace: fleet.PaceCohorts})
	g.lead(2 * time.Second)
	g.wantSites(t, "first step: bucket 90 is the first tenth of the cohort", homeFirst, homeFirst)
	g.lead(10 * time.Minute)
	if len(g.s.Outs)+len(g.s.Failbacks) != 0 {
		t.Errorf("%d out, %d failbacks", len(g.s.Outs), len(g.s.Failbacks))
	}
	z := steer.Records(g.s)
	if len(z.Cohorts) != 0 {
		t.Errorf("cohorts are left: %v", z.Cohorts)
	}
	g.must(hourDrain("ottawa")) // any command forgets what has faded
	if z := steer.Records(g.s); slices.ContainsFunc(z.Sets, func(s srv.RRset) bool { return strings.Contains(s.Name, "_c") }) || len(g.s.Fading) != 0 {
		t.Errorf("names of cohorts are left: %v", g.s.Fading)
	}
}

// A site comes back to one slice of the tenants after the other; devices
// without a tenant come back by weights meanwhile.
func TestFailbackByCohorts(t *testing.T) {
	g := newTenanted(t, func(f *fleet.Fleet) { f.Policy.Failback.Pace = fleet.PaceCohorts })
	g.down("calgary")
	g.must(steer.Command{Kind: steer.KindFailover, Site: "calgary"})
	g.wantSites(t, "failed over", homeGone, homeGone)
	g.verdict("calgary", 0, health.Up, "")
	g.now = g.now.Add(2 * time.Minute)
	g.must(steer.Command{Kind: steer.KindFailback, Site: "calgary"})
	g.wantSites(t, "5 %", homeGone, homeGone)
	own := steer.Answers(g.s, g.s.Fleet.Service(west))[fleet.UDP]
	if len(own) != 3 || own[0].Site != "vancouver" || own[0].Weight != 95 || own[1].Site != "calgary" || own[1].Weight != 5 {
		t.Errorf("the service's own name answers %v", own)
	}
	g.lead(61 * time.Second)
	g.wantSites(t, "25 %", homeGone, homeFirst)
	g.lead(61 * time.Second)
	g.wantSites(t, "100 %", homeFirst, homeFirst)
}

// One cohort may come back while the others stay away, and go with all when
// the site fails again.
func TestOneCohortComesBack(t *testing.T) {
	g := newTenanted(t, func(f *fleet.Fleet) { f.Services[0].Automation = fleet.AutomationAct })
	g.down("calgary")
	g.must(steer.Command{Kind: steer.KindFailover, Site: "calgary"})
	g.verdict("calgary", 0, health.Up, "")
	g.now = g.now.Add(2 * time.Minute)
	g.must(steer.Command{Kind: steer.KindFailback, Site: "calgary", Cohort: cohort(t, "0-9"), Now: true})
	g.wantSites(t, "the cohort is back", homeGone, homeFirst)
	g.down("calgary")
	g.lead(2 * time.Second)
	g.wantSites(t, "failed again", homeGone, homeGone)
	for _, o := range g.s.Outs {
		if o.Service == west && !o.Cohort.IsZero() {
			t.Errorf("out for %s only", o.Cohort)
		}
	}
}

// A part of a drain may end: who is not named stays away.
func TestPartOfADrainEnds(t *testing.T) {
	g := newTenanted(t, nil)
	c := hourDrain("calgary")
	c.Now = true
	g.must(c)
	g.wantSites(t, "drained", homeGone, homeGone)
	g.now = g.now.Add(2 * time.Minute)
	g.must(steer.Command{Kind: steer.KindUndrain, Site: "calgary", Cohort: cohort(t, "10%"), Now: true})
	g.wantSites(t, "a tenth is back", homeGone, homeFirst)
	if len(g.s.Drains) != 1 || !g.s.Drains[0].Cohort.Has(fleet.OwnName) || g.s.Drains[0].Cohort.Has(7) {
		t.Errorf("%+v", g.s.Drains)
	}
}

// The guards ask for each part of the tenants: a cohort is not left without a
// site although others have one.
func TestGuardsAskForEachCohort(t *testing.T) {
	g := newTenanted(t, func(f *fleet.Fleet) { f.Policy.MaxSitesOut = 2 })
	for _, site := range []fleet.SiteID{"ottawa", "vancouver"} {
		g.must(steer.Command{Kind: steer.KindDrain, Site: site, Service: west, Cohort: cohort(t, "90-99"), For: fleet.Duration(time.Hour), Now: true})
	}
	var r *steer.Refusal
	err := g.apply(steer.Command{Kind: steer.KindDrain, Site: "calgary", Service: west, Cohort: cohort(t, "95"), For: fleet.Duration(time.Hour), Override: []steer.Rule{steer.RuleOneAtATime}})
	if !errors.As(err, &r) || r.Rule != steer.RuleNeverEmpty || !strings.Contains(r.Text, "bucket 90") {
		t.Errorf("%v", err)
	}
	if err := g.apply(steer.Command{Kind: steer.KindDrain, Site: "calgary", Service: west, Cohort: cohort(t, "5%"), For: fleet.Duration(time.Hour), Override: []steer.Rule{steer.RuleOneAtATime}}); err != nil {
		t.Errorf("another cohort: %v", err)
	}
}

// A cohort means something only where there are tenants, and for the commands
// that know it.
func TestCohortsRefused(t *testing.T) {
	bare, g := newGuarded(t, nil), newTenanted(t, nil)
	var bad *steer.Invalid
	for _, tc := range []struct {
		g     *guarded
		c     steer.Command
		field string
	}{
		{bare, steer.Command{Kind: steer.KindDrain, Site: "calgary", Cohort: cohort(t, "5%"), For: fleet.Duration(time.Hour)}, "cohort"},
		{g, steer.Command{Kind: steer.KindDrain, Site: "calgary", Service: "east.voice.example.net", Cohort: cohort(t, "5%"), For: fleet.Duration(time.Hour)}, "cohort"},
		{g, steer.Command{Kind: steer.KindFailover, Site: "calgary", Cohort: cohort(t, "5%")}, "cohort"},
		{g, steer.Command{Kind: steer.KindDrain, Site: "calgary", Pace: fleet.PaceCohorts, For: fleet.Duration(time.Hour)}, "pace"},
		{g, steer.Command{Kind: steer.KindFailback, Site: "calgary", Pace: "sprint"}, "pace"},
	} {
		if err := tc.g.apply(tc.c); !errors.As(err, &bad) || bad.Field != tc.field {
			t.Errorf("%s: %v", tc.c.Kind, err)
		}
	}
}

// The load of a cohort is its part of the service's.
func TestCohortCapacity(t *testing.T) {
	g := newTenanted(t, func(f *fleet.Fleet) {
		f.Services[0].Load.Registrations = 1000
		for i := range f.Sites {
			f.Sites[i].Capacity.Registrations = 1000
		}
		f.Sites[2].Capacity.Registrations = 100 // vancouver
	})
	drain := func(text string) error {
		return g.apply(steer.Command{Kind: steer.KindDrain, Site: "calgary", Service: west, Cohort: cohort(t, text), For: fleet.Duration(time.Hour), Now: true})
	}
	var r *steer.Refusal
	if err := drain("11%"); !errors.As(err, &r) || r.Rule != steer.RuleCapacity || !strings.Contains(r.Value, "110 of 100") {
		t.Errorf("11 %%: %v", err)
	}
	if err := drain("10%"); err != nil {
		t.Errorf("10 %%: %v", err)
	}
	if l := steer.Loads(g.s); l["calgary"].Registrations != 900 || l["vancouver"].Registrations != 100 {
		t.Errorf("%v", l)
	}
	if err := drain("80-84"); !errors.As(err, &r) || !strings.Contains(r.Value, "150 of 100") {
		t.Errorf("5 %% more: %v", err)
	}
}

// Why speaks of the tenant that was asked for.
func TestWhyOfATenant(t *testing.T) {
	g := newTenanted(t, nil)
	g.must(steer.Command{Kind: steer.KindDrain, Site: "calgary", Cohort: cohort(t, "90-99"), For: fleet.Duration(time.Hour), Now: true})
	for name, want := range map[string]string{
		"acme": "90-99", "_sip._udp.acme.voice.example.net": "90-99", "initech38.voice.example.net.": "",
	} {
		e, err := steer.Explain(g.s, name)
		if err != nil || e.Tenant == nil || e.Tenant.Cohort != want || len(e.Records) == 0 {
			t.Errorf("%s: %+v, %v", name, e.Tenant, err)
			continue
		}
		if left := len(e.LeftOut) > 0; left != (want != "") {
			t.Errorf("%s: left out %+v", name, e.LeftOut)
		}
		for _, r := range e.Records {
			if r.Type == "SRV" && !strings.Contains(r.Reason, "preference of west") {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
}

// Only what names cohorts needs the newer version: a fleet in the middle of an
// upgrade goes on doing everything else.
func TestCohortsNeedVersion2(t *testing.T) {
	f := fleet.Fleet{Policy: fleet.Policy{Failback: fleet.FailbackPolicy{Pace: fleet.PaceCohorts}}}
	for _, tc := range []struct {
		c    steer.Command
		want int
	}{
		{steer.Command{Kind: steer.KindDrain, Site: "calgary"}, 1},
		{steer.Command{Kind: steer.KindSetFleet, Fleet: &fleet.Fleet{}}, 1},
		{steer.Command{Kind: steer.KindDrain, Cohort: cohort(t, "5%")}, 2},
		{steer.Command{Kind: steer.KindFailback, Pace: fleet.PaceWeights}, 2},
		{steer.Command{Kind: steer.KindSetFleet, Fleet: &f}, 2},
		{steer.Command{Kind: steer.KindRollback, Past: &steer.Past{Fleet: &f}}, 2},
		{steer.Command{Kind: steer.KindRollback, Past: &steer.Past{Fleet: &fleet.Fleet{}, Outs: []steer.Out{{Cohort: cohort(t, "5%")}}}}, 2},
	} {
		if got := tc.c.Needs(); got != tc.want {
			t.Errorf("%s needs version %d, want %d", tc.c.Kind, got, tc.want)
		}
	}
	g := newTenanted(t, nil)
	c := steer.Command{Version: 2, Kind: steer.KindDrain, At: g.now, By: "alice", Reason: "because", Site: "calgary", Cohort: cohort(t, "5%"), For: fleet.Duration(time.Hour)}
	s, _, err := steer.Apply(g.s, c)
	if err != nil || s.Format != 2 {
		t.Errorf("after a command of version 2 the State is of format %d, so that older programs refuse it: %v", s.Format, err)
	}
}
