package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Member is one agent of the fleet.
type Member struct {
	Name    string `json:"name"`
	Site    string `json:"site"`
	Raft    string `json:"raft"`
	API     string `json:"api"`
	Role    string `json:"role" enum:"voter,non-voter,waiting" doc:"What it is now; waiting: not a member yet."`
	Becomes string `json:"becomes" doc:"What it will be when it has caught up."`
	Leader  bool   `json:"leader"`
}

// MemberRequest says what an agent shall be.
type MemberRequest struct {
	Voter  bool   `json:"voter"`
	Reason string `json:"reason,omitempty" maxLength:"512" doc:"Why; it is in the history."`
}

// InviteRequest asks for a token with which one agent may join, once.
type InviteRequest struct {
	Agent    string `json:"agent" maxLength:"63" pattern:"^[a-z0-9][a-z0-9-]*$"`
	NonVoter bool   `json:"non_voter,omitempty" doc:"It gets everything and has no vote: for name servers anywhere."`
	For      string `json:"for,omitempty" maxLength:"32" doc:"How long the token is good; default 1h, 168h at most."`
	Reason   string `json:"reason,omitempty" maxLength:"512" doc:"Why; it is in the history."`
}

// InviteAnswer is shown once.
type InviteAnswer struct {
	Agent string    `json:"agent"`
	Token string    `json:"token"`
	Until time.Time `json:"until"`
}

// JoinRequest is what a joining agent presents.
type JoinRequest struct {
	ID      string `json:"id" maxLength:"64"`
	Secret  string `json:"secret" maxLength:"128"`
	Agent   string `json:"agent" maxLength:"63" pattern:"^[a-z0-9][a-z0-9-]*$"`
	Site    string `json:"site" maxLength:"63"`
	Raft    string `json:"raft" maxLength:"261"`
	API     string `json:"api" maxLength:"261"`
	Request []byte `json:"request" doc:"PKCS #10 certificate request, DER."`
	// Certificate is set where the fleet's authority is the operator's own, which
	// has signed it: the fleet does not hold the key.
	Certificate []byte `json:"certificate,omitempty" doc:"The certificate, DER, where the fleet need not sign it."`
}

// JoinAnswer makes it a member.
type JoinAnswer struct {
	Certificate  []byte `json:"certificate"`
	Authority    []byte `json:"authority"`
	AuthorityKey []byte `json:"authority_key,omitempty" doc:"For an agent that votes: it signs too."`
}

// Membership is the part of a Backend that says which agents there are.
type Membership interface {
	// Members lists them.
	Members(ctx context.Context) ([]Member, error)
	// SetMember promotes or demotes one.
	SetMember(ctx context.Context, name string, req MemberRequest) error
	// DropMember ends a membership and takes the identity back.
	DropMember(ctx context.Context, name, reason string) error
	// Invite makes a join token.
	Invite(ctx context.Context, req InviteRequest) (InviteAnswer, error)
	// Join takes an agent in that presents one.
	Join(ctx context.Context, req JoinRequest) (JoinAnswer, error)
	// Rejoin ends the calling agent's old membership, so that it can come back
	// with an empty store.
	Rejoin(ctx context.Context) error
}

// membership registers what says which agents there are.
func (s *server) membership(a huma.API) {
	huma.Register(a, op("agents", http.MethodGet, "/v1/agents", "The agents of the fleet"),
		func(ctx context.Context, _ *struct{}) (*body[[]Member], error) {
			return answer(s.backend.Members(ctx))
		})
	huma.Register(a, op("set-agent", http.MethodPut, "/v1/agents/{name}", "Promote or demote an agent"),
		func(ctx context.Context, in *struct {
			Name string `path:"name" maxLength:"63"`
			Body MemberRequest
		},
		) (*struct{}, error) {
			return nothing(s.backend.SetMember(ctx, in.Name, in.Body))
		})
	huma.Register(a, op("drop-agent", http.MethodDelete, "/v1/agents/{name}", "End an agent's membership and identity"),
		func(ctx context.Context, in *struct {
			Name   string `path:"name" maxLength:"63"`
			Reason string `query:"reason" maxLength:"512" doc:"Why; it is in the history."`
		},
		) (*struct{}, error) {
			return nothing(s.backend.DropMember(ctx, in.Name, in.Reason))
		})
	huma.Register(a, op("invite", http.MethodPost, "/v1/invites", "A token with which one agent may join, once"),
		func(ctx context.Context, in *struct{ Body InviteRequest }) (*body[InviteAnswer], error) {
			return answer(s.backend.Invite(ctx, in.Body))
		})
	huma.Register(a, op("join", http.MethodPost, "/v1/join", "Join with a token"),
		func(ctx context.Context, in *struct{ Body JoinRequest }) (*body[JoinAnswer], error) {
			return answer(s.backend.Join(ctx, in.Body))
		})
	huma.Register(a, op("rejoin", http.MethodPost, "/v1/peer/rejoin", "End the calling agent's old membership"),
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			return nothing(s.backend.Rejoin(ctx))
		})
}

// Members lists the agents.
func (c *Client) Members(ctx context.Context) (m []Member, err error) {
	return m, c.call(ctx, http.MethodGet, "/v1/agents", nil, &m, false)
}

// SetMember promotes or demotes an agent.
func (c *Client) SetMember(ctx context.Context, name string, req MemberRequest) error {
	return c.call(ctx, http.MethodPut, "/v1/agents/"+url.PathEscape(name), req, nil, false)
}

// DropMember ends an agent's membership.
func (c *Client) DropMember(ctx context.Context, name, reason string) error {
	return c.call(ctx, http.MethodDelete, "/v1/agents/"+url.PathEscape(name)+reasonQuery(reason), nil, nil, false)
}

// reasonQuery is the part of an address that says why something is dropped.
func reasonQuery(reason string) string {
	if reason == "" {
		return ""
	}
	return "?" + url.Values{"reason": {reason}}.Encode()
}

// Invite asks for a join token.
func (c *Client) Invite(ctx context.Context, req InviteRequest) (i InviteAnswer, err error) {
	return i, c.call(ctx, http.MethodPost, "/v1/invites", req, &i, false)
}

// Join presents a join token.
func (c *Client) Join(ctx context.Context, req JoinRequest) (j JoinAnswer, err error) {
	return j, c.call(ctx, http.MethodPost, "/v1/join", req, &j, false)
}

// Rejoin ends this agent's old membership.
func (c *Client) Rejoin(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/v1/peer/rejoin", nil, nil, true)
}
