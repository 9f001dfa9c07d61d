package steer_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func silence(site fleet.SiteID, d time.Duration) steer.Command {
	return steer.Command{Kind: steer.KindSilence, Site: site, For: fleet.Duration(d)}
}

// TestSilenceCovers: each word narrows it, and a kind stands for those with a name.
func TestSilenceCovers(t *testing.T) {
	check := health.Check{Target: health.Target{Site: "calgary", Switch: "calgary-1", Transport: fleet.UDP}, Kind: health.Storage.Named("spool")}
	for scope, want := range map[steer.SilenceScope]bool{
		{Site: "calgary"}:                                                  true,
		{Site: "ottawa"}:                                                   false,
		{Site: "calgary", Switch: "calgary-1"}:                             true,
		{Site: "calgary", Switch: "calgary-2"}:                             false,
		{Site: "calgary", Transport: fleet.UDP}:                            true,
		{Site: "calgary", Transport: fleet.TCP}:                            false,
		{Site: "calgary", Check: health.Storage}:                           true,
		{Site: "calgary", Check: "storage:spool"}:                          true,
		{Site: "calgary", Check: "storage:other"}:                          false,
		{Site: "calgary", Check: health.Options}:                           false,
		{Site: "calgary", Switch: "calgary-1", Transport: 1, Check: "dns"}: false,
	} {
		if got := scope.Covers(check); got != want {
			t.Errorf("%s covers %s: %t", scope, check, got)
		}
	}
}

// TestSilence: it has an owner, a reason and an end, is renewed by a second one of
// the same scope, ends by a person or by its time, and raises the epoch, so that its
// effect can be waited for.
func TestSilence(t *testing.T) {
	g := newGuarded(t, nil)
	before := g.s.Epoch
	part := silence("calgary", 10*time.Minute)
	part.Transport = fleet.TLS
	g.must(silence("calgary", time.Hour))
	g.must(part)
	g.must(silence("calgary", 2*time.Hour))
	if len(g.s.Silences) != 2 || g.s.Epoch != before+3 {
		t.Fatalf("epoch %d to %d, %+v", before, g.s.Epoch, g.s.Silences)
	}
	whole := g.s.Silences[0]
	if whole.Transport != 0 {
		whole = g.s.Silences[1]
	}
	if whole.Owner != "alice" || whole.Reason != "because" || !whole.Until.Equal(g.now.Add(2*time.Hour)) {
		t.Errorf("%+v", whole)
	}
	if due, ok := steer.NextDue(g.s, g.now); !ok || !due.Equal(g.now.Add(10*time.Minute)) {
		t.Errorf("next due %v", due)
	}
	g.now = g.now.Add(10 * time.Minute)
	if steer.Overdue(g.s, g.now) == "" {
		t.Error("nobody says that one is overdue")
	}
	got := steer.Decide(g.s, steer.Input{Now: g.now, Newest: 4})
	if len(got) != 0 {
		t.Errorf("proposed to voters of before: %+v", got)
	}
	got = steer.Decide(g.s, steer.Input{Now: g.now})
	if len(got) != 1 || got[0].Kind != steer.KindSilenceExpire || !got[0].Automation() {
		t.Fatalf("at its end: %+v", got)
	}
	g.must(got[0])
	if len(g.s.Silences) != 1 {
		t.Errorf("left: %+v", g.s.Silences)
	}
	g.must(steer.Command{Kind: steer.KindUnsilence, Target: whole.ID})
	g.must(steer.Command{Kind: steer.KindUnsilence, Target: "calgary"}) // harmless
	if len(g.s.Silences) != 0 {
		t.Errorf("left: %+v", g.s.Silences)
	}
}

// TestSilencesAreBounded: by their number, and one more may still be renewed. What
// the fleet has no more is silenced no more.
func TestSilencesAreBounded(t *testing.T) {
	g := newGuarded(t, nil)
	for i := range steer.MaxSilences {
		c := silence("calgary", time.Hour)
		c.Silence = &steer.SilenceChange{Check: health.Storage.Named(fmt.Sprint(i))}
		g.must(c)
	}
	var r *steer.Refusal
	if err := g.apply(silence("calgary", time.Hour)); !errors.As(err, &r) || r.Rule != steer.RuleReach {
		t.Errorf("one too many: %v", err)
	}
	again := silence("calgary", 2*time.Hour)
	again.Silence = &steer.SilenceChange{Check: health.Storage.Named("7")}
	g.must(again)
	f := g.f
	f.Sites = slices.Clone(f.Sites)
	f.Sites[0].Softswitches = slices.Clone(f.Sites[0].Softswitches)
	f.Sites[0].Softswitches[0].Name = "calgary-new"
	g.must(steer.Command{Kind: steer.KindUnsilence, Target: "calgary"})
	part := silence("calgary", time.Hour)
	part.Silence = &steer.SilenceChange{Switch: "calgary-1"}
	g.must(part)
	g.must(steer.Command{Kind: steer.KindSetFleet, Fleet: &f})
	if len(g.s.Silences) != 0 {
		t.Errorf("of a softswitch that is gone: %+v", g.s.Silences)
	}
}

// TestSilenceNeedsItsVersion: an agent that does not know it would stop.
func TestSilenceNeedsItsVersion(t *testing.T) {
	for _, k := range []steer.Kind{steer.KindSilence, steer.KindUnsilence, steer.KindSilenceExpire} {
		if n := (steer.Command{Kind: k}).Needs(); n != 5 {
			t.Errorf("%s needs version %d", k, n)
		}
	}
}

// TestAnOutageIsNeverSilent: when a service has no site left that is up, everything
// is told that fails where it is answered; and what hits one softswitch of two is
// not.
func TestAnOutageIsNeverSilent(t *testing.T) {
	g := newGuarded(t, nil)
	g.s.Format = 5
	for _, site := range g.f.SiteIDs() {
		c := silence(site, time.Hour)
		c.Override = []steer.Rule{steer.RuleHeard}
		g.must(c)
	}
	g.verdict("calgary", fleet.UDP, health.Down, health.CauseTimeout)
	g.verdict("ottawa", fleet.UDP, health.Down, health.CauseTimeout)
	g.verdict("vancouver", fleet.TCP, health.Down, health.CauseTimeout)
	if got := g.open(); len(got) != 0 || len(g.s.Brakes) != 0 {
		t.Fatalf("incidents %v, brakes %+v", got, g.s.Brakes)
	}
	g.verdict("vancouver", fleet.UDP, health.Down, health.CauseTimeout)
	if got := g.open(); len(got) != 3 {
		t.Errorf("incidents %v", got)
	}
	if m := g.maintenanceOf("vancouver", fleet.TCP); m != health.InMaintenance {
		t.Errorf("TCP, which others still serve: %d", m)
	}
}

// TestAMoveIsNeverSilent: a silenced site that is moved away from has its incident,
// and so has one that automation steps back from as traffic returns.
func TestAMoveIsNeverSilent(t *testing.T) {
	g := newGuarded(t, func(f *fleet.Fleet) {
		for i := range f.Services {
			f.Services[i].Automation = fleet.AutomationAct
		}
	})
	g.s.Format = 5
	g.must(silence("calgary", time.Hour))
	g.down("calgary")
	if got := g.open(); len(got) != 0 {
		t.Fatalf("incidents %v", got)
	}
	g.must(withdraw("calgary"))
	open := g.open()
	if len(open) != 1 || g.s.Incident(open[0]).DetectWithin == 0 {
		t.Fatalf("after the move: %v", open)
	}
	if m := g.maintenanceOf("calgary", fleet.TLS); m != health.InMaintenance {
		t.Errorf("TLS was not moved: %d", m)
	}

	g.verdict("calgary", 0, health.Up, "")
	g.must(steer.Command{Kind: steer.KindFailback, Site: "calgary", Override: []steer.Rule{steer.RuleManualBack}})
	g.must(steer.Command{Kind: steer.KindIncidentResolve, Incident: &steer.IncidentChange{ID: open[0], Cause: "known"}})
	g.down("calgary")
	if got := g.open(); len(got) != 0 {
		t.Fatalf("while it returns: %v", got)
	}
	g.must(steer.Command{Kind: steer.KindFailbackAbort, By: steer.AutomationOwner, Site: "calgary"})
	if got := g.open(); len(got) != 1 {
		t.Errorf("stepped back without an incident: %v", got)
	}
}
