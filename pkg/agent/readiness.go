package agent

import (
	"cmp"
	"context"
	"net/netip"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Readiness says how an agent looks for what would go wrong.
type Readiness struct {
	// Every is how often the leader looks by itself. Default 30m.
	Every time.Duration
	// Port of the published name servers. Default 53.
	Port uint16
	// Resolvers of others are asked for the services' names.
	Resolvers []netip.AddrPort
	// Names of others that lead to a service: a resolver is asked how long it
	// holds them.
	Names []string
}

const (
	// readinessSettles is how long a new leader waits with its first look.
	readinessSettles = 2 * time.Minute
	// askTimeout bounds all questions to name servers of one look.
	askTimeout = 3 * time.Second
	// parityTimeout bounds the comparison of the softswitches.
	parityTimeout = 8 * time.Second
)

// Readiness implements api.Backend.
func (a *Agent) Readiness(ctx context.Context) (api.Readiness, error) {
	s := a.state()
	seen := a.look(ctx, s)
	now := a.now()
	return api.Readiness{
		At: now.UTC(), Epoch: s.Epoch, By: string(a.cfg.Name),
		Findings: append([]plan.Finding{}, plan.Readiness(s, seen, now)...), Practice: append([]steer.Practice{}, s.Practice...),
	}, nil
}

func (a *Agent) readinessEvery() time.Duration {
	return cmp.Or(a.cfg.Readiness.Every, 30*time.Minute)
}

// leadReadiness looks now and then while this agent leads, and has the State
// remember what is found, so that people are told once of what is new.
func (a *Agent) leadReadiness(ctx context.Context) {
	every := a.readinessEvery()
	pause(ctx, min(every, readinessSettles))
	for ctx.Err() == nil {
		s := a.machine.State()
		if s.Fleet != nil && a.pub.frozen() == "" {
			a.noteConcerns(ctx, plan.ConcernsOf(s, plan.Readiness(s, a.look(ctx, s), a.now())))
		}
		pause(ctx, every)
	}
}

func (a *Agent) noteConcerns(ctx context.Context, found []steer.Concern) {
	if ctx.Err() != nil || !steer.NewConcerns(a.machine.State(), found, a.now()) {
		return
	}
	c := steer.Command{Version: steer.CommandVersion, Kind: steer.KindLook, At: a.now(), By: steer.AutomationOwner, Concerns: found}
	if err := a.proposeOwn(ctx, []steer.Command{c}); err != nil && ctx.Err() == nil {
		a.log.Warn().Err(err).Msg("what readiness found is not on record; the next look tries again")
	}
}
