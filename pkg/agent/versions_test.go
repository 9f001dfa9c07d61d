package agent

import (
	"errors"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
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
	var e *api.Error
	newer := []steer.Command{{Version: 1}, {Version: steer.CommandVersion + 1}}
	if err := a.gateVersions(t.Context(), newer); !errors.As(err, &e) || e.Category != api.Refused || e.Hint == "" {
		t.Errorf("a version that no other voter knows: %v", err)
	}
	if _, err := a.propose(t.Context(), newer); !errors.As(err, &e) {
		t.Errorf("proposed: %v", err)
	}
	for _, p := range a.others() { // they were upgraded
		a.versions.known[p.Name] = steer.CommandVersion + 1
	}
	if err := a.gateVersions(t.Context(), newer); err != nil {
		t.Errorf("every voter knows it: %v", err)
	}
}
