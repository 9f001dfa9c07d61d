package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sipsteer/sipsteer/pkg/plan"
)

// past registers what looks back.
func (s *server) past(a huma.API) {
	huma.Register(a, op("epochs", http.MethodGet, "/v1/epochs", "The decisions that are kept, oldest first"),
		func(ctx context.Context, in *struct {
			Limit int `query:"limit" default:"50" minimum:"1" maximum:"5000"`
		},
		) (*body[[]Epoch], error) {
			return answer(s.backend.Epochs(ctx, in.Limit))
		})
	huma.Register(a, op("show", http.MethodGet, "/v1/epochs/{epoch}", "The State that was in force at an epoch"),
		func(ctx context.Context, in *struct {
			Epoch     uint64 `path:"epoch"`
			Forwarded string `header:"X-Sipsteer-Forwarded"`
		},
		) (*body[PastState], error) {
			return answer(s.backend.Past(ctx, in.Epoch, in.Forwarded != ""))
		})
	huma.Register(a, op("diff", http.MethodGet, "/v1/diff", "What differs between two epochs"),
		func(ctx context.Context, in *struct {
			From uint64 `query:"from" required:"true"`
			To   uint64 `query:"to" doc:"0 is now."`
		},
		) (*body[plan.Comparison], error) {
			return answer(s.backend.Diff(ctx, in.From, in.To))
		})
	huma.Register(a, op("verify", http.MethodGet, "/v1/verify", "Read the whole past of this agent again"),
		func(ctx context.Context, _ *struct{}) (*body[Verification], error) {
			return answer(s.backend.Verify(ctx))
		})
}
