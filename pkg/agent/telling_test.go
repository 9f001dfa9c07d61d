package agent

import (
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/notify"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestMessages: one message for each incident and run, one for the rest; what
// automation did beside a single incident belongs to it.
func TestMessages(t *testing.T) {
	f := fleettest.ThreeSites()
	run := steer.Run{
		ID: "run-3", State: steer.RunRunning, Procedure: steer.Procedure{Steps: []steer.Step{{ID: "agree", Do: steer.ActApprove, Role: steer.RoleAdmin}}},
		Progress: []steer.StepProgress{{State: steer.StepRunning}},
	}
	opened := func(id string) steer.Event {
		return steer.Event{Kind: steer.EventIncident, Word: "opened", Incident: id, Text: id + " opened"}
	}
	moved := steer.Event{Kind: steer.EventWithdraw, Text: "calgary is out"}
	asks := steer.Event{Kind: steer.EventRun, Word: "asks", Run: "run-3", Text: "run-3: agree asks"}
	quiet := steer.Event{Kind: steer.EventVerdict, Text: "down"}
	over := steer.Event{Kind: steer.EventIncident, Word: "resolved", Incident: "inc-1", Text: "inc-1 resolved"}
	type want struct {
		topic, thing, severity, role, subject string
		lines                                 int
		over                                  bool
	}
	for name, c := range map[string]struct {
		events []steer.Event
		want   []want
	}{
		"nothing":                 {[]steer.Event{quiet}, nil},
		"an incident and a move":  {[]steer.Event{quiet, opened("inc-1"), moved}, []want{{notify.TopicIncident, "inc-1", "major", "", "[major] inc-1 opened", 2, false}}},
		"two incidents":           {[]steer.Event{opened("inc-1"), moved, opened("inc-2")}, []want{{notify.TopicIncident, "inc-1", "major", "", "[major] inc-1 opened", 1, false}, {notify.TopicAutomation, "", "major", "", "[major] calgary is out", 1, false}, {notify.TopicIncident, "inc-2", "critical", "", "[critical] inc-2 opened", 1, false}}},
		"a question":              {[]steer.Event{asks}, []want{{notify.TopicRunbook, "run-3", "minor", "admin", "[minor] run-3: agree asks", 1, false}}},
		"opened and over at once": {[]steer.Event{opened("inc-1"), over}, []want{{notify.TopicIncident, "inc-1", "major", "", "[major] inc-1 opened", 2, true}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := steer.State{Fleet: &f, Notified: 10, Runs: []steer.Run{run}, Incidents: []steer.Incident{{ID: "inc-1", Severity: steer.Major}, {ID: "inc-2", Severity: steer.Critical}}}
			s.Events = []*steer.Event{{Kind: steer.EventNotify, Revision: 9, Text: "told before"}}
			for i, e := range c.events {
				e.Revision, e.At = uint64(11+i), time.Unix(int64(i), 0)
				s.Events = append(s.Events, &e)
			}
			list, last := messagesOf(s)
			if len(list) != len(c.want) || last != uint64(10+len(c.events)) {
				t.Fatalf("%d messages up to %d: %+v", len(list), last, list)
			}
			for i, m := range list {
				got := want{m.Topic, m.Thing, m.Severity, m.Role, m.Subject, len(m.Lines), m.Over}
				if got != c.want[i] {
					t.Errorf("message %d: %+v, want %+v", i, got, c.want[i])
				}
			}
		})
	}
}

// TestReminders: incidents that nobody has taken over, and runs that wait for
// somebody; another question of the same run begins anew.
func TestReminders(t *testing.T) {
	step := steer.Step{ID: "agree", Do: steer.ActApprove}
	waits := steer.Run{ID: "run-1", State: steer.RunRunning, Procedure: steer.Procedure{Steps: []steer.Step{step}}, Progress: []steer.StepProgress{{State: steer.StepRunning}}}
	works := steer.Run{ID: "run-2", State: steer.RunRunning, Procedure: steer.Procedure{Steps: []steer.Step{{ID: "w", Do: steer.ActWait}}}, Progress: []steer.StepProgress{{State: steer.StepRunning}}}
	ended := steer.Run{ID: "run-3", State: steer.RunAborted}
	s := steer.State{
		Runs:      []steer.Run{waits, works, ended},
		Incidents: []steer.Incident{{ID: "inc-1", Severity: steer.Major, State: steer.Investigating}, {ID: "inc-2", Severity: steer.Major, State: steer.Investigating, Owner: "bob"}, {ID: "inc-3", Severity: steer.Minor, State: steer.Investigating}},
	}
	var keys []string
	for _, r := range remindersOf(s) {
		keys = append(keys, r.message.Thing+" "+r.message.Role)
	}
	if len(keys) != 2 || keys[0] != "inc-1 operator" || keys[1] != "run-1 operator" {
		t.Fatalf("%q", keys)
	}
	before := remindersOf(s)[1].key
	s.Runs[0].Steps[0].ID = "other"
	if remindersOf(s)[1].key == before {
		t.Error("another question counts as the same")
	}
}
