package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func TestCompare(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	do := func(s steer.State, c steer.Command) steer.State {
		t.Helper()
		now = now.Add(time.Second)
		c.Version, c.At, c.By, c.Reason = 1, now, "alice", "kernel"
		s, _, err := steer.Apply(s, c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	f := fleettest.ThreeSites()
	first := do(steer.New(), steer.Command{Kind: steer.KindSetFleet, Fleet: &f})
	g := fleettest.ThreeSites()
	g.Policy.TTLNormal = fleet.Duration(90 * time.Second)
	g.Services[0].Sites = []fleet.SiteID{"vancouver", "ottawa"}
	second := do(first, steer.Command{Kind: steer.KindSetFleet, Fleet: &g})
	third := do(second, steer.Command{Kind: steer.KindDrain, Site: "calgary", Now: true, For: fleet.Duration(time.Hour), Override: []steer.Rule{steer.RuleTargetProven}})

	var b strings.Builder
	c, err := Compare(first, third)
	if err != nil {
		t.Fatal(err)
	}
	c.Write(&b)
	for _, want := range []string{
		"from epoch 1 to epoch 3", "- policy.ttl_normal: 1m0s", "+ policy.ttl_normal: 1m30s",
		"- services[west.voice.example.net].sites: calgary, vancouver, ottawa", "+ services[west.voice.example.net].sites: vancouver, ottawa",
		"+ drain calgary: refuse, by alice: kernel", "calgary      udp  open -> refuses new work", "TTL 60 -> ",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
	if c, err := Compare(third, third); err != nil || len(c.Fleet)+len(c.Intents)+len(c.Records)+len(c.Gates) != 0 {
		t.Errorf("a State differs from itself: %+v, %v", c, err)
	}
}

// TestPlanOfAFleetFile: a fleet file that answers nothing in another way is no
// plan without a change: what it sets is shown.
func TestPlanOfAFleetFile(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	f := fleettest.ThreeSites()
	s, _, err := steer.Apply(steer.New(), steer.Command{Version: 1, Kind: steer.KindSetFleet, At: now, By: "t", Fleet: &f})
	if err != nil {
		t.Fatal(err)
	}
	other := fleettest.ThreeSites()
	other.Services[0].Automation = fleet.AutomationAdvise
	for _, x := range []struct {
		f    fleet.Fleet
		want string
	}{{other, "- services[west.voice.example.net].automation: act\n  + services[west.voice.example.net].automation: advise\n"}, {f, "nothing would change"}} {
		p, err := Make(s, steer.Command{Version: 1, Kind: steer.KindSetFleet, By: "t", Reason: "r", Fleet: &x.f}, now)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		p.Write(&out)
		if !strings.Contains(out.String(), x.want) {
			t.Errorf("want %q in\n%s", x.want, out.String())
		}
	}
}

// TestEveryRefusal: a plan names every guard that would refuse, not only the
// first; one that cannot be overridden is the last.
func TestEveryRefusal(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	f := fleettest.ThreeSites()
	f.Policy.MinSites = 2
	s := steer.New()
	for _, c := range []steer.Command{
		{Kind: steer.KindSetFleet, Fleet: &f},
		{Kind: steer.KindDrain, Site: "calgary", For: fleet.Duration(time.Hour), Now: true, Override: []steer.Rule{steer.RuleTargetProven}},
	} {
		c.Version, c.At, c.By, c.Reason = 1, now, "alice", "kernel"
		var err error
		if s, _, err = steer.Apply(s, c); err != nil {
			t.Fatal(err)
		}
	}
	drain := steer.Command{Version: 1, Kind: steer.KindDrain, Site: "ottawa", For: fleet.Duration(time.Hour), By: "bob", Reason: "r"}
	p, err := Make(s, drain, now)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	p.Write(&out)
	if want := "all of them are passed with --override min-sites --override target-proven --override one-at-a-time\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("want %q at the end of\n%s", want, out.String())
	}
	drain.Override = []steer.Rule{steer.RuleMinSites, steer.RuleTargetProven, steer.RuleOneAtATime}
	if p, err = Make(s, drain, now); err != nil || p.Refusal != nil {
		t.Errorf("with all of them: %v, %+v", err, p.Refusal)
	}
	drain.Site, drain.For = "ottawa", fleet.Duration(100*time.Hour) // a hard one is alone
	if p, err = Make(s, drain, now); err != nil || p.Refusal == nil || !p.Refusal.Hard || len(p.Also) > 0 {
		t.Errorf("without an end that may be: %v, %+v", err, p)
	}
}
