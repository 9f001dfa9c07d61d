package agent

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/raftstore"
)

const (
	// defaultInvite and maxInvite bound how long a join token is good.
	defaultInvite = time.Hour
	maxInvite     = 7 * 24 * time.Hour
)

// Invite implements api.Membership.
func (a *Agent) Invite(ctx context.Context, req api.InviteRequest) (api.InviteAnswer, error) {
	if a.cfg.Identity == nil {
		return api.InviteAnswer{}, &api.Error{Category: api.Refused, Message: "this agent has no identity"}
	}
	life := defaultInvite
	if req.For != "" {
		d, err := time.ParseDuration(req.For)
		if err != nil || d <= 0 || d > maxInvite {
			return api.InviteAnswer{}, &api.Error{Category: api.Invalid, Field: "for", Message: fmt.Sprintf("%q is no duration up to %s", req.For, maxInvite), Hint: "1h"}
		}
		life = d
	}
	if slices.ContainsFunc(a.machine.Registry().Agents, func(ag pki.Agent) bool { return ag.Name == req.Agent }) {
		return api.InviteAnswer{}, &api.Error{Category: api.Invalid, Field: "agent", Message: fmt.Sprintf("agent %q is in the fleet already", req.Agent), Hint: "if its machine was lost: sipsteer agent leave " + req.Agent}
	}
	secret, hash, err := pki.NewSecret()
	if err != nil {
		return api.InviteAnswer{}, err
	}
	invite := &pki.Invite{ID: newID(), Hash: hash, Agent: req.Agent, Voter: !req.NonVoter, Until: time.Now().Add(life).UTC()}
	if err := a.change(ctx, pki.Change{Kind: pki.AddInvite, Reason: req.Reason, Invite: invite}); err != nil {
		return api.InviteAnswer{}, err
	}
	token := pki.JoinToken{ID: invite.ID, Secret: secret, Authority: a.cfg.Identity.Authority().Fingerprint()}
	for _, p := range a.peers() {
		token.APIs = append(token.APIs, p.API)
	}
	return api.InviteAnswer{Token: token.String(), Agent: req.Agent, Until: invite.Until}, nil
}

// Join implements api.Membership. Whoever calls has only a token.
func (a *Agent) Join(ctx context.Context, req api.JoinRequest) (api.JoinAnswer, error) {
	if a.cfg.Identity == nil {
		return api.JoinAnswer{}, &api.Error{Category: api.Refused, Message: "this agent has no identity"}
	}
	ag := pki.Agent{Name: req.Agent, Site: req.Site, Raft: req.Raft, API: req.API}
	accept := pki.Change{Kind: pki.AcceptInvite, At: time.Now(), By: "agent " + req.Agent, Name: req.ID, Secret: pki.HashOf(req.Secret), Agent: &ag}
	if err := a.machine.Registry().Check(accept); err != nil {
		return api.JoinAnswer{}, &api.Error{Category: api.Unauthorized, Message: err.Error(), Hint: "sipsteer agent invite " + req.Agent + "   # makes a new token"}
	}
	authority := a.cfg.Identity.Authority()
	leaf, err := identityOf(authority, req, time.Now())
	if errors.Is(err, pki.ErrNoKey) {
		const hint = "ask an agent that votes; where the authority is your own, have it sign ca.pem, agent.pem and agent.key of the new agent, and join with them in place (docs/identities.md)"
		return api.JoinAnswer{}, &api.Error{Category: api.NoQuorum, Message: err.Error(), Hint: hint} // another agent may hold it
	}
	if err != nil {
		return api.JoinAnswer{}, &api.Error{Category: api.Invalid, Field: "request", Message: err.Error()}
	}
	if err := a.change(ctx, accept); err != nil {
		return api.JoinAnswer{}, err
	}
	out := api.JoinAnswer{Certificate: leaf.Raw}
	cert, key, err := authority.Export()
	if err != nil {
		return api.JoinAnswer{}, err
	}
	out.Authority = cert
	if i := slices.IndexFunc(a.machine.Registry().Agents, func(x pki.Agent) bool { return x.Name == req.Agent }); i >= 0 && a.machine.Registry().Agents[i].Voter {
		out.AuthorityKey = key
	}
	return out, nil
}

// identityOf signs what is asked for, or checks what the operator's own authority
// has signed.
func identityOf(authority *pki.Authority, req api.JoinRequest, now time.Time) (*x509.Certificate, error) {
	if len(req.Certificate) > 0 {
		return authority.Admit(req.Certificate, req.Request, req.Agent, now)
	}
	return authority.Issue(req.Request, req.Agent, HostsOf(Peer{Raft: req.Raft, API: req.API}), now)
}

// Rejoin implements api.Membership: an agent whose store was lost or damaged,
// and which kept its identity, is taken in again. Its old membership ends
// first: it must not vote as somebody who knows what it has forgotten.
func (a *Agent) Rejoin(ctx context.Context) error {
	name := api.CallerOf(ctx).Name
	leader, _ := a.store.Leader()
	if leader != a.cfg.Name {
		return outcomeOf(raftstore.ErrNotLeader)
	}
	if !slices.ContainsFunc(a.machine.Registry().Agents, func(ag pki.Agent) bool { return ag.Name == name }) {
		return noSuchAgent(name)
	}
	if err := a.store.Remove(ctx, fleet.AgentID(name)); err != nil {
		return outcome(err)
	}
	a.log.Warn().Str("member", name).Msg("taken out, to be taken in again with an empty store")
	return nil
}

// JoinFleet is the joining agent's side of Join: it makes the identity of the
// agent in dir, or uses the one that is there, signed by the operator's own
// authority.
func JoinFleet(ctx context.Context, tokenText string, self Peer, dir string) error {
	token, err := pki.ParseJoinToken(tokenText)
	if err != nil {
		return &api.Error{Category: api.Invalid, Field: "token", Message: err.Error(), Hint: "sipsteer agent invite NAME   # at the fleet, makes one"}
	}
	req := api.JoinRequest{ID: token.ID, Secret: token.Secret, Agent: string(self.Name), Site: string(self.Site), Raft: self.Raft, API: self.API}
	keep := func(api.JoinAnswer) error { return nil }
	if pki.Exists(dir) {
		err = bringIdentity(&req, token, dir)
	} else {
		keep, err = askForIdentity(&req, token, dir)
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, address := range token.APIs {
		answer, err := askToJoin(ctx, address, token.Authority, req)
		var e *api.Error
		switch {
		case err == nil:
			return keep(answer)
		case errors.As(err, &e) && (e.Category == api.Unreachable || e.Category == api.NoQuorum):
			errs = append(errs, err)
		default:
			return err
		}
	}
	return errors.Join(errs...)
}

// askForIdentity makes a key and has the fleet sign its certificate; what it
// returns keeps the answer.
func askForIdentity(req *api.JoinRequest, token pki.JoinToken, dir string) (keep func(api.JoinAnswer) error, err error) {
	key, err := pki.NewKey()
	if err != nil {
		return nil, err
	}
	if req.Request, err = pki.Request(req.Agent, key); err != nil {
		return nil, err
	}
	return func(answer api.JoinAnswer) error { return keepIdentity(answer, token, key, dir) }, nil
}

// bringIdentity shows the identity that is there.
func bringIdentity(req *api.JoinRequest, token pki.JoinToken, dir string) error {
	own, err := pki.Load(dir)
	if err != nil {
		return err
	}
	hint := "put the ca.pem of the other agents there, and what it has signed for " + req.Agent
	switch {
	case own.Authority().Fingerprint() != token.Authority:
		return &api.Error{Category: api.Invalid, Field: "identity", Message: fmt.Sprintf("%s holds an identity of another authority than the fleet's", dir), Hint: hint}
	case own.Self().Agent != req.Agent:
		return &api.Error{Category: api.Invalid, Field: "identity", Message: fmt.Sprintf("%s holds the identity of agent %q, this is agent %q", dir, own.Self().Agent, req.Agent), Hint: hint}
	}
	req.Certificate = own.Certificate()
	req.Request, err = own.Request()
	return err
}

func askToJoin(ctx context.Context, address, authority string, req api.JoinRequest) (api.JoinAnswer, error) {
	c := api.NewTLSClient(api.ClientConfig{
		Name: address, Base: "https://" + address, Dial: (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		TLS: pki.Pinned(authority, time.Now, func(*pki.Authority) {}),
	})
	defer c.Close()
	return c.Join(ctx, req)
}
