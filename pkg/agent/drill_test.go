package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// drillDay carries a drill out in virtual time, as a leader does.
type drillDay struct {
	t     *testing.T
	now   time.Time
	state steer.State
	// left is what calgary's gate says, and parts of whom they are; empty is from
	// when on nobody is left, and none of the first part.
	left  int
	parts []runbook.Part
	empty time.Time
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

func newDrillDay(t *testing.T, drill runbook.Drill) *drillDay {
	t.Helper()
	d := newCohortDay(t)
	d.begin(drill)
	return d
}

func (d *drillDay) bind(drill runbook.Drill) *steer.Procedure {
	d.t.Helper()
	b, err := config.ParseRunbook("drill.yaml", drill.Text())
	if err != nil {
		d.t.Fatal(err)
	}
	p, err := runbook.Bind(b, drill.Values("calgary"), d.state.Fleet)
	if err != nil {
		d.t.Fatal(err)
	}
	return p
}

func (d *drillDay) begin(drill runbook.Drill) {
	d.t.Helper()
	p := d.bind(drill)
	if r := runbook.Refused(p, &runbook.Facts{State: d.state}); r != nil {
		d.t.Fatalf("refused: %v", r)
	}
	d.do(steer.Command{Kind: steer.KindRunStart, By: "alice", Reason: "monthly", Run: &steer.RunChange{Procedure: p}})
}

// pass lets time go by until the run has ended, at most so long.
func (d *drillDay) pass(most time.Duration) {
	d.t.Helper()
	for end := d.now.Add(most); d.now.Before(end) && d.state.Runs[0].Live(); d.now = d.now.Add(time.Second) {
		for _, c := range steer.Decide(d.state, steer.Input{Now: d.now, Settled: true}) {
			d.do(c)
		}
		for moves := 1; moves > 0; {
			facts := &runbook.Facts{State: d.state}
			if !d.empty.IsZero() {
				facts.Left, facts.Parts = map[fleet.SiteID]int{"calgary": d.left}, map[fleet.SiteID][]runbook.Part{"calgary": d.parts}
				if !d.now.Before(d.empty) {
					facts.Left["calgary"], facts.Parts["calgary"] = 0, d.parts[min(1, len(d.parts)):]
				}
			}
			next := runbook.Next(facts, d.now, func(string) bool { return false })
			for _, c := range next {
				d.do(c)
			}
			for _, x := range runbook.Errands(&d.state, next) {
				d.do(steer.Command{Kind: steer.KindRunMove, By: steer.AutomationOwner, Run: &steer.RunChange{ID: x.Run, Step: x.Step, To: steer.MoveDone, Detail: "2 stragglers"}})
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
			d := newDrillDay(t, runbook.Drill{Lasts: 10 * time.Minute})
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

// TestDrillMeasuresTheRecovery: from its begin until nobody is left, beside the
// target of the fleet file; a drill that misses it has failed, and who was left
// is put on record.
func TestDrillMeasuresTheRecovery(t *testing.T) {
	for name, c := range map[string]struct {
		target, empty time.Duration
		want          steer.DrillVerdict
		recovery      time.Duration // 0: not in time
	}{
		"no target":             {0, 4 * time.Minute, steer.DrillSucceeded, 4 * time.Minute},
		"in time":               {5 * time.Minute, 4 * time.Minute, steer.DrillSucceeded, 4 * time.Minute},
		"too late":              {3 * time.Minute, 4 * time.Minute, steer.DrillFailed, 4 * time.Minute},
		"never, and no target":  {0, 5 * time.Hour, steer.DrillSucceeded, 0},
		"never, and one target": {3 * time.Minute, 5 * time.Hour, steer.DrillFailed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDrillDay(t, runbook.Drill{Lasts: 10 * time.Minute})
			f := *d.state.Fleet
			f.Policy.RecoveryTarget = fleet.Duration(c.target)
			d.do(steer.Command{Kind: steer.KindSetFleet, By: "init", Fleet: &f})
			d.left, d.empty = 12, d.now.Add(c.empty)
			d.pass(6 * time.Hour)
			p := d.state.Practice[0]
			if p.Verdict != c.want || (p.Recovery.D()-c.recovery).Abs() > 3*time.Second || p.Target.D() != c.target {
				t.Errorf("%+v", p)
			}
			if p.Stragglers != "2 stragglers" {
				t.Errorf("stragglers: %q", p.Stragglers)
			}
			if c.want == steer.DrillFailed && !strings.Contains(p.Why, "the target is "+fleet.Duration(c.target).String()) {
				t.Errorf("why: %q", p.Why)
			}
			if len(d.state.Drains)+len(d.state.Failbacks)+len(d.state.Outs) > 0 {
				t.Error("the site is not back")
			}
		})
	}
}

// TestStopIf: a drill stops and restores at a condition of its own.
func TestStopIf(t *testing.T) {
	text := runbook.Drill{Lasts: time.Minute, StopIf: []string{`stragglers("calgary") > 3`, `left("ottawa") > 100`}}.Text()
	b, err := config.ParseRunbook("drill.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(b.AbortIf); n != 4 || b.AbortIf[2] != `stragglers("calgary") > 3` {
		t.Errorf("%q", b.AbortIf)
	}
	if _, err := config.ParseRunbook("drill.yaml", runbook.Drill{Lasts: time.Minute, StopIf: []string{"stragglers("}}.Text()); err == nil {
		t.Error("half a condition is taken")
	}
}
