package steer_test

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// story is a State with the commands that led to it.
type story struct {
	t     *testing.T
	now   time.Time
	state steer.State
}

func newStory(t *testing.T) *story {
	m := newModel()
	s := &story{t: t, now: m.now, state: m.state}
	s.must(steer.Command{Kind: steer.KindVerdicts, By: steer.AutomationOwner, Verdicts: m.verdicts})
	return s
}

func (s *story) do(c steer.Command) error {
	s.now = s.now.Add(time.Second)
	c.Version, c.At = 1, s.now
	if c.By == "" {
		c.By, c.Reason = "alice", cmp.Or(c.Reason, "test")
	}
	next, _, err := steer.Apply(s.state, c)
	s.state = next
	return err
}

func (s *story) must(c steer.Command) steer.State {
	s.t.Helper()
	if err := s.do(c); err != nil {
		s.t.Fatalf("%s: %v", c.Kind, err)
	}
	return s.state
}

func (s *story) refused(c steer.Command, rule steer.Rule) {
	s.t.Helper()
	epoch := s.state.Epoch
	var r *steer.Refusal
	if err := s.do(c); !errors.As(err, &r) || r.Rule != rule || r.Next == "" || strings.Contains(r.Next, "RETRY") {
		s.t.Fatalf("%s: %v, want a refusal by %s", c.Kind, err, rule)
	}
	if s.state.Epoch != epoch {
		s.t.Errorf("a refused command moved the epoch")
	}
}

func back(s steer.State, override ...steer.Rule) steer.Command {
	return steer.Command{Kind: steer.KindRollback, Past: steer.PastOf(s), Override: override}
}

func drainOf(site fleet.SiteID, hours int) steer.Command {
	return steer.Command{Kind: steer.KindDrain, Site: site, Now: true, For: fleet.Duration(time.Duration(hours) * time.Hour)}
}

func TestRollbackUndoesAFleetFile(t *testing.T) {
	s := newStory(t)
	good := s.state
	f := fleettest.ThreeSites()
	f.Services[0].Sites = []fleet.SiteID{"ottawa"} // pushed by mistake
	bad := s.must(steer.Command{Kind: steer.KindSetFleet, Fleet: &f})
	after := s.must(back(good))
	if after.Epoch != bad.Epoch+1 {
		t.Errorf("epoch %d after %d: a rollback is a new epoch", after.Epoch, bad.Epoch)
	}
	if !slices.Equal(after.Fleet.Services[0].Sites, good.Fleet.Services[0].Sites) || len(after.Verdicts) != len(good.Verdicts) {
		t.Errorf("sites %v, %d verdicts", after.Fleet.Services[0].Sites, len(after.Verdicts))
	}
	if e := after.Events[len(after.Events)-1]; e.Kind != steer.EventRollback || e.By != "alice" || e.Reason != "test" {
		t.Errorf("event %+v", e)
	}
	if again := s.must(back(good)); again.Epoch != after.Epoch {
		t.Errorf("the same rollback again moved the epoch")
	}
}

func TestRollbackBringsIntentsBack(t *testing.T) {
	s := newStory(t)
	drained := s.must(drainOf("calgary", 2))
	s.must(steer.Command{Kind: steer.KindUndrain, Site: "calgary", Now: true})
	if after := s.must(back(drained)); len(after.Drains) != 1 || after.Drains[0].Site != "calgary" {
		t.Errorf("drains %+v", after.Drains)
	}
	s.must(steer.Command{Kind: steer.KindUndrain, Site: "calgary", Now: true})
	s.now = s.now.Add(3 * time.Hour)
	if after := s.must(back(drained)); len(after.Drains) != 0 {
		t.Errorf("a drain that has ended came back: %+v", after.Drains)
	}
}

func TestRollbackGoesThroughTheGuards(t *testing.T) {
	s := newStory(t)
	all := s.state
	s.must(drainOf("calgary", 2))
	two := s.must(steer.Command{Kind: steer.KindDrain, Site: "ottawa", Now: true, For: fleet.Duration(time.Hour), Override: []steer.Rule{steer.RuleOneAtATime}})
	s.must(steer.Command{Kind: steer.KindUndrain, Site: "ottawa", Now: true})
	s.must(steer.Command{Kind: steer.KindUndrain, Site: "calgary", Now: true})
	s.refused(back(two), steer.RuleOneAtATime)

	// Since then vancouver has died: what was harmless then would be an outage.
	dead := slices.Clone(s.state.Verdicts)
	for i := range dead {
		if dead[i].Check.Site == "vancouver" {
			dead[i].Status = health.Down
		}
	}
	s.must(steer.Command{Kind: steer.KindVerdicts, By: steer.AutomationOwner, Verdicts: dead})
	s.refused(back(two, steer.RuleOneAtATime), steer.RuleTargetProven)
	s.must(steer.Command{Kind: steer.KindFailover, Site: "vancouver"})
	s.refused(back(all), steer.RuleManualBack)
	s.refused(steer.Command{Kind: steer.KindRollback, Past: steer.PastOf(all), By: "alice", Reason: "r", ExpectEpoch: 1}, steer.RuleStalePlan)

	var invalid *steer.Invalid
	if err := s.do(steer.Command{Kind: steer.KindRollback}); !errors.As(err, &invalid) {
		t.Errorf("no past: %v", err)
	}
}

// A past in which a service had no site left cannot come back by any override.
func TestRollbackNeverEmpties(t *testing.T) {
	s := newStory(t)
	past := steer.PastOf(s.state)
	for _, site := range []fleet.SiteID{"calgary", "ottawa", "vancouver"} {
		past.Outs = append(past.Outs, steer.Out{Slot: steer.Slot{Service: "west.voice.example.net", Site: site, Transport: fleet.UDP}, Since: s.now, By: "mallory", Reason: "r"})
	}
	s.refused(steer.Command{Kind: steer.KindRollback, Past: past, Override: []steer.Rule{steer.RuleNeverEmpty, steer.RuleOneAtATime, steer.RuleMinSites}}, steer.RuleNeverEmpty)
}
