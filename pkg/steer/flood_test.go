package steer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// flooded is a fleet that acts by itself, in which calgary fails over UDP and
// vancouver over TCP, each with a gate that finds the source loud.
func flooded(t *testing.T, newest int) (*guarded, steer.Input) {
	t.Helper()
	g := newGuarded(t, func(f *fleet.Fleet) {
		for i := range f.Services {
			f.Services[i].Automation = fleet.AutomationAct
		}
	})
	g.verdict("calgary", fleet.UDP, health.Down, health.CauseTimeout)
	g.verdict("vancouver", fleet.TCP, health.Down, health.CauseSlow)
	const source = "203.0.113.7/32"
	return g, steer.Input{Now: g.now, Settled: true, Newest: newest, Loud: append(loudAt("calgary", source), loudAt("vancouver", source)...)}
}

func (g *guarded) decides(in steer.Input) {
	g.t.Helper()
	for _, c := range steer.Decide(g.s, in) {
		g.must(c)
	}
	if again := steer.Decide(g.s, in); len(again) != 0 {
		g.t.Errorf("decided twice: %+v", again)
	}
}

// TestASharedSourceIsTold: why and the advice name the source and the command that
// keeps it out everywhere; once it is kept out, what is to be done is to wait.
func TestASharedSourceIsTold(t *testing.T) {
	g, in := flooded(t, 0)
	g.decides(in)
	if len(g.s.Outs) != 0 || len(g.s.Brakes) != 2 {
		t.Fatalf("outs %+v, brakes %+v", g.s.Outs, g.s.Brakes)
	}
	next := func(begins string) {
		t.Helper()
		if len(g.s.Advice) == 0 {
			t.Fatal("nothing is advised")
		}
		for _, a := range g.s.Advice {
			if a.Rule != steer.RuleCommonCause || !strings.HasPrefix(a.Next, begins) || !strings.Contains(a.Next, "sipsteer failover "+string(a.Site)) {
				t.Errorf("advice %+v, want %s", a, begins)
			}
		}
	}
	next("sipsteer gate quarantine add 203.0.113.7 --for 30m --reason …   # keeps that source out at all sites (policy.isolate")
	for _, svc := range g.f.Services {
		why, err := steer.Explain(g.s, string(svc.Name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(fmt.Sprint(why.Events), "one source, 203.0.113.7, floods the gates of calgary and vancouver") {
			t.Errorf("why %s: %+v", svc.Name, why.Events)
		}
		if len(why.HeldBack) == 0 || !strings.Contains(why.HeldBack[0].Text, "one source, 203.0.113.7,") || why.HeldBack[0].Next == "" {
			t.Errorf("why %s: held back %+v", svc.Name, why.HeldBack)
		}
	}
	g.must(keepOut("203.0.113.0/24", "", 3600e9))
	in.Loud, g.s.Advice = nil, nil
	g.decides(in)
	next("sipsteer gate quarantine list   # 203.0.113.7 is kept out at these sites: they should recover")
}

// TestFloodsWaitForEveryVoter: while a voter does not know of floods, all else goes
// on as before.
func TestFloodsWaitForEveryVoter(t *testing.T) {
	g, in := flooded(t, 3)
	g.decides(in)
	if g.s.Format > 3 || len(g.s.Floods) != 0 || len(g.s.Outs) == 0 {
		t.Errorf("format %d, floods %+v, outs %+v", g.s.Format, g.s.Floods, g.s.Outs)
	}
	in.Newest = 0
	g.decides(in)
	if len(g.s.Floods) != 2 {
		t.Errorf("floods %+v", g.s.Floods)
	}
	if n := (steer.Command{Kind: steer.KindFloods}).Needs(); n != 4 {
		t.Errorf("version %d", n)
	}
	g, in = flooded(t, 3)
	g.s.Format = 4 // the fleet has used them before
	if g.decides(in); len(g.s.Floods) != 2 {
		t.Errorf("floods %+v", g.s.Floods)
	}
}

// TestFloodsAreBounded: however many there are, and Decide comes to rest; they are
// forgotten with the failure.
func TestFloodsAreBounded(t *testing.T) {
	g, in := flooded(t, 0)
	for i := range 2 * steer.MaxFloods {
		in.Loud = append(in.Loud, loudAt("calgary", fmt.Sprintf("198.51.%d.%d/32", i/256, i%256))...)
	}
	g.decides(in)
	in.Loud = loudAt("vancouver", "192.0.2.1/32")
	g.decides(in)
	if n := len(g.s.Floods); n == 0 || n > steer.MaxFloods {
		t.Errorf("%d are remembered", n)
	}
	g.verdict("calgary", fleet.UDP, health.Up, health.CauseNone)
	g.verdict("vancouver", fleet.TCP, health.Up, health.CauseNone)
	if g.decides(in); len(g.s.Floods) != 0 || len(g.s.Brakes) != 0 {
		t.Errorf("when all is well: %+v, brakes %+v", g.s.Floods, g.s.Brakes)
	}
}
