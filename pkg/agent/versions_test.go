package agent

import (
	"errors"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// A kind of tomorrow is not proposed before every voter knows it: one that does
// not would stop.
func TestNewerCommandsWaitForEveryVoter(t *testing.T) {
	w := newWorld(t, nil)
	a := w.agents[w.leader()]
	if err := a.gateVersions(t.Context(), []steer.Command{{Version: 1}}); err != nil {
		t.Error(err)
	}
	w.eventually("what every voter knows", func() bool { return a.newest() == steer.CommandVersion })
	var e *api.Error
	newer := []steer.Command{{Version: 1}, {Version: steer.CommandVersion + 1}}
	if err := a.gateVersions(t.Context(), newer); !errors.As(err, &e) || e.Category != api.Refused || e.Hint == "" {
		t.Errorf("a version that no other voter knows: %v", err)
	}
	if _, err := a.propose(t.Context(), newer); !errors.As(err, &e) {
		t.Errorf("proposed: %v", err)
	}
	a.versions.mu.Lock()
	for _, p := range a.others() { // they were upgraded
		a.versions.known[p.Name] = steer.CommandVersion + 1
	}
	a.versions.mu.Unlock()
	if err := a.gateVersions(t.Context(), newer); err != nil {
		t.Errorf("every voter knows it: %v", err)
	}
}

// A fleet with failback windows stamps every command with the offset of its
// zone, which needs version 2. When the site of an agent dies, the leader may not
// be able to ask that agent what it knows: it acts all the same, since the fleet
// has used that version before.
func TestADeadVoterDoesNotStopWhatTheFleetKnows(t *testing.T) {
	w := newWorld(t, nil)
	quarantine := func() error {
		i := w.leader()
		_, err := w.agents[i].Do(t.Context(), api.CommandRequest{Kind: string(steer.KindQuarantine), By: "test", Reason: "test", Source: "203.0.113.7", For: "1h"}, false)
		return err
	}
	if err := quarantine(); err != nil {
		t.Fatal(err)
	}
	dead := (w.leader() + 1) % len(w.agents)
	w.stop(dead)
	a := w.agents[w.leader()]
	a.versions.mu.Lock()
	a.versions.known = map[fleet.AgentID]int{} // as a leader that has just begun
	a.versions.mu.Unlock()
	if n := a.newest(); n != 1 {
		t.Errorf("newest %d of a voter that nobody could ask", n)
	}
	if err := quarantine(); err != nil {
		t.Errorf("with one voter of three dead: %v", err)
	}
}
