package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// comesBack runs the built-in failback of calgary, which everyone has left, up to
// its first step.
func comesBack(t *testing.T, values map[string]string) *drillDay {
	t.Helper()
	d := newCohortDay(t)
	d.tenants(300)
	d.do(steer.Command{Kind: steer.KindFailover, By: "alice", Reason: "fire", Site: "calgary"})
	d.now = d.now.Add(3 * time.Hour) // nobody is moved twice within a registration period
	b, _, err := config.BuiltinRunbook("failback")
	if err != nil {
		t.Fatal(err)
	}
	values["site"] = "calgary"
	p, err := runbook.Bind(b, values, d.state.Fleet)
	if err != nil {
		t.Fatal(err)
	}
	d.do(steer.Command{Kind: steer.KindRunStart, By: "alice", Reason: "mended", Run: &steer.RunChange{Procedure: p}})
	d.pass(2 * time.Minute)
	d.do(steer.Command{Kind: steer.KindRunApprove, By: "alice", Run: &steer.RunChange{ID: d.state.Runs[0].ID, Step: "agree"}})
	d.pass(2 * time.Second)
	return d
}

// TestFailbackBookByCohorts: customers come back one after the other, each whole,
// or some of them and nobody else.
func TestFailbackBookByCohorts(t *testing.T) {
	five := fleet.AllTenants().First(5)
	for name, c := range map[string]struct {
		values map[string]string
		first  fleet.Cohort // to whom calgary is named first
		last   fleet.Cohort
	}{
		"by weights":   {map[string]string{}, fleet.Everyone(), fleet.Everyone()},
		"by customers": {map[string]string{"pace": "cohorts"}, five.Or(fleet.CohortOf(fleet.OwnName)), fleet.Everyone()},
		"some of them": {map[string]string{"cohort": "5%"}, five, five},
	} {
		t.Run(name, func(t *testing.T) {
			d := comesBack(t, c.values)
			west := d.state.Fleet.Services[0].Name
			if back := fleet.Everyone().Without(d.away(west, "calgary")); back != c.first {
				t.Errorf("first buckets %s are back", back)
			}
			d.pass(6 * time.Hour)
			if back := fleet.Everyone().Without(d.away(west, "calgary")); back != c.last {
				t.Errorf("at last buckets %s are back", back)
			}
			if r := d.state.Runs[0]; r.State != steer.RunDone {
				t.Errorf("the run is %s: %s", r.State, r.Why)
			}
		})
	}
}

// TestFailbackBookOfACohortIsUndone: what is taken back is what came back.
func TestFailbackBookOfACohortIsUndone(t *testing.T) {
	d := comesBack(t, map[string]string{"cohort": "5%"})
	d.pass(30 * time.Minute)
	d.person(steer.KindRunUndo)
	d.pass(time.Hour)
	five := fleet.AllTenants().First(5)
	if len(d.state.Drains) != 1 || d.state.Drains[0].Cohort != five || !strings.HasPrefix(d.state.Drains[0].Reason, "runbook failback: ") {
		t.Errorf("%s %+v", d.state.Runs[0].State, d.state.Drains)
	}
}

// TestBadWhomOfABook: a value that names nobody is refused before anything is done.
func TestBadWhomOfABook(t *testing.T) {
	d := newCohortDay(t)
	b, _, err := config.BuiltinRunbook("failback")
	if err != nil {
		t.Fatal(err)
	}
	for value, bad := range map[string]string{"cohort": "half", "pace": "slow"} {
		if _, err := runbook.Bind(b, map[string]string{"site": "calgary", value: bad}, d.state.Fleet); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s=%s: %v", value, bad, err)
		}
	}
}
