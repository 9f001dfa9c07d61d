package steer_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// edmonton is seven hours behind UTC in winter.
const edmonton = -7 * 3600

// newWindowed may fail back at night only. It is noon UTC, 05:00 at Edmonton.
func newWindowed(t *testing.T) *guarded {
	t.Helper()
	g := newGuarded(t, func(f *fleet.Fleet) {
		f.Policy.Failback = fleet.FailbackPolicy{Windows: []string{"daily 02:00-04:00"}, Blocked: []string{"thu 02:00-03:00"}, TimeZone: "America/Edmonton"}
	})
	g.offset = edmonton
	g.now = g.now.Add(time.Second)
	g.must(steer.Command{Kind: steer.KindHold, For: fleet.Duration(time.Hour)}) // any command brings the offset
	return g
}

// A person who brings a site back outside the windows is told when the next one
// opens, and how to do it all the same.
func TestFailbackWaitsForItsWindow(t *testing.T) {
	g := newWindowed(t)
	g.down("calgary")
	g.must(steer.Command{Kind: steer.KindFailover, Site: "calgary"})
	g.verdict("calgary", 0, health.Up, "")
	g.now = g.now.Add(time.Hour) // Thursday 1 January 2026, 06:00 at Edmonton
	var r *steer.Refusal
	err := g.apply(steer.Command{Kind: steer.KindFailback, Site: "calgary"})
	if !errors.As(err, &r) || r.Rule != steer.RuleFailbackTime || r.Hard {
		t.Fatalf("%v", err)
	}
	for _, want := range []struct{ have, want string }{
		{r.Value, "Thu 2026-01-01 06:00 America/Edmonton"},
		{r.Limit, "opens Fri 2026-01-02 02:00, in 20h0m0s"},
		{r.Next, "sipsteer failback calgary --reason \"because\" --override failback-window"},
		{r.Text, "daily 02:00-04:00; not thu 02:00-03:00 America/Edmonton"},
	} {
		if !strings.Contains(want.have, want.want) {
			t.Errorf("%q does not say %q", want.have, want.want)
		}
	}
	g.must(steer.Command{Kind: steer.KindFailback, Site: "calgary", Override: []steer.Rule{steer.RuleFailbackTime}})
	g.lead(3 * time.Minute)
	if len(g.s.Outs) != 0 {
		t.Errorf("who overrides the window does not wait for it between the steps: %+v", g.s.Failbacks)
	}
}

// What a drain took away comes back by itself in the next window; a window that
// closes stops the steps, and the next one goes on.
func TestReturnWaitsForItsWindow(t *testing.T) {
	g := newWindowed(t)
	c := hourDrain("calgary")
	c.Now = true
	g.must(c)
	g.now = g.now.Add(2 * time.Hour)
	g.lead(time.Second) // the drain has ended by its time
	if len(g.s.Failbacks) != 1 || len(g.s.Drains) != 0 {
		t.Fatalf("%+v", g.s.Failbacks)
	}
	g.lead(time.Minute)
	due, waits := steer.FailbackDue(g.s, g.s.Failbacks[0], g.now)
	opens := time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	if g.s.Failbacks[0].Step != -1 || !due.Equal(opens) || !waits {
		t.Fatalf("step %d, due %s", g.s.Failbacks[0].Step, due)
	}
	if next, ok := steer.NextDue(g.s, g.now); !ok || next.After(opens) {
		t.Errorf("the leader would sleep until %s", next)
	}
	g.now = opens.Add(2*time.Hour - 30*time.Second)
	g.lead(time.Minute)
	if len(g.s.Failbacks) != 1 || g.s.Failbacks[0].Step != 0 {
		t.Fatalf("half a minute of the window was left for one step: %+v", g.s.Failbacks)
	}
	g.lead(10 * time.Minute)
	if g.s.Failbacks[0].Step != 0 {
		t.Error("a step was taken outside of the window")
	}
	g.now = opens.Add(24 * time.Hour)
	g.lead(2 * time.Minute)
	if len(g.s.Failbacks)+len(g.s.Outs) != 0 {
		t.Errorf("the next window has not brought the rest: %+v", g.s.Failbacks)
	}
}

// TestNothingComesBackOutsideTheWindows plays random people, failures and time:
// a slot comes back, or a step is taken, in a window or for who overrides it.
func TestNothingComesBackOutsideTheWindows(t *testing.T) {
	back, waited := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m := newModel()
		f := *m.state.Fleet
		f.Policy.Failback = fleet.FailbackPolicy{Windows: []string{"daily 01:00-03:00", "sat-sun 10:00-16:00"}, Blocked: []string{"daily 02:00-02:30"}}
		m.state, _, _ = steer.Apply(m.state, steer.Command{Version: 2, Kind: steer.KindSetFleet, At: m.now, By: "init", Fleet: &f})
		schedule := f.Policy.Failback.Schedule()
		check := func(c steer.Command, before steer.State) {
			open := schedule.Open(m.now)
			for _, o := range before.Outs {
				still := outFor(m.state, o.Slot)
				if !outFor(before, o.Slot).Without(still).IsZero() {
					allowed := open
					for _, r := range c.Override {
						allowed = allowed || r == steer.RuleFailbackTime
					}
					for _, fb := range before.Failbacks {
						allowed = allowed || fb.Site == o.Site && fb.AnyTime
					}
					if back++; !allowed {
						t.Fatalf("%s came back at %s by %s", o.Slot, m.now, c.Kind)
					}
				}
			}
			for i := range m.state.Failbacks {
				if fb := &m.state.Failbacks[i]; fb.Step >= 0 && fb.StepAt.Equal(m.now) && !fb.AnyTime && !open {
					t.Fatalf("a step of %s at %s", fb.Site, m.now)
				} else if fb.Step < 0 && !open {
					waited++
				}
			}
		}
		step := func(c steer.Command) {
			before := m.state
			m.state, _, _ = steer.Apply(before, c) // TestRulesHold looks at everything else
			check(c, before)
		}
		lead := func() {
			for _, c := range steer.Decide(m.state, steer.Input{Now: m.now, Verdicts: m.verdicts, Settled: true}) {
				step(c)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"operator": func(t *rapid.T) {
				c := m.command(t)
				c.Cohort = fleet.Cohort{}
				if rapid.IntRange(0, 3).Draw(t, "window") == 0 {
					c.Override = append(c.Override, steer.RuleFailbackTime)
				}
				step(c)
				lead()
			},
			"there and back": func(t *rapid.T) { // by people who pass every other rule
				site := anySite.Draw(t, "site")
				pass := []steer.Rule{steer.RuleManualBack, steer.RuleTargetProven, steer.RuleOneAtATime}
				step(steer.Command{Version: 1, Kind: steer.KindFailover, At: m.now, By: "alice", Reason: "because", Site: site, Override: pass})
				m.now = m.now.Add(time.Duration(rapid.IntRange(1, 14400).Draw(t, "seconds")) * time.Second)
				if rapid.Bool().Draw(t, "at any time") {
					pass = append(pass, steer.RuleFailbackTime)
				}
				step(steer.Command{Version: 1, Kind: steer.KindFailback, At: m.now, By: "alice", Reason: "because", Site: site, Override: pass, Now: rapid.Bool().Draw(t, "now")})
			},
			"verdict": func(t *rapid.T) { m.fail(t); lead() },
			"time": func(t *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.IntRange(1, 14400).Draw(t, "seconds")) * time.Second)
				lead()
			},
		})
	})
	if back == 0 || waited == 0 {
		t.Errorf("%d came back, %d waited: nothing was tried", back, waited)
	}
}
