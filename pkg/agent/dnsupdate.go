package agent

import (
	"context"
	"fmt"

	"github.com/sipsteer/sipsteer/dnsserver/update"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// startUpdates starts what keeps zones at others. Nothing is written before
// this agent leads.
func (a *Agent) startUpdates() error {
	for _, u := range a.updaters {
		u.Start()
		a.onStop("dynamic update of "+u.Status().Zone, u.Stop)
	}
	return nil
}

// followUpdates tells what is served, whoever leads.
func (a *Agent) followUpdates(ctx context.Context) {
	a.eachZone(ctx, (*update.Updater).Served)
}

// leadUpdates has the zones at others written as they are served here, as long
// as this agent leads.
func (a *Agent) leadUpdates(ctx context.Context) {
	a.eachZone(ctx, (*update.Updater).Lead)
	for _, u := range a.updaters {
		u.Follow()
	}
}

// eachZone tells every updater the zone that is served, and each that follows
// it, until ctx ends.
func (a *Agent) eachZone(ctx context.Context, tell func(*update.Updater, *srv.Zone)) {
	if len(a.updaters) == 0 {
		return
	}
	for epoch := uint64(0); ; {
		now, changed := a.pub.served()
		if now.state.Fleet != nil && now.state.Epoch != epoch {
			epoch = now.state.Epoch
			zone := steer.Records(now.state)
			for _, u := range a.updaters {
				tell(u, &zone)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// updateProblem is why a zone at others is not as it should be; "" when all
// are, or another agent writes them.
func (a *Agent) updateProblem() string {
	for _, u := range a.updaters {
		if s := u.Status(); s.Problem != "" {
			return fmt.Sprintf("dynamic update of %s at %s: %s", s.Zone, s.Server, s.Problem)
		}
	}
	return ""
}
