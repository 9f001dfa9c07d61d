package steer_test

import (
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// until begins a failover of calgary that lasts.
func (g *guarded) until(d time.Duration) {
	g.t.Helper()
	c := steer.Command{Kind: steer.KindFailover, At: g.now, By: "alice", Reason: "because", Site: "calgary", For: fleet.Duration(d)}
	c.Version = c.Needs()
	var err error
	if g.s, _, err = steer.Apply(g.s, c); err != nil {
		g.t.Fatal(err)
	}
}

// TestEndsNeedPrograms: a program that knows no ends of failovers would never
// bring the site back, so the command waits for every voter. What such a program
// wrote into the log, an end that it took no notice of, has none now either.
func TestEndsNeedPrograms(t *testing.T) {
	hour := fleet.Duration(time.Hour)
	for c, want := range map[*steer.Command]int{
		{Kind: steer.KindFailover}:                      1,
		{Kind: steer.KindFailover, For: hour}:           3,
		{Kind: steer.KindOutExpire}:                     3,
		{Kind: steer.KindDrain, For: hour}:              1,
		{Kind: steer.KindRollback, Past: &steer.Past{}}: 1,
		{Kind: steer.KindRollback, Past: &steer.Past{Outs: []steer.Out{{Until: time.Unix(1, 0)}}}}: 3,
	} {
		if got := c.Needs(); got != want {
			t.Errorf("%s for %s needs version %d, want %d", c.Kind, c.For, got, want)
		}
	}
	g := newGuarded(t, nil)
	g.must(steer.Command{Kind: steer.KindFailover, Site: "calgary", For: hour}) // of version 1
	for _, o := range g.s.Outs {
		if !o.Until.IsZero() {
			t.Fatalf("%s has an end, at %s", o.Slot, o.Until)
		}
	}
	if g.s.Format != 1 {
		t.Errorf("format %d", g.s.Format)
	}
	g.until(2 * time.Hour)
	if g.s.Format != 3 {
		t.Errorf("format %d after a failover with an end: an older program would read it", g.s.Format)
	}
}

// TestEndWaitsForItsLeader: the end is looked at by a leader that has heard the
// observers, and NextDue names it.
func TestEndWaitsForItsLeader(t *testing.T) {
	g := newGuarded(t, nil)
	g.until(time.Hour)
	end := g.now.Add(time.Hour)
	if due, ok := steer.NextDue(g.s, g.now); !ok || !due.Equal(end) {
		t.Fatalf("next due %s %v, want %s", due, ok, end)
	}
	g.now = end
	for _, settled := range []bool{false, true} {
		cmds := steer.Decide(g.s, steer.Input{Now: g.now, Settled: settled})
		if did := len(cmds) > 0; did != settled {
			t.Errorf("settled %v: %d commands", settled, len(cmds))
		}
	}
}

// TestEndWaitsForWindow: where traffic comes back at night only, so does what has
// an end at noon; nothing is refused for it.
func TestEndWaitsForWindow(t *testing.T) {
	g := newGuarded(t, func(f *fleet.Fleet) {
		f.Policy.Failback.Windows = []string{"daily 01:00-03:00"}
	})
	g.until(time.Hour)
	g.lead(2 * time.Hour)
	if len(g.s.Failbacks) != 1 || g.s.Failbacks[0].Step >= 0 {
		t.Fatalf("failbacks at two in the afternoon: %+v", g.s.Failbacks)
	}
	g.lead(14 * time.Hour)
	if n := len(g.s.Outs); n != 0 {
		t.Errorf("%d slots are out in the morning", n)
	}
}

// TestEndOfTheOthers: a failback of some tenants leaves the end of the failover as
// it was for the others.
func TestEndOfTheOthers(t *testing.T) {
	g := newTenanted(t, nil)
	g.until(time.Hour)
	g.now = g.now.Add(5 * time.Minute)
	g.must(steer.Command{Kind: steer.KindFailback, Site: "calgary", Service: west, Cohort: cohort(t, "5%"), Now: true})
	for _, o := range g.s.Outs {
		if o.Until.IsZero() || o.Service == west && o.Cohort.IsZero() {
			t.Fatalf("%s for %s: until %s", o.Slot, o.Cohort, o.Until)
		}
	}
	g.lead(time.Hour)
	if n := len(g.s.Outs); n != 0 {
		t.Errorf("%d slots are out", n)
	}
}

// TestEndOfWhatFails: a site that fails again when it comes back at its end steps
// back, and then waits for a person.
func TestEndOfWhatFails(t *testing.T) {
	g := newGuarded(t, nil)
	g.until(10 * time.Minute)
	g.lead(10*time.Minute + time.Second)
	g.down("calgary")
	g.lead(time.Second)
	g.verdict("calgary", 0, health.Up, "")
	g.lead(time.Hour)
	if len(g.s.Outs) == 0 {
		t.Fatal("it came back twice by itself")
	}
	for _, o := range g.s.Outs {
		if !o.Until.IsZero() || o.By != steer.AutomationOwner {
			t.Errorf("%s is out by %s %s", o.Slot, o.By, o.Lasts())
		}
	}
}

// TestRollbackPastAnEnd: an end that came since does not come back.
func TestRollbackPastAnEnd(t *testing.T) {
	g := newGuarded(t, nil)
	g.until(10 * time.Minute)
	past := steer.PastOf(g.s)
	g.lead(20 * time.Minute)
	if len(g.s.Outs) > 0 {
		t.Fatalf("%+v", g.s.Outs)
	}
	g.must(steer.Command{Kind: steer.KindRollback, Past: past})
	if len(g.s.Outs) > 0 {
		t.Errorf("rolled back into a failover that has ended: %+v", g.s.Outs)
	}
}

// TestRunbookWithAnEnd: for of a failover counts in runs that programs started
// which know ends, and in no other.
func TestRunbookWithAnEnd(t *testing.T) {
	book := &steer.Procedure{Book: "carrier", Sites: []fleet.SiteID{"calgary"}, Steps: []steer.Step{
		{ID: "away", Do: steer.ActFailover, Site: "calgary", For: "30m", Limit: fleet.Duration(time.Hour)},
	}}
	for version, want := range map[int]time.Duration{1: 0, 2: 0, 3: 30 * time.Minute} {
		g := newGuarded(t, nil)
		start := steer.Command{Kind: steer.KindRunStart, At: g.now, By: "alice", Reason: "r", Run: &steer.RunChange{Procedure: book}}
		if n := start.Needs(); n != 3 {
			t.Errorf("the run needs version %d", n)
		}
		start.Version = version
		var err error
		if g.s, _, err = steer.Apply(g.s, start); err != nil {
			t.Fatal(err)
		}
		g.must(steer.Command{Kind: steer.KindRunMove, By: steer.AutomationOwner, Run: &steer.RunChange{ID: g.s.Runs[0].ID, Step: "away", To: steer.MoveBegin}})
		if len(g.s.Outs) == 0 {
			t.Fatalf("version %d: nothing is out; the run is %s: %s", version, g.s.Runs[0].State, g.s.Runs[0].Why)
		}
		for _, o := range g.s.Outs {
			if got := o.Until.Sub(g.now); o.Until.IsZero() != (want == 0) || want != 0 && got != want {
				t.Errorf("version %d: %s is out %s", version, o.Slot, o.Lasts())
			}
		}
	}
}
