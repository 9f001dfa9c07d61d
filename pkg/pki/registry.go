package pki

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// RegistryFormat is the version of the Registry's encoding.
const RegistryFormat = 1

// Role is what an operator may do.
type Role string

// The roles, each with the powers of the one before.
const (
	Viewer Role = "viewer" // look
	Doer   Role = "operator"
	Admin  Role = "admin" // who may do what, and which agents there are
)

var roleOrder = [...]Role{"", Viewer, Doer, Admin}

// May reports whether the role has the powers of another one.
func (r Role) May(need Role) bool {
	have, want := slices.Index(roleOrder[:], r), slices.Index(roleOrder[:], need)
	return have > 0 && want > 0 && have >= want
}

// Registry is what all agents agree on about who is who. It is a value: Apply
// returns a new one.
type Registry struct {
	Format    int        `json:"format"`
	Agents    []Agent    `json:"agents,omitempty"`    // ordered by name
	Operators []Operator `json:"operators,omitempty"` // ordered by name
	Invites   []Invite   `json:"invites,omitempty"`   // ordered by ID
	Revoked   []Revoked  `json:"revoked,omitempty"`   // ordered by agent
}

// Agent is one member of the fleet as others reach it.
type Agent struct {
	Name string `json:"name"`
	Site string `json:"site"`
	Raft string `json:"raft"` // HOST:PORT
	API  string `json:"api"`  // HOST:PORT
	// Voter says that it shall count for elections. It does when it has caught
	// up.
	Voter bool `json:"voter"`
}

// Operator is a person or a program with a token.
type Operator struct {
	Name  string    `json:"name"`
	Role  Role      `json:"role"`
	Hash  string    `json:"hash"` // of the secret
	Until time.Time `json:"until,omitzero"`
}

// Invite lets one agent join once.
type Invite struct {
	ID    string    `json:"id"`
	Hash  string    `json:"hash"` // of the secret
	Agent string    `json:"agent"`
	Voter bool      `json:"voter"`
	Until time.Time `json:"until"`
}

// Revoked takes back every identity of an agent that was issued before a time.
// One that is issued later, because the agent was let in again, is good.
type Revoked struct {
	Agent  string    `json:"agent"`
	Before time.Time `json:"before"`
}

// revokedFor is how long a revocation is kept: longer than any certificate
// lasts that was issued before it, those of an authority of the operator's own
// included.
const revokedFor = 3 * 365 * 24 * time.Hour

// ChangeKind says what a Change does. The words travel in the log and are
// append-only.
type ChangeKind string

// The kinds of changes.
const (
	SetAgent       ChangeKind = "set-agent"    // add one, or change its addresses
	DropAgent      ChangeKind = "drop-agent"   // and revoke its identity
	SetOperator    ChangeKind = "set-operator" // add one, or give a new token
	DropOperator   ChangeKind = "drop-operator"
	AddInvite      ChangeKind = "invite"
	AcceptInvite   ChangeKind = "accept" // one-use: the second one fails
	RevokeIdentity ChangeKind = "revoke"
	FirstRegistry  ChangeKind = "first" // only while nothing is registered
)

// Change is one proposal. Which fields count depends on Kind.
type Change struct {
	Kind     ChangeKind `json:"kind"`
	At       time.Time  `json:"at"` // stamped by the leader
	By       string     `json:"by"`
	Reason   string     `json:"reason,omitempty"` // why; only where every voter keeps it
	Agent    *Agent     `json:"agent,omitempty"`
	Operator *Operator  `json:"operator,omitempty"`
	Invite   *Invite    `json:"invite,omitempty"`
	Revoked  *Revoked   `json:"revoked,omitempty"`
	Name     string     `json:"name,omitempty"`   // of what is dropped; ID of an invite
	Secret   string     `json:"secret,omitempty"` // hash of the one presented
	First    *Registry  `json:"first,omitempty"`
}

var (
	// ErrUnknownChange is returned for a kind that this program does not know:
	// the replica must stop.
	ErrUnknownChange = errors.New("unknown change of the registry")
	// ErrRefused is returned, with the reason, when a change cannot be made.
	ErrRefused = errors.New("refused")
)

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrRefused}, args...)...)
}

// Apply makes one change. It yields the same on every machine.
func (r Registry) Apply(c Change) (Registry, error) {
	r.Format = RegistryFormat
	r.expire(c.At)
	switch {
	case c.Kind == FirstRegistry && c.First != nil:
		if len(r.Agents)+len(r.Operators) > 0 {
			return r, nil // another founder was first
		}
		return *c.First, nil
	case c.Kind == SetAgent && c.Agent != nil:
		r.Agents = put(r.Agents, *c.Agent, func(a, b Agent) int { return strings.Compare(a.Name, b.Name) })
		return r, nil
	case c.Kind == DropAgent:
		return r.dropAgent(c)
	case c.Kind == SetOperator && c.Operator != nil:
		return r.setOperator(*c.Operator)
	case c.Kind == DropOperator:
		return r.dropOperator(c.Name)
	case c.Kind == AddInvite && c.Invite != nil:
		r.Invites = put(r.Invites, *c.Invite, func(a, b Invite) int { return strings.Compare(a.ID, b.ID) })
		return r, nil
	case c.Kind == AcceptInvite && c.Agent != nil:
		return r.accept(c)
	case c.Kind == RevokeIdentity && c.Revoked != nil:
		return r.revoke(*c.Revoked), nil
	}
	return r, fmt.Errorf("%w: %q; upgrade this agent", ErrUnknownChange, c.Kind)
}

// expire forgets what has ended.
func (r *Registry) expire(now time.Time) {
	r.Invites = without(r.Invites, func(i Invite) bool { return !i.Until.After(now) })
	r.Revoked = without(r.Revoked, func(x Revoked) bool { return now.Sub(x.Before) > revokedFor })
}

func (r Registry) revoke(x Revoked) Registry {
	r.Revoked = put(r.Revoked, x, func(a, b Revoked) int { return strings.Compare(a.Agent, b.Agent) })
	return r
}

func (r Registry) dropAgent(c Change) (Registry, error) {
	if !slices.ContainsFunc(r.Agents, func(a Agent) bool { return a.Name == c.Name }) {
		return r, nil // repeating is harmless
	}
	r = r.revoke(Revoked{Agent: c.Name, Before: c.At})
	r.Agents = without(r.Agents, func(a Agent) bool { return a.Name == c.Name })
	return r, nil
}

func (r Registry) setOperator(o Operator) (Registry, error) {
	if !o.Role.May(Viewer) {
		return r, refused("%q is no role; viewer, operator or admin", o.Role)
	}
	r.Operators = put(r.Operators, o, func(a, b Operator) int { return strings.Compare(a.Name, b.Name) })
	return r, nil
}

func (r Registry) dropOperator(name string) (Registry, error) {
	if !slices.ContainsFunc(r.Operators, func(o Operator) bool { return o.Name == name }) {
		return r, nil
	}
	r.Operators = without(r.Operators, func(o Operator) bool { return o.Name == name })
	return r, nil
}

// accept uses an invite up.
func (r Registry) accept(c Change) (Registry, error) {
	i := slices.IndexFunc(r.Invites, func(i Invite) bool { return i.ID == c.Name })
	switch {
	case i < 0:
		return r, refused("the join token was used already, or has expired")
	case !sameHash(r.Invites[i].Hash, c.Secret):
		return r, refused("the join token is wrong")
	case r.Invites[i].Agent != c.Agent.Name:
		return r, refused("the join token is for agent %q, not for %q", r.Invites[i].Agent, c.Agent.Name)
	}
	a := *c.Agent
	a.Voter = r.Invites[i].Voter
	r.Invites = without(r.Invites, func(i Invite) bool { return i.ID == c.Name })
	r.Agents = put(r.Agents, a, func(a, b Agent) int { return strings.Compare(a.Name, b.Name) })
	return r, nil
}

// Check looks, before anything is signed, whether an invite would be accepted.
func (r Registry) Check(c Change) error {
	_, err := r.Apply(c)
	return err
}

// Operator returns who presents a token.
func (r Registry) Operator(token string, now time.Time) (Operator, bool) {
	name, secret, err := ParseOperatorToken(token)
	if err != nil {
		return Operator{}, false
	}
	hash := HashOf(secret)
	for _, o := range r.Operators {
		if o.Name == name && sameHash(o.Hash, hash) && (o.Until.IsZero() || now.Before(o.Until)) {
			return o, true
		}
	}
	return Operator{}, false
}

// Allow refuses a revoked identity.
func (r Registry) Allow(p Peer) error {
	if slices.ContainsFunc(r.Revoked, func(x Revoked) bool { return x.Agent == p.Agent && p.Issued.Before(x.Before.Truncate(time.Second)) }) {
		return fmt.Errorf("%w: agent %s", ErrRevoked, p.Agent)
	}
	return nil
}

// Dropped reports whether an agent was in the fleet and is not any more.
func (r Registry) Dropped(agent string) bool {
	return slices.ContainsFunc(r.Revoked, func(x Revoked) bool { return x.Agent == agent }) &&
		!slices.ContainsFunc(r.Agents, func(a Agent) bool { return a.Name == agent })
}

// Refounded is what a restored fleet begins with: who the operators are and who
// is shut out, but not which agents there are; those say so themselves.
func (r Registry) Refounded() Registry {
	r.Agents, r.Invites = nil, nil
	return r
}

// put inserts x into the ordered s, in place of its equal, on a copy.
func put[T any](s []T, x T, compare func(a, b T) int) []T {
	i, found := slices.BinarySearchFunc(s, x, compare)
	out := slices.Clone(s)
	if found {
		out[i] = x
		return out
	}
	return slices.Insert(out, i, x)
}

// without is slices.DeleteFunc on a copy; nil when nothing is left.
func without[T any](s []T, drop func(T) bool) []T {
	out := slices.DeleteFunc(slices.Clone(s), drop)
	if len(out) == 0 {
		return nil
	}
	return out
}
