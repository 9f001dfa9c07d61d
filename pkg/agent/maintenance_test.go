package agent

import (
	"slices"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestADrainIsMaintenanceOnceAllKnowIt: a voter that cannot say that it knows what
// that means keeps the first drain from being one, and not from being done. What the
// fleet has used before is not asked for again.
func TestADrainIsMaintenanceOnceAllKnowIt(t *testing.T) {
	for name, before := range map[string]bool{"never used": false, "used before": true} {
		t.Run(name, func(t *testing.T) { testDrainIsMaintenance(t, before) })
	}
}

func testDrainIsMaintenance(t *testing.T, before bool) {
	w := newWorld(t, nil)
	drain := func() steer.State {
		t.Helper()
		a := w.agents[w.leader()]
		for _, kind := range []string{"undrain", "drain"} {
			req := api.CommandRequest{Kind: kind, Site: "calgary", By: "test", Reason: "test", For: "1h", Now: true, Override: []string{"manual-back", "target-proven"}}
			if _, err := a.Do(t.Context(), req, false); err != nil {
				t.Fatal(err)
			}
		}
		return a.machine.State()
	}
	if before {
		w.eventually("a drain is maintenance", func() bool { return drain().Drains[0].Maintenance })
	}
	w.stop((w.leader() + 1) % len(w.agents))
	a := w.agents[w.leader()]
	a.versions.mu.Lock()
	a.versions.known = map[fleet.AgentID]int{} // as a leader that has just begun
	a.versions.mu.Unlock()
	if s := drain(); s.Drains[0].Maintenance != before || s.Format >= steer.CommandVersion != before {
		t.Errorf("used before: %t; the drain is maintenance: %t, format %d", before, s.Drains[0].Maintenance, s.Format)
	}
}

// doing returns what has a State follow commands of one person, all at one time.
func doing(t *testing.T, s *steer.State, now time.Time) func(steer.Command) {
	return func(c steer.Command) {
		t.Helper()
		c.At, c.By, c.Reason = now, "alice", "r"
		c.Version = c.Needs()
		next, _, err := steer.Apply(*s, c)
		if err != nil {
			t.Fatal(err)
		}
		*s = next
	}
}

// TestNobodyIsToldOfMaintenance: neither of what the checks steer by nor of what is
// only shown, until it is over. What was told before is not taken back.
func TestNobodyIsToldOfMaintenance(t *testing.T) {
	f := fleettest.ThreeSites()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	s := steer.New()
	do := doing(t, &s, now)
	check := func(site fleet.SiteID, kind health.Kind) health.Check {
		return health.Check{Target: health.Target{Site: site, Switch: f.Site(site).Softswitches[0].Name, Transport: fleet.UDP}, Kind: kind}
	}
	do(steer.Command{Kind: steer.KindSetFleet, Fleet: &f})
	do(steer.Command{Kind: steer.KindDrain, Site: "calgary", Now: true, For: fleet.Duration(time.Hour), Maintenance: true, Override: []steer.Rule{steer.RuleTargetProven}})
	do(steer.Command{Kind: steer.KindNotified, Notified: s.Revision})
	do(steer.Command{Kind: steer.KindVerdicts, Verdicts: []health.Verdict{{Check: check("calgary", health.Options), Status: health.Down, Cause: health.CauseRefused, Since: now}}})
	if worthTelling(s) {
		t.Errorf("told: %+v", s.Events[len(s.Events)-1])
	}
	if got := maintained(s, s.Fleet.Site("calgary")); !slices.Equal(got, []string{"udp"}) {
		t.Errorf("in maintenance: %v", got)
	}
	shown := func(told ...health.Check) (left []fleet.SiteID) {
		bad, known := map[health.Check]health.Opinion{}, map[health.Check]bool{}
		for _, site := range s.Fleet.SiteIDs() {
			bad[check(site, health.Metrics.Named("calls"))] = health.Opinion{Status: health.Down}
		}
		for _, c := range told {
			known[c] = true
		}
		withoutMaintained(bad, known, s)
		for _, site := range s.Fleet.SiteIDs() {
			if _, ok := bad[check(site, health.Metrics.Named("calls"))]; ok {
				left = append(left, site)
			}
		}
		return left
	}
	if got := shown(); !slices.Equal(got, []fleet.SiteID{"ottawa", "vancouver"}) {
		t.Errorf("a number that is low at %v", got)
	}
	if got := shown(check("calgary", health.Metrics.Named("calls"))); len(got) != 3 {
		t.Errorf("told before, and left of it: %v", got)
	}
	do(steer.Command{Kind: steer.KindUndrain, Site: "calgary"})
	if !worthTelling(s) || len(shown()) != 3 {
		t.Error("nobody is told of what is left when it is over")
	}
}

// TestAdviceOnWhatIsSilencedIsShown: and told to nobody; that of others is told, and
// so is a silence's end.
func TestAdviceOnWhatIsSilencedIsShown(t *testing.T) {
	f := fleettest.ThreeSites()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	s := steer.New()
	do := doing(t, &s, now)
	do(steer.Command{Kind: steer.KindSetFleet, Fleet: &f})
	req := api.CommandRequest{Kind: "silence", Site: "calgary", Softswitch: string(f.Sites[0].Softswitches[0].Name), Check: "options", By: "alice", Reason: "r", For: "1h"}
	c, err := command(req, s.Fleet)
	if err != nil {
		t.Fatal(err)
	}
	do(c)
	down := func(site fleet.SiteID) steer.Command {
		check := health.Check{Target: health.Target{Site: site, Switch: f.Site(site).Softswitches[0].Name, Transport: fleet.UDP}, Kind: health.Options}
		return steer.Command{Kind: steer.KindVerdicts, Verdicts: []health.Verdict{{Check: check, Status: health.Down, Since: now}}}
	}
	advice := func(site fleet.SiteID) steer.Advice {
		return steer.Advice{Slot: steer.Slot{Service: "west.voice.example.net", Site: site, Transport: fleet.UDP}, Rule: steer.RuleHold, Text: "held"}
	}
	do(steer.Command{Kind: steer.KindNotified, Notified: s.Revision})
	do(down("calgary"))
	do(steer.Command{Kind: steer.KindAdvise, Advice: []steer.Advice{advice("calgary")}})
	if worthTelling(s) || len(s.Advice) != 1 {
		t.Errorf("of what is silenced: told %t, shown %+v", worthTelling(s), s.Advice)
	}
	if got := silences(s); len(got) != 1 || len(got[0].Quiet) != 1 || got[0].Check != "options" || quietChecks(s) != 1 {
		t.Errorf("silences %+v, %d checks quiet", got, quietChecks(s))
	}
	do(steer.Command{Kind: steer.KindAdvise, Advice: []steer.Advice{advice("calgary"), advice("ottawa")}})
	if !worthTelling(s) {
		t.Error("nobody is told of ottawa")
	}
	do(steer.Command{Kind: steer.KindNotified, Notified: s.Revision})
	if c, err = command(api.CommandRequest{Kind: "unsilence", Silence: "calgary", By: "alice"}, s.Fleet); err != nil {
		t.Fatal(err)
	}
	do(c)
	if len(s.Silences) != 0 || !worthTelling(s) {
		t.Errorf("when it is over: %+v", s.Silences)
	}
}
