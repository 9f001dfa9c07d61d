package agent

import (
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// drillDay carries a drill out in virtual time, as a leader does.
type drillDay struct {
	t     *testing.T
	now   time.Time
	state steer.State
}

func (d *drillDay) do(c steer.Command) {
	d.t.Helper()
	c.Version, c.At = steer.CommandVersion, d.now
	next, _, err := steer.Apply(d.state, c)
	if err != nil {
		d.t.Fatalf("%s: %v", c.Kind, err)
	}
	d.state = next
}

func (d *drillDay) health(site fleet.SiteID, s health.Status) {
	for _, l := range d.state.Fleet.Site(site).Softswitches[0].Listeners {
		c := health.Check{Target: health.Target{Site: site, Switch: d.state.Fleet.Site(site).Softswitches[0].Name, Transport: l.Transport}, Kind: health.Options}
		d.do(steer.Command{Kind: steer.KindVerdicts, By: steer.AutomationOwner, Verdicts: []health.Verdict{{Check: c, Status: s, Since: d.now}}})
	}
}

func newDrillDay(t *testing.T, lasts time.Duration) *drillDay {
	t.Helper()
	d := &drillDay{t: t, now: time.Date(2026, 5, 4, 3, 0, 0, 0, time.UTC), state: steer.New()}
	f := fleettest.ThreeSites()
	d.do(steer.Command{Kind: steer.KindSetFleet, By: "init", Fleet: &f})
	for _, s := range f.SiteIDs() {
		d.health(s, health.Up)
	}
	b, err := config.ParseRunbook("drill.yaml", runbook.DrillText(lasts, ""))
	if err != nil {
		t.Fatal(err)
	}
	p, err := runbook.Bind(b, map[string]string{"site": "calgary"}, d.state.Fleet)
	if err != nil {
		t.Fatal(err)
	}
	if r := runbook.Refused(p, &runbook.Facts{State: d.state}); r != nil {
		t.Fatalf("refused: %v", r)
	}
	d.do(steer.Command{Kind: steer.KindRunStart, By: "alice", Reason: "monthly", Run: &steer.RunChange{Procedure: p}})
	return d
}

// pass lets time go by until the run has ended, at most so long.
func (d *drillDay) pass(most time.Duration) {
	d.t.Helper()
	for end := d.now.Add(most); d.now.Before(end) && d.state.Runs[0].Live(); d.now = d.now.Add(time.Second) {
		for _, c := range steer.Decide(d.state, steer.Input{Now: d.now, Settled: true}) {
			d.do(c)
		}
		for moves := 1; moves > 0; {
			next := runbook.Next(&runbook.Facts{State: d.state}, d.now, func(string) bool { return false })
			for _, c := range next {
				d.do(c)
			}
			moves = len(next)
		}
	}
}

func TestDrillVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		during func(d *drillDay)
		want   steer.DrillVerdict
	}{
		"all goes well":               {func(*drillDay) {}, steer.DrillSucceeded},
		"another site breaks down":    {func(d *drillDay) { d.health("ottawa", health.Down) }, steer.DrillCapacity},
		"a person takes it back":      {func(d *drillDay) { d.person(steer.KindRunUndo) }, steer.DrillInterrupted},
		"a person ends it":            {func(d *drillDay) { d.person(steer.KindRunAbort) }, steer.DrillInterrupted},
		"a person opens an incident":  {func(d *drillDay) { d.incident() }, steer.DrillInterrupted},
		"the site does not come back": {func(d *drillDay) { d.health("calgary", health.Unknown) }, steer.DrillFailed},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDrillDay(t, 10*time.Minute)
			d.pass(6 * time.Minute)
			if d.state.Runs[0].State != steer.RunRunning || len(d.state.Drains) != 1 {
				t.Fatalf("after six minutes: %s %s", d.state.Runs[0].State, d.state.Runs[0].Why)
			}
			c.during(d)
			d.pass(6 * time.Hour)
			if len(d.state.Practice) != 1 || d.state.Practice[0].Verdict != c.want {
				t.Fatalf("%+v, want %s", d.state.Practice, c.want)
			}
			p := d.state.Practice[0]
			if good := c.want == steer.DrillSucceeded; good == p.GoodAt.IsZero() || good && (p.Leave <= 0 || p.Return <= 0) {
				t.Errorf("%+v", p)
			}
			if c.want != steer.DrillFailed && d.state.Runs[0].State != steer.RunAborted && len(d.state.Drains) != 0 {
				t.Errorf("the site is still drained: %+v", d.state.Drains)
			}
		})
	}
}

func (d *drillDay) person(kind steer.Kind) {
	d.do(steer.Command{Kind: kind, By: "bob", Reason: "enough", Run: &steer.RunChange{ID: d.state.Runs[0].ID}})
}

func (d *drillDay) incident() {
	d.do(steer.Command{Kind: steer.KindIncidentDeclare, By: "bob", Incident: &steer.IncidentChange{Text: "no ringing", Sites: []fleet.SiteID{"ottawa"}}})
}
