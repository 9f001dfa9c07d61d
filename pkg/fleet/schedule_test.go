package fleet_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
)

// anyWindows draws up to three windows of whole quarters of an hour.
func anyWindows(t *rapid.T, name string) []string {
	days := rapid.SampledFrom([]string{"mon", "daily", "mon-fri", "sat-sun", "fri-mon", "wed"})
	clock := func(label string) string {
		q := rapid.IntRange(0, 95).Draw(t, label)
		return fmt.Sprintf("%02d:%02d", q/4, q%4*15)
	}
	var out []string
	for range rapid.IntRange(0, 3).Draw(t, name) {
		from, to := clock("from"), clock("to")
		if from != to {
			out = append(out, days.Draw(t, "days")+" "+from+"-"+to)
		}
	}
	return out
}

// TestScheduleOpensNext compares with a walk through the week, minute by
// minute.
func TestScheduleOpensNext(t *testing.T) {
	never := 0
	rapid.Check(t, func(t *rapid.T) {
		p := fleet.FailbackPolicy{Windows: anyWindows(t, "windows"), Blocked: anyWindows(t, "blocked")}
		s := p.Schedule()
		from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 20*24*60).Draw(t, "minute")) * time.Minute)
		inside := func(list []string, at time.Time) bool {
			for _, text := range list {
				if w, err := fleet.ParseWindow(text); err != nil {
					t.Fatal(err)
				} else if w.Contains(at) {
					return true
				}
			}
			return false
		}
		var want time.Time
		for m := range 8 * 24 * 60 {
			at := from.Add(time.Duration(m) * time.Minute)
			open := (len(p.Windows) == 0 || inside(p.Windows, at)) && !inside(p.Blocked, at)
			if open != s.Open(at) {
				t.Fatalf("%s: open %v at %s", p, !open, at)
			}
			if open {
				want = at
				break
			}
		}
		got, ok := s.Next(from)
		if ok != !want.IsZero() || ok && !got.Equal(want) {
			t.Fatalf("%s opens at %s (%v) from %s on, want %s", p, got, ok, from, want)
		}
		if !ok {
			never++
		}
	})
	t.Logf("%d never opened", never)
}

func TestFailbackPolicyIsChecked(t *testing.T) {
	for path, p := range map[string]fleet.FailbackPolicy{
		"$.policy.failback.pace":       {Pace: "sprint"},
		"$.policy.failback.windows[1]": {Windows: []string{"mon 01:00-02:00", "never"}},
		"$.policy.failback.blocked[0]": {Blocked: []string{"mon"}},
		"$.policy.failback.blocked":    {Windows: []string{"mon 01:00-02:00"}, Blocked: []string{"mon-tue 00:00-23:00"}},
		"$.policy.failback.time_zone":  {TimeZone: "../etc"},
	} {
		f := fleettest.ThreeSites()
		f.Policy.Failback = p
		problems := fleet.Validate(f.WithDefaults())
		if len(problems) != 1 || problems[0].Path != path {
			t.Errorf("%s: %+v", path, problems)
		}
	}
	f := fleettest.ThreeSites()
	f.Policy.Failback = fleet.FailbackPolicy{Pace: fleet.PaceCohorts, Windows: []string{"mon-thu 02:00-05:00"}, Blocked: []string{"tue 03:00-04:00"}, TimeZone: "America/Argentina/Ushuaia"}
	if problems := fleet.Validate(f.WithDefaults()); len(problems) != 0 {
		t.Errorf("%+v", problems)
	}
}
