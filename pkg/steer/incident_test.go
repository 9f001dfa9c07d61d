package steer_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// chronicle applies commands one second apart.
type chronicle struct {
	t     *testing.T
	state steer.State
	now   time.Time
}

func newChronicle(t *testing.T) *chronicle {
	s := &chronicle{t: t, state: steer.New(), now: time.Date(2026, 5, 4, 3, 0, 0, 0, time.UTC)}
	f := fleettest.ThreeSites()
	s.must(steer.Command{Kind: steer.KindSetFleet, By: "init", Fleet: &f})
	return s
}

func (s *chronicle) do(c steer.Command) error {
	s.now = s.now.Add(time.Second)
	c.Version, c.At = steer.CommandVersion, s.now
	next, _, err := steer.Apply(s.state, c)
	s.state = next
	return err
}

func (s *chronicle) must(c steer.Command) {
	s.t.Helper()
	if err := s.do(c); err != nil {
		s.t.Fatalf("%s: %v", c.Kind, err)
	}
}

func (s *chronicle) verdict(site fleet.SiteID, status health.Status) {
	s.t.Helper()
	c := health.Check{Target: health.Target{Site: site, Switch: fleet.SwitchID(site + "-1"), Transport: fleet.TLS}, Kind: health.TLS}
	v := health.Verdict{Check: c, Status: status, Since: s.now}
	if status == health.Down {
		v.Cause = health.CauseTLSHang
	}
	s.must(steer.Command{Kind: steer.KindVerdicts, By: steer.AutomationOwner, Verdicts: []health.Verdict{v}})
}

func (s *chronicle) incident(kind steer.Kind, c steer.IncidentChange) error {
	return s.do(steer.Command{Kind: kind, By: "alice", Incident: &c})
}

func (s *chronicle) only() steer.Incident {
	s.t.Helper()
	if len(s.state.Incidents) != 1 {
		s.t.Fatalf("%d incidents, want 1", len(s.state.Incidents))
	}
	return s.state.Incidents[0]
}

func TestAnIncidentFollowsPeopleAndChecks(t *testing.T) {
	s := newChronicle(t)
	s.verdict("calgary", health.Down)
	in := s.only()
	if in.State != steer.Investigating || in.Severity != steer.Major || in.Failure != health.CauseTLSHang {
		t.Fatalf("after a bad verdict: %s %s %s", in.State, in.Severity, in.Failure)
	}
	if in.DetectWithin <= 0 || !in.StartedAt.Equal(in.OpenedAt.Add(-in.DetectWithin.D())) {
		t.Errorf("started %s, opened %s, within %s", in.StartedAt, in.OpenedAt, in.DetectWithin)
	}
	if err := s.incident(steer.KindIncidentIdentify, steer.IncidentChange{ID: in.ID, Cause: "certificate store locked"}); err != nil {
		t.Fatal(err)
	}
	if in = s.only(); in.State != steer.Identified || in.Cause == "" || in.Owner != "alice" {
		t.Fatalf("after identify: %+v", in)
	}
	var refusal *steer.Refusal
	if err := s.incident(steer.KindIncidentResolve, steer.IncidentChange{ID: in.ID}); !errors.As(err, &refusal) || refusal.Rule != steer.RuleStillDown {
		t.Fatalf("resolve while down: %v", err)
	}
	s.verdict("calgary", health.Up)
	if in = s.only(); in.State != steer.Monitoring || in.WellAt.IsZero() {
		t.Fatalf("all up, led by a person: %s", in.State)
	}
	s.verdict("calgary", health.Down)
	if in = s.only(); in.State != steer.Identified || !in.WellAt.IsZero() {
		t.Fatalf("down again, cause known: %s well %s", in.State, in.WellAt)
	}
	s.verdict("calgary", health.Up)
	if err := s.incident(steer.KindIncidentResolve, steer.IncidentChange{ID: in.ID}); err != nil {
		t.Fatal(err)
	}
	if in = s.only(); in.State != steer.Resolved || in.ResolvedBy != "alice" {
		t.Fatalf("after resolve: %s by %s", in.State, in.ResolvedBy)
	}
	if err := s.incident(steer.KindIncidentNote, steer.IncidentChange{ID: in.ID, Text: "vendor ticket 4711"}); err != nil {
		t.Fatal(err)
	}
	in = s.only()
	if last := in.Timeline[len(in.Timeline)-1]; last.Kind != steer.EventNote || last.Reason != "vendor ticket 4711" {
		t.Errorf("a note after the end is lost: %+v", last)
	}
}

func TestAnIncidentThatNobodyTookOverEndsByItself(t *testing.T) {
	s := newChronicle(t)
	s.verdict("calgary", health.Down)
	s.verdict("calgary", health.Up)
	if in := s.only(); in.State != steer.Resolved || in.ResolvedBy != steer.AutomationOwner {
		t.Fatalf("%s by %s", in.State, in.ResolvedBy)
	}
}

func TestAPersonDeclaresWhatNoCheckSees(t *testing.T) {
	s := newChronicle(t)
	began := s.now.Add(-40 * time.Minute)
	if err := s.incident(steer.KindIncidentDeclare, steer.IncidentChange{Text: "callers hear nothing", Sites: []fleet.SiteID{"ottawa"}, Started: began}); err != nil {
		t.Fatal(err)
	}
	in := s.only()
	if !in.StartedAt.Equal(began) || in.DetectWithin != 0 || in.State != steer.Investigating {
		t.Fatalf("%+v", in)
	}
	s.verdict("calgary", health.Up) // any command: nothing is down, and it stays open
	if in = s.only(); !in.Open() {
		t.Fatal("an incident that a person opened was closed by the program")
	}
	for name, c := range map[string]steer.IncidentChange{
		"a second one for the site": {Text: "again", Sites: []fleet.SiteID{"ottawa"}},
		"no summary":                {Sites: []fleet.SiteID{"calgary"}},
		"an unknown site":           {Text: "x", Sites: []fleet.SiteID{"atlantis"}},
		"an unknown severity":       {Text: "x", Severity: "huge"},
		"the future":                {Text: "x", Started: s.now.Add(time.Hour)},
		"a long text":               {Text: string(make([]byte, steer.MaxNote+1))},
		"an unknown incident":       {ID: "inc-999"},
	} {
		var invalid *steer.Invalid
		if err := s.incident(steer.KindIncidentDeclare, c); !errors.As(err, &invalid) {
			t.Errorf("%s: %v, want Invalid", name, err)
		}
	}
}

// TestATimelineKeepsItsBeginning: five hundred events later the report still
// knows how it began, what led up to it, and how much is missing.
func TestATimelineKeepsItsBeginning(t *testing.T) {
	s := newChronicle(t)
	s.verdict("calgary", health.Down)
	first := s.only().Timeline
	if first[0].Kind != steer.EventFleet {
		t.Fatalf("the change before the failure is not in the timeline: %+v", first[0])
	}
	for i := range 500 {
		if err := s.incident(steer.KindIncidentNote, steer.IncidentChange{ID: s.only().ID, Text: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	in := s.only()
	if len(in.Timeline) != steer.MaxTimeline || in.Omitted != 500+len(first)-steer.MaxTimeline {
		t.Fatalf("%d entries, %d omitted", len(in.Timeline), in.Omitted)
	}
	for i, e := range first {
		if *in.Timeline[i] != *e {
			t.Errorf("entry %d of the beginning is lost: %+v", i, in.Timeline[i])
		}
	}
	if last := in.Timeline[len(in.Timeline)-1]; last.Reason != "499" {
		t.Errorf("the last entry is %q", last.Reason)
	}
}

func TestOpenIncidentsOutliveResolvedOnes(t *testing.T) {
	s := newChronicle(t)
	s.verdict("vancouver", health.Down)
	open := s.only().ID
	s.now = s.now.Add(time.Hour) // no common cause
	for range steer.MaxIncidents + 5 {
		s.verdict("calgary", health.Down)
		s.verdict("calgary", health.Up)
		s.now = s.now.Add(time.Hour)
	}
	if len(s.state.Incidents) > steer.MaxIncidents || s.state.Incident(open) == nil {
		t.Fatalf("%d incidents, the open one kept: %v", len(s.state.Incidents), s.state.Incident(open) != nil)
	}
}
