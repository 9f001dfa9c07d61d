package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore"
)

// rootName is the caller at the socket of the agent's own machine.
const rootName = "root"

// allow refuses an identity that was taken back.
func (a *Agent) allow(p pki.Peer) error { return a.who().Allow(p) }

// allowRaft is asked before a connection may speak Raft here. An agent that is
// no member is refused as long as this one hears a leader. Without, it may be
// that this agent missed how the other became a member: then a good identity is
// enough, since Raft itself does the rest.
func (a *Agent) allowRaft(p pki.Peer) error {
	if err := a.allow(p); err != nil {
		return err
	}
	if !a.storeOpen() {
		return nil
	}
	members := a.store.Members()
	member := len(members) == 0 || slices.ContainsFunc(members, func(m raftstore.Member) bool { return m.ID == fleet.AgentID(p.Agent) })
	if !member && a.store.HasQuorum() {
		return fmt.Errorf("%w: agent %s is no member", pki.ErrStranger, p.Agent)
	}
	return nil
}

// dialTCP connects to another agent's machine.
func (a *Agent) dialTCP(ctx context.Context, network, address string) (net.Conn, error) {
	if a.cfg.DialPeer != nil {
		return a.cfg.DialPeer(ctx, network, address)
	}
	return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, address)
}

// dialRaft connects to a member and makes sure that it is the one.
func (a *Agent) dialRaft(ctx context.Context, address string) (net.Conn, error) {
	if a.cfg.Identity == nil {
		return a.dialTCP(ctx, "tcp", address)
	}
	return pki.Dial(ctx, a.dialTCP, address, a.cfg.Identity.Client(a.memberAt(address), time.Now, a.allow))
}

// memberAt returns who is expected at an address, or "" when nobody is known
// there.
func (a *Agent) memberAt(address string) string {
	peers := a.peers()
	if a.storeOpen() {
		for _, m := range a.store.Members() {
			if m.Address == address {
				return string(m.ID)
			}
		}
	}
	for _, p := range peers {
		if p.Raft == address {
			return string(p.Name)
		}
	}
	return ""
}

// newClient returns a client of another agent's API.
func (a *Agent) newClient(p Peer) *api.Client {
	if a.cfg.Identity == nil {
		return api.NewClient(string(p.Name), "http://"+p.API, a.cfg.DialPeer)
	}
	return api.NewTLSClient(api.ClientConfig{
		Name: string(p.Name), Base: "https://" + p.API, Dial: a.dialTCP,
		TLS: a.cfg.Identity.Client(string(p.Name), time.Now, a.allow),
	})
}

// guarded puts the judge of callers before the API.
func (a *Agent) guarded(h http.Handler, judge func(*http.Request) (api.Caller, error)) http.Handler {
	return api.Guard(h, judge, func(c api.Call) {
		level := zerolog.InfoLevel
		if c.Caller.Role == api.RoleAgent && !c.Refused {
			level = zerolog.DebugLevel // the agents' talk among themselves
		}
		if c.Refused {
			level = zerolog.WarnLevel
		}
		a.log.WithLevel(level).Str("audit", c.Method+" "+fmt.Sprintf("%.200q", c.Path)).Str("caller", c.Caller.Name).
			Str("role", string(c.Caller.Role)).Int("status", c.Status).Dur("took", c.Took).Msg("call")
	})
}

// judgeTLS says who is at the other end of a TLS connection: an agent by its
// certificate, else an operator by its token.
func (a *Agent) judgeTLS(r *http.Request) (api.Caller, error) {
	if p, ok := pki.PeerOf(r.TLS); ok {
		if err := a.allow(p); err != nil { // it may have been taken back since
			return api.Caller{}, &api.Error{Category: api.Unauthorized, Message: err.Error()}
		}
		return api.Caller{Name: p.Agent, Role: api.RoleAgent, Trusted: true}, nil
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return api.Caller{}, nil // some routes are for anyone
	}
	o, ok := a.who().Operator(token, time.Now())
	if !ok {
		return api.Caller{}, &api.Error{
			Category: api.Unauthorized, Message: "the token is not, or no longer, good",
			Hint: "ask an admin for a new one: sipsteer operator set NAME --role ROLE",
		}
	}
	return api.Caller{Name: o.Name, Role: api.Role(o.Role)}, nil
}

// judgeSocket: whoever may open the socket's file is root of this agent.
func judgeSocket(*http.Request) (api.Caller, error) {
	return api.Caller{Name: rootName, Role: api.RoleAdmin, Trusted: true}, nil
}

// judgeNobody is for agents without identities, as tests make them.
func judgeNobody(r *http.Request) (api.Caller, error) {
	role := api.RoleAdmin
	if strings.HasPrefix(r.URL.Path, "/v1/peer/") {
		role = api.RoleAgent
	}
	return api.Caller{Role: role, Trusted: true}, nil
}

// apiListener adds TLS to the API's listener.
func (a *Agent) apiListener(l net.Listener) net.Listener {
	if a.cfg.Identity == nil {
		return l
	}
	cfg := a.cfg.Identity.Server(false, time.Now, a.allow)
	cfg.NextProtos = []string{"http/1.1"}
	return tls.NewListener(l, cfg)
}

// Operators implements api.Access.
func (a *Agent) Operators(context.Context) ([]api.Operator, error) {
	out := []api.Operator{}
	for _, o := range a.machine.Registry().Operators {
		out = append(out, api.Operator{Name: o.Name, Role: string(o.Role), Until: o.Until})
	}
	return out, nil
}

// SetOperator implements api.Access.
func (a *Agent) SetOperator(ctx context.Context, name string, req api.OperatorRequest) (api.OperatorToken, error) {
	o := pki.Operator{Name: name, Role: pki.Role(req.Role)}
	if req.For != "" {
		d, err := time.ParseDuration(req.For)
		if err != nil || d <= 0 {
			return api.OperatorToken{}, &api.Error{Category: api.Invalid, Field: "for", Message: fmt.Sprintf("%q is not a duration", req.For), Hint: "720h"}
		}
		o.Until = time.Now().Add(d).UTC()
	}
	secret, hash, err := pki.NewSecret()
	if err != nil {
		return api.OperatorToken{}, err
	}
	o.Hash = hash
	if err := a.change(ctx, pki.Change{Kind: pki.SetOperator, Reason: req.Reason, Operator: &o}); err != nil {
		return api.OperatorToken{}, err
	}
	return api.OperatorToken{Operator: api.Operator{Name: name, Role: req.Role, Until: o.Until}, Token: pki.OperatorToken(name, secret)}, nil
}

// DropOperator implements api.Access.
func (a *Agent) DropOperator(ctx context.Context, name, reason string) error {
	if !slices.ContainsFunc(a.machine.Registry().Operators, func(o pki.Operator) bool { return o.Name == name }) {
		return &api.Error{Category: api.Invalid, Field: "name", Message: fmt.Sprintf("no operator is called %q", name), Hint: "sipsteer operator list"}
	}
	return a.change(ctx, pki.Change{Kind: pki.DropOperator, Reason: reason, Name: name})
}

// change carries out a change of the registry, here or at the leader, and
// returns when it is in force here.
func (a *Agent) change(ctx context.Context, c pki.Change) error {
	if c.By == "" {
		c.By = api.CallerOf(ctx).Name
	}
	data, err := encodeChange(c)
	if err != nil {
		return fmt.Errorf("encode change: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	start := time.Now()
	for {
		res, err := a.tryChange(ctx, data)
		if err == nil {
			return a.store.Wait(ctx, res.Index)
		}
		if !retriable(err) || time.Since(start) > leaderSearch || ctx.Err() != nil {
			return outcome(err)
		}
		pause(ctx, proposeRetry)
	}
}

func (a *Agent) tryChange(ctx context.Context, data []byte) (api.RegistryResult, error) {
	leader, _ := a.store.Leader()
	if leader == a.cfg.Name {
		return a.ChangeRegistry(ctx, api.RegistryChange{Change: data})
	}
	c, ok := a.client(leader)
	if !ok {
		return api.RegistryResult{}, raftstore.ErrNoQuorum
	}
	res, err := c.ChangeRegistry(ctx, api.RegistryChange{Change: data})
	var e *api.Error
	if errors.As(err, &e) && e.Category == api.Unreachable {
		return res, errors.Join(raftstore.ErrNotLeader, err)
	}
	return res, err
}

// ChangeRegistry implements api.Access: it proposes, at the leader.
func (a *Agent) ChangeRegistry(ctx context.Context, req api.RegistryChange) (api.RegistryResult, error) {
	var none api.RegistryResult
	c, err := decodeChange(req.Change)
	if err != nil {
		return none, &api.Error{Category: api.Invalid, Field: "change", Message: err.Error()}
	}
	c.At = time.Now().UTC()
	a.dropReason(ctx, &c)
	// What the log would stop at must not get there.
	if err := a.machine.Registry().Check(c); errors.Is(err, pki.ErrUnknownChange) {
		return none, &api.Error{Category: api.Invalid, Field: "change", Message: err.Error()}
	}
	data, err := encodeChange(c)
	if err != nil {
		return none, fmt.Errorf("encode change: %w", err)
	}
	res, err := a.store.Propose(ctx, data)
	if err != nil {
		return none, outcomeOf(err)
	}
	out, ok := res.Value.(changed)
	switch {
	case !ok:
		return none, fmt.Errorf("entry %d was not applied: %v", res.Index, res.Value)
	case errors.Is(out.err, pki.ErrRefused):
		return none, &api.Error{Category: api.Unauthorized, Message: out.err.Error()}
	}
	return api.RegistryResult{Index: res.Index}, out.err
}

// dropReason leaves the reason of a change out while a voter does not know that
// changes have one: its history would be another than the others'. Then it is in the
// log of the leader alone.
func (a *Agent) dropReason(ctx context.Context, c *pki.Change) {
	if c.Reason == "" {
		return
	}
	if who, _ := a.whoLacks(ctx, steer.VersionReasons); who != "" {
		a.log.Warn().Str("change", string(c.Kind)).Str("by", c.By).Str("reason", c.Reason).Str("older", string(who)).Msg("the reason of a change is not in the history: this agent does not keep it yet")
		c.Reason = ""
	}
}

// outcomeOf keeps the errors by which change tries again.
func outcomeOf(err error) error {
	if errors.Is(err, raftstore.ErrNotLeader) || errors.Is(err, raftstore.ErrNoQuorum) {
		return &api.Error{Category: api.NoQuorum, Message: err.Error()}
	}
	return err
}
