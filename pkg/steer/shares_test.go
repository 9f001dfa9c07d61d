package steer_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func targetsText(s steer.State, t fleet.Transport) string {
	var out []string
	for _, x := range steer.Answers(s, &s.Fleet.Services[0])[t] {
		out = append(out, fmt.Sprintf("%s %d/%d", x.Site, x.Priority, x.Weight))
	}
	return strings.Join(out, ", ")
}

// TestSharesOfAPreference: the first two sites of west share new phones, 3 to 1.
func TestSharesOfAPreference(t *testing.T) {
	share := func(f *fleet.Fleet) {
		f.Services[0].Shares = []fleet.Share{{Site: "calgary", Weight: 75}, {Site: "vancouver", Weight: 25}}
	}
	for _, tt := range []struct {
		name string
		do   func(*guarded)
		want string
	}{
		{"in peace", func(*guarded) {}, "calgary 10/75, vancouver 10/25, ottawa 30/100"},
		{"the first is drained", func(g *guarded) { g.must(hourDrain("calgary")) }, "vancouver 10/25, ottawa 30/100, calgary 910/75"},
		{"the first failed", func(g *guarded) { g.down("calgary"); g.must(steer.Command{Kind: steer.KindFailover, Site: "calgary"}) }, "vancouver 10/25, ottawa 30/100"},
		{"and comes back with 5 % of its share", func(g *guarded) {
			g.down("calgary")
			g.must(steer.Command{Kind: steer.KindFailover, Site: "calgary"})
			g.verdict("calgary", 0, health.Up, "")
			g.now = g.now.Add(time.Hour)
			g.must(steer.Command{Kind: steer.KindFailback, Site: "calgary"})
		}, "vancouver 10/25, calgary 10/3, ottawa 30/100"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuarded(t, share)
			tt.do(g)
			if got := targetsText(g.s, fleet.UDP); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestLoadsFollowTheAnswers: what a site carries is what the answers send to it.
func TestLoadsFollowTheAnswers(t *testing.T) {
	g := newGuarded(t, func(f *fleet.Fleet) {
		f.Services[0].Shares = []fleet.Share{{Site: "calgary", Weight: 75}, {Site: "vancouver", Weight: 25}}
		f.Services[0].Load, f.Services[1].Load = fleet.Load{Registrations: 1200, Calls: 120}, fleet.Load{Registrations: 300}
	})
	want := func(calgary, ottawa, vancouver float64) {
		t.Helper()
		l := steer.Loads(g.s)
		if l["calgary"].Registrations != calgary || l["ottawa"].Registrations != ottawa || l["vancouver"].Registrations != vancouver {
			t.Errorf("loads %v, want %v %v %v", l, calgary, ottawa, vancouver)
		}
	}
	want(900, 300, 300)
	g.must(steer.Command{Kind: steer.KindDrain, Site: "calgary", Transport: fleet.TLS, Now: true, For: fleet.Duration(time.Hour)})
	want(600, 300, 600) // a third of the phones use TLS
	if c := steer.Loads(g.s)["vancouver"].Calls; c != 60 {
		t.Errorf("%v calls at vancouver, want 60", c)
	}
}

// TestAutomationMovesWhatFits: where the others cannot carry all services of a
// failing site, automation moves as many as they can, and says so of the rest.
func TestAutomationMovesWhatFits(t *testing.T) {
	g := newGuarded(t, func(f *fleet.Fleet) {
		for i := range f.Services {
			f.Services[i].Sites = []fleet.SiteID{"calgary", "vancouver"}
			f.Services[i].Transports = []fleet.Transport{fleet.UDP}
			f.Services[i].Load.Registrations = 600
		}
		f.Sites[2].Capacity.Registrations = 1000
	})
	g.down("calgary")
	for _, c := range steer.Decide(g.s, steer.Input{Now: g.now, Settled: true}) {
		g.must(c)
	}
	if len(g.s.Outs) != 1 || len(g.s.Advice) != 1 || g.s.Advice[0].Rule != steer.RuleCapacity {
		t.Errorf("out %v, advice %v; want one service moved and the other held by capacity", g.s.Outs, g.s.Advice)
	}
}

// TestApproveDoesWhatIsProposed: one command carries out what automation
// proposes, and nothing else.
func TestApproveDoesWhatIsProposed(t *testing.T) {
	g := newGuarded(t, func(f *fleet.Fleet) { f.Services[0].Automation = fleet.AutomationAdvise })
	if err := g.apply(steer.Command{Kind: steer.KindApprove, Site: "calgary"}); err == nil {
		t.Error("approved although nothing is proposed")
	}
	g.verdict("calgary", fleet.TLS, health.Down, health.CauseTLSHang)
	for _, c := range steer.Decide(g.s, steer.Input{Now: g.now, Settled: true}) {
		g.must(c)
	}
	if len(g.s.Advice) != 1 || !strings.Contains(g.s.Advice[0].Next, "sipsteer approve calgary") {
		t.Fatalf("advice %+v", g.s.Advice)
	}
	g.must(steer.Command{Kind: steer.KindApprove, Site: "calgary"})
	if got := targetsText(g.s, fleet.TLS); got != "vancouver 20/100, ottawa 30/100" {
		t.Errorf("answers after the approval: %s", got)
	}
	for _, o := range g.s.Outs {
		if by := map[fleet.ServiceID]string{"west.voice.example.net": "alice", "east.voice.example.net": steer.AutomationOwner}[o.Service]; o.By != by {
			t.Errorf("taken out of %s by %s, want %s", o.Service, o.By, by)
		}
	}
}
