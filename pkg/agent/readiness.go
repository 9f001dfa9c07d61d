package agent

import (
	"context"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Readiness implements api.Backend.
func (a *Agent) Readiness(ctx context.Context) (api.Readiness, error) {
	s, now := a.state(), a.now()
	var machines []plan.Machine
	for _, e := range a.effects(ctx, a.peers()) {
		machines = append(machines, plan.Machine{Name: fleet.AgentID(e.Agent), Reached: e.err == nil, Epoch: e.Epoch, Problem: e.Problem})
	}
	return api.Readiness{
		At: now.UTC(), Epoch: s.Epoch, Findings: append([]plan.Finding{}, plan.Readiness(s, machines, now)...), Practice: append([]steer.Practice{}, s.Practice...),
	}, nil
}
