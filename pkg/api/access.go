package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Operator is a person or a program with a token.
type Operator struct {
	Name  string    `json:"name"`
	Role  string    `json:"role" enum:"viewer,operator,admin"`
	Until time.Time `json:"until,omitzero" doc:"When the token ends; absent: never."`
}

// OperatorRequest says what an operator may do.
type OperatorRequest struct {
	Role   string `json:"role" enum:"viewer,operator,admin"`
	For    string `json:"for,omitempty" maxLength:"32" doc:"How long the token lasts: 720h. Absent: until it is dropped."`
	Reason string `json:"reason,omitempty" maxLength:"512" doc:"Why; it is in the history."`
}

// OperatorToken is shown once; the fleet keeps its hash.
type OperatorToken struct {
	Operator
	Token string `json:"token"`
}

// RenewRequest asks for the next certificate of the agent that calls.
type RenewRequest struct {
	Request []byte `json:"request" doc:"PKCS #10 certificate request, DER."`
}

// RenewAnswer is the certificate.
type RenewAnswer struct {
	Certificate []byte `json:"certificate" doc:"X.509, DER."`
}

// RegistryChange is a change of the registry that another agent passes on to the
// leader, in the registry's own encoding.
type RegistryChange struct {
	Change []byte `json:"change"`
}

// RegistryResult says where a change stands in the log.
type RegistryResult struct {
	Index uint64 `json:"index"`
}

// Access is the part of a Backend that says who may do what.
type Access interface {
	// Operators lists them.
	Operators(ctx context.Context) ([]Operator, error)
	// SetOperator adds one, or gives one a new token and role.
	SetOperator(ctx context.Context, name string, req OperatorRequest) (OperatorToken, error)
	// DropOperator ends a token.
	DropOperator(ctx context.Context, name, reason string) error
	// Renew signs the next certificate of the agent that calls.
	Renew(ctx context.Context, req RenewRequest) (RenewAnswer, error)
	// ChangeRegistry carries out a change at the leader.
	ChangeRegistry(ctx context.Context, c RegistryChange) (RegistryResult, error)
}

// nothing is the answer of a call that has none.
func nothing(err error) (*struct{}, error) {
	if err != nil {
		return nil, AsError(err)
	}
	return nil, nil
}

// access registers what admins use, and agents for their certificates.
func (s *server) access(a huma.API) {
	huma.Register(a, op("operators", http.MethodGet, "/v1/operators", "Who may do what"),
		func(ctx context.Context, _ *struct{}) (*body[[]Operator], error) {
			return answer(s.backend.Operators(ctx))
		})
	huma.Register(a, op("set-operator", http.MethodPut, "/v1/operators/{name}", "Add an operator, or give one a new token"),
		func(ctx context.Context, in *struct {
			Name string `path:"name" maxLength:"63" pattern:"^[a-z0-9][a-z0-9-]*$"`
			Body OperatorRequest
		},
		) (*body[OperatorToken], error) {
			return answer(s.backend.SetOperator(ctx, in.Name, in.Body))
		})
	huma.Register(a, op("drop-operator", http.MethodDelete, "/v1/operators/{name}", "End an operator's token"),
		func(ctx context.Context, in *struct {
			Name   string `path:"name" maxLength:"63"`
			Reason string `query:"reason" maxLength:"512" doc:"Why; it is in the history."`
		},
		) (*struct{}, error) {
			return nothing(s.backend.DropOperator(ctx, in.Name, in.Reason))
		})
	huma.Register(a, op("renew", http.MethodPost, "/v1/peer/renew", "The next certificate of the agent that calls"),
		func(ctx context.Context, in *struct{ Body RenewRequest }) (*body[RenewAnswer], error) {
			return answer(s.backend.Renew(ctx, in.Body))
		})
	huma.Register(a, op("change-registry", http.MethodPost, "/v1/peer/registry", "A change of the registry, passed on to the leader"),
		func(ctx context.Context, in *struct{ Body RegistryChange }) (*body[RegistryResult], error) {
			return answer(s.backend.ChangeRegistry(ctx, in.Body))
		})
}

// Operators asks who may do what.
func (c *Client) Operators(ctx context.Context) (list []Operator, err error) {
	return list, c.call(ctx, http.MethodGet, "/v1/operators", nil, &list, false)
}

// SetOperator adds an operator or gives one a new token.
func (c *Client) SetOperator(ctx context.Context, name string, req OperatorRequest) (t OperatorToken, err error) {
	return t, c.call(ctx, http.MethodPut, "/v1/operators/"+url.PathEscape(name), req, &t, false)
}

// DropOperator ends an operator's token.
func (c *Client) DropOperator(ctx context.Context, name, reason string) error {
	return c.call(ctx, http.MethodDelete, "/v1/operators/"+url.PathEscape(name)+reasonQuery(reason), nil, nil, false)
}

// Renew asks for this agent's next certificate.
func (c *Client) Renew(ctx context.Context, req RenewRequest) (r RenewAnswer, err error) {
	return r, c.call(ctx, http.MethodPost, "/v1/peer/renew", req, &r, true)
}

// ChangeRegistry passes a change on to the leader.
func (c *Client) ChangeRegistry(ctx context.Context, change RegistryChange) (r RegistryResult, err error) {
	return r, c.call(ctx, http.MethodPost, "/v1/peer/registry", change, &r, true)
}
