package agent

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/raftstore"
)

// FoundingMember is a founder as raftstore knows it.
func FoundingMember(f pki.Agent) raftstore.Member {
	return raftstore.Member{ID: fleet.AgentID(f.Name), Address: f.Raft, Voter: f.Voter}
}

// founded waits until the fleet exists and then keeps this agent from founding
// it a second time.
func (a *Agent) founded(ctx context.Context) {
	for len(a.machine.Registry().Agents) == 0 {
		if pause(ctx, leaderTick); ctx.Err() != nil {
			return
		}
	}
	if err := pki.Founded(a.cfg.IdentityDir); err != nil {
		a.log.Error().Err(err).Msg("cannot note that the fleet exists")
	}
}

// renewPeriod is how often an agent looks whether its certificate is due: it has
// a month for it, since a third of its life is left then.
const renewPeriod = time.Hour

// renew keeps the agent's certificate young until ctx ends.
func (a *Agent) renew(ctx context.Context) {
	tick := time.NewTicker(renewPeriod)
	defer tick.Stop()
	for {
		if now := time.Now(); a.cfg.Identity.Due(now) {
			if err := a.renewNow(ctx, now); err != nil {
				a.log.Error().Err(err).Time("until", a.cfg.Identity.Self().Until).Msg("cannot renew this agent's certificate")
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// renewNow signs the next certificate itself, or asks the others to.
func (a *Agent) renewNow(ctx context.Context, now time.Time) error {
	id := a.cfg.Identity
	request, err := id.Request()
	if err != nil {
		return err
	}
	leaf, err := id.Authority().Issue(request, string(a.cfg.Name), a.hosts(), now)
	if err == nil {
		return a.took(leaf.Raw, now)
	}
	errs := []error{err}
	for _, p := range a.others() {
		answer, err := a.clientOf(p).Renew(ctx, api.RenewRequest{Request: request})
		if err == nil {
			return a.took(answer.Certificate, now)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (a *Agent) took(leaf []byte, now time.Time) error {
	if err := a.cfg.Identity.Replace(leaf, now); err != nil {
		return err
	}
	a.log.Info().Time("until", a.cfg.Identity.Self().Until).Msg("certificate renewed")
	return nil
}

// hosts are the addresses in this agent's certificate, for clients that check
// those.
func (a *Agent) hosts() []string {
	peers := a.peers()
	var out []string
	for _, p := range peers {
		if p.Name == a.cfg.Name {
			out = append(out, HostsOf(p)...)
		}
	}
	return out
}

// HostsOf returns the hosts that an agent is reached at.
func HostsOf(p Peer) []string {
	var out []string
	for _, address := range []string{p.API, p.Raft} {
		if host, _, err := net.SplitHostPort(address); err == nil {
			out = append(out, host)
		}
	}
	return out
}

// Renew implements api.Access. The name is the caller's own, whatever it asks.
func (a *Agent) Renew(ctx context.Context, req api.RenewRequest) (api.RenewAnswer, error) {
	peers := a.peers()
	caller := api.CallerOf(ctx)
	if a.cfg.Identity == nil || caller.Role != api.RoleAgent {
		return api.RenewAnswer{}, &api.Error{Category: api.Unauthorized, Message: "only an agent renews its certificate"}
	}
	var hosts []string
	for _, p := range peers {
		if string(p.Name) == caller.Name {
			hosts = HostsOf(p)
		}
	}
	leaf, err := a.cfg.Identity.Authority().Issue(req.Request, caller.Name, hosts, time.Now())
	if errors.Is(err, pki.ErrNoKey) {
		return api.RenewAnswer{}, &api.Error{Category: api.Refused, Message: err.Error()}
	}
	if err != nil {
		return api.RenewAnswer{}, &api.Error{Category: api.Invalid, Field: "request", Message: err.Error()}
	}
	return api.RenewAnswer{Certificate: leaf.Raw}, nil
}
