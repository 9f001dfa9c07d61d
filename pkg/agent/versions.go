package agent

import (
	"context"
	"fmt"
	"sync"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// versions remembers which kinds of commands each voter can apply. A voter that
// met a kind that it does not know would stop, so a newer kind is proposed only
// when every voter has said that it knows it.
type versions struct {
	mu sync.Mutex
	// guarded by mu:
	known map[fleet.AgentID]int
}

// gateVersions refuses commands that a voter could not apply. Voters need not be
// asked about what the State's own format shows that they know: each said so
// before the first command of that version, and who joined later could not have
// read the State otherwise. So a voter that is dead keeps nothing from a fleet
// that has used such commands before.
func (a *Agent) gateVersions(ctx context.Context, cmds []steer.Command) error {
	need := 1
	for _, c := range cmds {
		need = max(need, c.Version)
	}
	if id, has := a.whoLacks(ctx, need); id != "" {
		return &api.Error{
			Category: api.Refused,
			Message:  fmt.Sprintf("refused by versions: agent %s knows commands up to version %d (now %d, limit: every voter %d)", id, has, has, need),
			Hint:     "upgrade every agent first: sipsteer agent list",
		}
	}
	return nil
}

// whoLacks names a voter that is not known to apply commands of a version, and up
// to which version it does; "" when all do.
func (a *Agent) whoLacks(ctx context.Context, need int) (id fleet.AgentID, has int) {
	if need <= max(1, a.machine.State().Format) {
		return "", need
	}
	for _, m := range a.store.Members() {
		if !m.Voter || m.ID == a.cfg.Name {
			continue
		}
		if has := a.versionOf(ctx, m.ID, need); has < need {
			return m.ID, has
		}
	}
	return "", need
}

// versionOf asks a voter unless it has said enough before: versions only grow.
func (a *Agent) versionOf(ctx context.Context, id fleet.AgentID, need int) int {
	a.versions.mu.Lock()
	has := a.versions.known[id]
	a.versions.mu.Unlock()
	if has >= need {
		return has
	}
	c, ok := a.client(id)
	if !ok {
		return has
	}
	e, err := c.Effect(ctx, 0, 0)
	if err != nil {
		return has
	}
	a.versions.mu.Lock()
	defer a.versions.mu.Unlock()
	if a.versions.known == nil {
		a.versions.known = map[fleet.AgentID]int{}
	}
	a.versions.known[id] = max(e.Commands, 1)
	return a.versions.known[id]
}
