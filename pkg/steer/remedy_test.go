package steer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestCommonCauseAfterAnImport: logins that fail at two sites soon after an import of
// tenants are given the command that takes the import back, with who did it and when;
// of two changes the later one is named.
func TestCommonCauseAfterAnImport(t *testing.T) {
	for name, c := range map[string]struct {
		fleetAfter bool
		since      time.Duration
		want       string
	}{
		"an import":                       {false, 10 * time.Minute, "sipsteer tenant rollback --reason …   # what alice changed 10m0s before it is undone: tenants imported: 1 new"},
		"the fleet file after the import": {true, 10 * time.Minute, "sipsteer rollback 2 --reason …   # what alice changed 10m0s before it is undone: "},
		"an import long ago":              {false, 2 * time.Hour, "sipsteer history   # what changed at these sites; "},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t, nil)
			g.must(steer.Command{Kind: steer.KindTenantStage, Tenants: &steer.TenantChange{Upload: "u", Rows: "acme.voice.example.net " + string(g.f.Services[0].Name) + ","}})
			g.must(steer.Command{Kind: steer.KindTenantCommit, Tenants: &steer.TenantChange{Upload: "u", Part: 1}})
			if c.fleetAfter {
				changed := g.f
				changed.Policy.TTLNormal = fleet.Duration(40 * time.Second)
				g.must(steer.Command{Kind: steer.KindSetFleet, Fleet: &changed})
			}
			g.now = g.now.Add(c.since)
			for _, site := range []fleet.SiteID{"calgary", "ottawa"} {
				g.verdict(site, fleet.UDP, health.Down, health.CauseAuth)
			}
			for _, cmd := range steer.Decide(g.s, steer.Input{Now: g.now, Settled: true}) {
				g.must(cmd)
			}
			if len(g.s.Advice) == 0 {
				t.Fatal("nothing is said")
			}
			for _, a := range g.s.Advice {
				if a.Rule != steer.RuleCommonCause || !strings.HasPrefix(a.Next, c.want) {
					t.Errorf("%s: %s, want %s", a.Rule, a.Next, c.want)
				}
			}
		})
	}
}

// TestSitesThatFailOneAfterTheOtherSinceAChange: after a change that reached both, the
// second site is not moved however much later it fails; without one it is.
func TestSitesThatFailOneAfterTheOtherSinceAChange(t *testing.T) {
	for name, c := range map[string]struct {
		change bool
		after  time.Duration // from the change to the first failure
		apart  time.Duration // from there to the second
		held   bool
	}{
		"ten minutes apart after an import": {true, time.Minute, 10 * time.Minute, true},
		"ten minutes apart":                 {false, time.Minute, 10 * time.Minute, false},
		"the second an hour later":          {true, time.Minute, time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t, func(f *fleet.Fleet) { f.Policy.MaxSitesOut = 2; f.Policy.MinSites = 1 })
			if c.change {
				g.must(steer.Command{Kind: steer.KindTenantStage, Tenants: &steer.TenantChange{Upload: "u", Rows: "acme.voice.example.net " + string(g.f.Services[0].Name) + ","}})
				g.must(steer.Command{Kind: steer.KindTenantCommit, Tenants: &steer.TenantChange{Upload: "u", Part: 1}})
			}
			g.now = g.now.Add(c.after)
			g.verdict("calgary", fleet.UDP, health.Down, health.CauseTimeout)
			g.now = g.now.Add(c.apart)
			g.verdict("ottawa", fleet.UDP, health.Down, health.CauseTimeout)
			held := false
			for _, cmd := range steer.Decide(g.s, steer.Input{Now: g.now, Settled: true}) {
				for _, a := range cmd.Advice {
					if a.Site == "ottawa" && a.Rule == steer.RuleCommonCause {
						held = true
						if !strings.HasPrefix(a.Text, "common cause: options over udp fails at calgary, ottawa since alice changed: tenants imported: 1 new") && !strings.HasPrefix(a.Text, "common cause: options over udp fails at calgary and ottawa since alice changed: tenants imported: 1 new") || !strings.HasPrefix(a.Next, "sipsteer tenant rollback --reason …   # to move all the same: sipsteer failover ottawa") {
							t.Errorf("%s\n%s", a.Text, a.Next)
						}
					}
				}
			}
			if held != c.held {
				t.Errorf("held by the common cause: %t, want %t", held, c.held)
			}
		})
	}
}
