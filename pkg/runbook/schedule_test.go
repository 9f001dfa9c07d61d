package runbook_test

import (
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestDueDrill: a drill begins in its window, once in its days, and not beside
// another one.
func TestDueDrill(t *testing.T) {
	sunday := time.Date(2026, 5, 3, 3, 10, 0, 0, time.UTC)
	days := func(n int) time.Time { return sunday.AddDate(0, 0, -n) }
	for name, c := range map[string]struct {
		now  time.Time
		last time.Time
		runs []steer.Run
		due  bool
	}{
		"never practised":           {now: sunday, due: true},
		"outside of its window":     {now: sunday.Add(2 * time.Hour)},
		"another day":               {now: sunday.AddDate(0, 0, 1)},
		"two weeks ago, some later": {now: sunday, last: days(14).Add(40 * time.Minute), due: true},
		"a week ago":                {now: sunday, last: days(7)},
		"today":                     {now: sunday, last: sunday.Add(-time.Minute)},
		"one is under way":          {now: sunday, runs: []steer.Run{{State: steer.RunRunning, Procedure: steer.Procedure{Book: steer.DrillBook}}}},
		"one is over":               {now: sunday, runs: []steer.Run{{State: steer.RunDone, Procedure: steer.Procedure{Book: steer.DrillBook}}}, due: true},
	} {
		f := fleettest.ThreeSites()
		f.Policy.Drills = []fleet.Drill{{Site: "vancouver", When: "sun 03:00-04:00", EveryDays: 14}}
		s := steer.State{Fleet: &f, Runs: c.runs}
		if !c.last.IsZero() {
			s.Practice = []steer.Practice{{Site: "vancouver", At: c.last}}
		}
		if d, due := runbook.DueDrill(s, c.now); due != c.due || due && (d.Site != "vancouver" || d.Lasts() != 30*time.Minute) {
			t.Errorf("%s: due %v %+v", name, due, d)
		}
	}
	if _, due := runbook.DueDrill(steer.State{}, sunday); due {
		t.Error("a drill without a fleet")
	}
}
