package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// ready is a fleet to which nothing can be said, at that time.
func ready(t *testing.T, now time.Time) (steer.State, []plan.Machine) {
	t.Helper()
	f := fleettest.ThreeSites()
	s := steer.New()
	do := func(c steer.Command) {
		t.Helper()
		c.Version, c.At = 1, now
		next, _, err := steer.Apply(s, c)
		if err != nil {
			t.Fatal(err)
		}
		s = next
	}
	for i := range f.Sites {
		f.Sites[i].Capacity = fleet.Capacity{Registrations: 20000, Calls: 2000}
	}
	do(steer.Command{Kind: steer.KindSetFleet, By: "init", Fleet: &f})
	for _, site := range f.Sites {
		s.Practice = append(s.Practice, steer.Practice{Site: site.Name, At: now, Verdict: steer.DrillSucceeded, GoodAt: now})
		for _, kind := range []health.Kind{health.Options, health.Register} {
			for _, l := range site.Softswitches[0].Listeners {
				c := health.Check{Target: health.Target{Site: site.Name, Switch: site.Softswitches[0].Name, Transport: l.Transport}, Kind: kind}
				do(steer.Command{Kind: steer.KindVerdicts, By: steer.AutomationOwner, Verdicts: []health.Verdict{{Check: c, Status: health.Up, Since: now}}})
			}
		}
	}
	var m []plan.Machine
	for _, id := range []fleet.AgentID{"a", "b", "c", "d", "e"} {
		m = append(m, plan.Machine{Name: id, Reached: true, Epoch: s.Epoch})
	}
	return s, m
}

func TestReadiness(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 0, 0, 0, time.UTC)
	s, machines := ready(t, now)
	if got := plan.Readiness(s, plan.Seen{Machines: machines}, now); len(got) != 0 {
		t.Fatalf("a ready fleet: %+v", got)
	}
	for name, c := range map[string]struct {
		change func(s *steer.State, m []plan.Machine)
		says   string
		grade  plan.Grade
	}{
		"one site":     {func(s *steer.State, _ []plan.Machine) { s.Fleet.Services[0].Sites = []fleet.SiteID{"calgary"} }, "has one site", plan.Broken},
		"no capacity":  {func(s *steer.State, _ []plan.Machine) { s.Fleet.Sites[1].Capacity = fleet.Capacity{} }, "capacity of ottawa is not stated", plan.Note},
		"advise":       {func(s *steer.State, _ []plan.Machine) { s.Fleet.Services[0].Automation = fleet.AutomationAdvise }, "a person has to move west", plan.Note},
		"a long TTL":   {func(s *steer.State, _ []plan.Machine) { s.Fleet.Services[0].TTL.Normal = fleet.Duration(time.Hour) }, "for 1h", plan.Warning},
		"a down check": {func(s *steer.State, _ []plan.Machine) { s.Verdicts[0].Status = health.Down }, "calgary over udp is down", plan.Broken},
		"maintenance": {func(s *steer.State, _ []plan.Machine) {
			s.Verdicts[0].Status, s.Verdicts[0].Maintenance = health.Down, health.InMaintenance
		}, "calgary over udp is down, in maintenance", plan.Note},
		"a silence": {func(s *steer.State, _ []plan.Machine) {
			s.Silences = []steer.Silence{{ID: "s1", SilenceScope: steer.SilenceScope{Site: "ottawa"}}}
		}, "ottawa is silenced", plan.Warning},
		"no canary":    {func(s *steer.State, _ []plan.Machine) { s.Verdicts = s.Verdicts[:len(s.Verdicts)-6] }, "no test subscriber logs in at vancouver", plan.Note},
		"a hold":       {func(s *steer.State, _ []plan.Machine) { s.Holds = []steer.Hold{{}} }, "automation is held", plan.Warning},
		"an old drill": {func(s *steer.State, _ []plan.Machine) { s.Practice[0].GoodAt = now.Add(-31 * 24 * time.Hour) }, "31 days old", plan.Warning},
		"a drill of some": {func(s *steer.State, _ []plan.Machine) {
			p := &s.Practice[0]
			p.Cohort, p.GoodAt, p.PartAt = fleet.AllTenants().First(5), time.Time{}, now
		}, "practised for 5 % of the tenants (buckets 0-4) only; with everyone: never", plan.Note},
		"an old drill of some": {func(s *steer.State, _ []plan.Machine) {
			p := &s.Practice[0]
			p.Cohort, p.GoodAt, p.PartAt = fleet.AllTenants().First(5), now.Add(-40*24*time.Hour), now.Add(-31*24*time.Hour)
		}, "40 days old", plan.Warning},
		"no drill":         {func(s *steer.State, _ []plan.Machine) { s.Practice = s.Practice[1:] }, "calgary has never been practised", plan.Warning},
		"a bad drill":      {func(s *steer.State, _ []plan.Machine) { s.Practice[0].Verdict = steer.DrillCapacity }, "ended as capacity", plan.Warning},
		"a lost agent":     {func(_ *steer.State, m []plan.Machine) { m[0].Reached = false }, "agent a is not reached", plan.Broken},
		"an agent behind":  {func(s *steer.State, m []plan.Machine) { m[0].Epoch = 0 }, "answers epoch 0", plan.Broken},
		"almost no quorum": {func(_ *steer.State, m []plan.Machine) { m[0].Reached, m[1].Reached = false, false }, "with one more lost nothing can be changed", plan.Broken},
		"a drill of nobody": {func(s *steer.State, _ []plan.Machine) {
			s.Fleet.Policy.Drills = []fleet.Drill{{Site: "ottawa", When: "sun 05:00-06:00", Cohort: "5%"}}
		}, "(sun 05:00-06:00, cohort 5%) does not begin: this fleet has no tenants", plan.Warning},
		"an unknown cause": {func(s *steer.State, _ []plan.Machine) {
			s.Incidents = []steer.Incident{{ID: "inc-1", State: steer.Resolved, ResolvedAt: now}}
		}, "nobody has named the cause of inc-1", plan.Note},
		"a waiting runbook": {func(s *steer.State, _ []plan.Machine) { s.Runs = []steer.Run{{ID: "run-1", State: steer.RunPaused}} }, "run-1 () waits for a person", plan.Warning},
		"a common fate": {func(s *steer.State, _ []plan.Machine) {
			s.Fleet.Services[0].Sites = s.Fleet.Services[0].Sites[:2]
			s.Fleet.Sites[0].FateGroups, s.Fleet.Sites[2].FateGroups = []string{"rack-7"}, []string{"x", "rack-7"}
		}, "share rack-7", plan.Broken},
		"a site is drained": {func(s *steer.State, _ []plan.Machine) {
			s.Drains = []steer.Drain{{ID: "d", Site: "ottawa", Stage: steer.StageDone}}
		}, "calgary cannot be taken out now (one-at-a-time)", plan.Broken},
	} {
		s, machines := ready(t, now)
		c.change(&s, machines)
		found := false
		for _, f := range plan.Readiness(s, plan.Seen{Machines: machines}, now) {
			found = found || strings.Contains(f.Text, c.says) && f.Grade == c.grade
		}
		if !found {
			t.Errorf("%s: nothing says %q as %s: %+v", name, c.says, c.grade, plan.Readiness(s, plan.Seen{Machines: machines}, now))
		}
	}
}
