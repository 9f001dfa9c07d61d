package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// ReadinessBackend is the part of a Backend that tells what would go wrong.
type ReadinessBackend interface {
	Readiness(ctx context.Context) (Readiness, error)
}

// Readiness is what would go wrong today.
type Readiness struct {
	At       time.Time        `json:"at"`
	Epoch    uint64           `json:"epoch"`
	By       string           `json:"by,omitempty" doc:"Agent that looked: name servers and softswitches are asked from there."`
	Findings []plan.Finding   `json:"findings" doc:"Worst first."`
	Practice []steer.Practice `json:"practice" doc:"The last drill of each site."`
}

func (s *server) readiness(a huma.API) {
	huma.Register(a, op("readiness", http.MethodGet, "/v1/readiness", "What would go wrong today"),
		func(ctx context.Context, _ *struct{}) (*body[Readiness], error) {
			return answer(s.backend.Readiness(ctx))
		})
}

// Readiness asks what would go wrong today.
func (c *Client) Readiness(ctx context.Context) (r Readiness, err error) {
	return r, c.call(ctx, http.MethodGet, "/v1/readiness", nil, &r, false)
}
