package plan_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// loaded is the three-site fleet with loads, all up.
func loaded(t *testing.T, change func(*fleet.Fleet)) steer.State {
	t.Helper()
	f := fleettest.ThreeSites()
	f.Services[0].Load = fleet.Load{Registrations: 6000, Calls: 300}
	f.Services[1].Load = fleet.Load{Registrations: 3000, Calls: 150}
	if change != nil {
		change(&f)
	}
	s, _, err := steer.Apply(steer.New(), steer.Command{Version: 1, Kind: steer.KindSetFleet, At: noon, By: "t", Fleet: &f})
	if err != nil {
		t.Fatal(err)
	}
	var vs []health.Verdict
	for _, site := range f.Sites {
		for _, l := range site.Softswitches[0].Listeners {
			c := health.Check{Target: health.Target{Site: site.Name, Switch: site.Softswitches[0].Name, Transport: l.Transport}, Kind: health.Options}
			vs = append(vs, health.Verdict{Check: c, Status: health.Up, Since: noon})
		}
	}
	slices.SortFunc(vs, func(a, b health.Verdict) int { return a.Check.Compare(b.Check) })
	s, _, err = steer.Apply(s, steer.Command{Version: 1, Kind: steer.KindVerdicts, At: noon, By: "t", Verdicts: vs})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func made(t *testing.T, s steer.State, c steer.Command) plan.Plan {
	t.Helper()
	c.Version, c.By, c.Reason = 1, "alice", "because"
	if c.For == 0 {
		c.For = fleet.Duration(time.Hour)
	}
	p, err := plan.Make(s, c, noon)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlanSaysWhatMoves(t *testing.T) {
	s := loaded(t, nil)
	p := made(t, s, steer.Command{Kind: steer.KindDrain, Site: "calgary", Now: true})
	if p.Moved == nil || p.Moved.Registrations != 6000 || p.Moved.Calls != 300 || p.Moved.To95.D() != 57*time.Second {
		t.Fatalf("moved %+v", p.Moved)
	}
	vancouver := p.Loads[2]
	// 6000 registrations that refresh in a minute, and two thirds of them, over
	// TCP and TLS, whose connections the gate closes within ten seconds.
	if vancouver.Site != "vancouver" || vancouver.After.Registrations != 6000 || math.Round(vancouver.RegisterPeak) != 100+400 || math.Round(vancouver.HandshakePeak) != 200 {
		t.Errorf("vancouver %+v", vancouver)
	}
	if p.Loads[1].Before != p.Loads[1].After {
		t.Errorf("ottawa %+v", p.Loads[1])
	}
	gentle := made(t, s, steer.Command{Kind: steer.KindDrain, Site: "calgary"})
	if got := math.Round(gentle.Loads[2].RegisterPeak); got != 100 {
		t.Errorf("a planned drain makes a storm of %v REGISTER/s", got)
	}
	if gentle.Moved.To95 <= p.Moved.To95 {
		t.Errorf("a planned drain takes %s, a sudden one %s", gentle.Moved.To95, p.Moved.To95)
	}
	tls := made(t, s, steer.Command{Kind: steer.KindDrain, Site: "calgary", Transport: fleet.TLS, Now: true})
	if tls.Moved.Registrations != 2000 {
		t.Errorf("TLS alone: %+v", tls.Moved)
	}
	var b bytes.Buffer
	p.Write(&b)
	for _, want := range []string{"6000 registrations and the next 300 calls move", "0 -> 6000", "within 57s"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the plan does not say %q:\n%s", want, b.String())
		}
	}
}

// TestPlanWarnsOfTheStorm: what fits in peace may be too much while it arrives.
func TestPlanWarnsOfTheStorm(t *testing.T) {
	s := loaded(t, func(f *fleet.Fleet) { f.Sites[2].Capacity = fleet.Capacity{RegisterRate: 200, TLSHandshakeRate: 100} })
	p := made(t, s, steer.Command{Kind: steer.KindDrain, Site: "calgary", Now: true})
	if p.Refusal != nil || len(p.Loads[2].Over) != 2 {
		t.Errorf("refusal %+v, over %q", p.Refusal, p.Loads[2].Over)
	}
	if gentle := made(t, s, steer.Command{Kind: steer.KindDrain, Site: "calgary"}); len(gentle.Loads[2].Over) != 0 {
		t.Errorf("a planned drain: over %q", gentle.Loads[2].Over)
	}
}

func TestWithoutLoadsNothingIsSaid(t *testing.T) {
	s := loaded(t, func(f *fleet.Fleet) { f.Services[0].Load, f.Services[1].Load = fleet.Load{}, fleet.Load{} })
	if p := made(t, s, steer.Command{Kind: steer.KindDrain, Site: "calgary", Now: true}); p.Loads != nil || p.Moved != nil {
		t.Errorf("loads %+v, moved %+v", p.Loads, p.Moved)
	}
}

func TestQuantileOfTwoTimes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, tt := range [][2]time.Duration{{time.Minute, time.Minute}, {time.Minute, time.Hour}, {time.Second, time.Minute}, {20 * time.Second, 90 * time.Second}} {
		sums := make([]float64, 20000)
		for i := range sums {
			sums[i] = rnd.Float64()*tt[0].Seconds() + rnd.Float64()*tt[1].Seconds()
		}
		slices.Sort(sums)
		want := sums[len(sums)*95/100]
		if got := plan.Quantile95(tt[0], tt[1]).Seconds(); math.Abs(got-want) > 0.03*want+1 {
			t.Errorf("%v: %.1f s, drawn %.1f s", tt, got, want)
		}
	}
}
