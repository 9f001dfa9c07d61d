package runbook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func (d *desk) forecast(id string) runbook.Forecast {
	d.t.Helper()
	d.facts.State = d.state
	list := runbook.Forecasts(&d.facts, d.run(id), d.now)
	if len(list) != 1 {
		d.t.Fatalf("%d steps under way, want one: %+v", len(list), list)
	}
	return list[0]
}

// TestForecastsComeTrue: what is told of a step is when it ends, from its first
// second on, since the same functions decide.
func TestForecastsComeTrue(t *testing.T) {
	for name, c := range map[string]struct {
		step steer.Step
		why  string
	}{
		"a drain":        {steer.Step{Do: steer.ActDrain, Site: "calgary", Until: `stage("calgary") == "done"`}, "out of the answers in"},
		"a drain's stay": {steer.Step{Do: steer.ActDrain, Site: "calgary", Until: `stage("calgary") in ["refuse", "done"]`, Stays: fleet.Duration(30 * time.Second)}, "out of the answers in"},
		"a return":       {steer.Step{Do: steer.ActUndrain, Site: "vancouver", Until: `share("vancouver") == 100`}, "comes back from"},
		"a gate":         {steer.Step{Do: steer.ActWait, Until: `left("calgary") == 0`}, "7 registrations left at calgary, the last one expected"},
		"a calm":         {steer.Step{Do: steer.ActWait, Until: `well("ottawa")`, Stays: fleet.Duration(time.Minute)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			empty := d.now.Add(10 * time.Minute)
			d.facts.Left = map[fleet.SiteID]int{"calgary": 7}
			d.facts.Empty = map[fleet.SiteID]time.Time{"calgary": empty}
			if c.step.Do == steer.ActUndrain {
				d.must(steer.Command{Kind: steer.KindDrain, Site: "vancouver", By: "bob", Reason: "r", For: fleet.Duration(time.Hour), Now: true})
				d.now = d.now.Add(10 * time.Second)
			}
			c.step.ID = "a"
			id := d.start(book(c.step), nil)
			d.pass(2 * time.Second)
			first := d.forecast(id)
			if first.Due.IsZero() || !strings.Contains(first.Why, c.why) {
				t.Fatalf("%+v, want why %q", first, c.why)
			}
			for d.run(id).State == steer.RunRunning && d.now.Before(first.Limit) {
				if done, ok := d.forecast(id).Done(d.now); !ok || done < 0 || done > 1 {
					t.Fatalf("%v of the step is over (%v)", done, ok)
				}
				d.pass(time.Second)
				if !d.now.Before(empty) {
					d.facts.Left["calgary"] = 0
				}
			}
			d.wants(id, steer.RunDone)
			if off := d.run(id).Progress[0].EndedAt.Sub(first.Due); off.Abs() > 2*time.Second {
				t.Errorf("it ended %s after what was told at first", off)
			}
		})
	}
}

// TestNoForecastOfWhatNoClockTells: people, softswitches and programs have no
// bar, and the reason is named.
func TestNoForecastOfWhatNoClockTells(t *testing.T) {
	for name, c := range map[string]struct {
		step       steer.Step
		waits, why string
	}{
		"two people":                  {steer.Step{Do: steer.ActApprove, Text: "go?", People: 2, Role: steer.RoleAdmin}, "go?", "0 of 2 approvals; next a person with role admin"},
		"a person":                    {steer.Step{Do: steer.ActManual, Text: "restart it"}, "restart it", "a person ticks it off"},
		"a softswitch":                {steer.Step{Do: steer.ActWait, Until: `well("ottawa")`}, "well", "ottawa udp is down"},
		"a program":                   {steer.Step{Do: steer.ActExec, Command: []string{"/bin/true"}}, "/bin/true", "attempt 1"},
		"a gate that cannot be asked": {steer.Step{Do: steer.ActWait, Until: `left("ottawa") == 0`}, "left", "are not known"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.mute = true
			d.health("ottawa", health.Down)
			c.step.ID = "a"
			id := d.start(book(c.step), nil)
			d.pass(2 * time.Second)
			f := d.forecast(id)
			if !f.Due.IsZero() || !strings.Contains(f.Waits, c.waits) || !strings.Contains(f.Why, c.why) {
				t.Errorf("%+v", f)
			}
		})
	}
}
