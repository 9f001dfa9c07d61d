package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// RunBackend is the part of a Backend that carries out runbooks.
type RunBackend interface {
	// Runs returns the runs under way and the last ones that ended, oldest first.
	Runs(ctx context.Context) ([]steer.Run, error)
	// Books lists the runbook files that the fleet keeps.
	Books(ctx context.Context) ([]steer.SavedBook, error)
	// RunForecasts tells what the steps of a run that are under way wait for.
	RunForecasts(ctx context.Context, id string) ([]runbook.Forecast, error)
	// PlanRun shows what a runbook would do.
	PlanRun(ctx context.Context, req RunRequest) (runbook.Plan, error)
}

// RunRequest is what an operator wants of a runbook or a run.
type RunRequest struct {
	ID     string            `json:"id,omitempty" maxLength:"64" doc:"Of the run."`
	Step   string            `json:"step,omitempty" maxLength:"64"`
	Detail string            `json:"detail,omitempty" maxLength:"1000" doc:"What a person found, with an approval."`
	Book   string            `json:"book,omitempty" maxLength:"262144" doc:"Text of a runbook file, to start or plan one."`
	Values map[string]string `json:"values,omitempty" doc:"For the blanks of the runbook."`
}

// runs registers what is asked of runbooks.
func (s *server) runs(a huma.API) {
	huma.Register(a, op("runs", http.MethodGet, "/v1/runs", "Runs of runbooks, oldest first"),
		func(ctx context.Context, _ *struct{}) (*body[[]steer.Run], error) {
			return answer(s.backend.Runs(ctx))
		})
	huma.Register(a, op("books", http.MethodGet, "/v1/books", "Runbook files that the fleet keeps"),
		func(ctx context.Context, _ *struct{}) (*body[[]steer.SavedBook], error) {
			return answer(s.backend.Books(ctx))
		})
	huma.Register(a, op("run-forecasts", http.MethodGet, "/v1/runs/{id}/forecasts", "What the steps of a run wait for, why, and until when"),
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"64"`
		},
		) (*body[[]runbook.Forecast], error) {
			return answer(s.backend.RunForecasts(ctx, in.ID))
		})
	huma.Register(a, op("plan-run", http.MethodPost, "/v1/runs/plan", "What a runbook would do; changes nothing"),
		func(ctx context.Context, in *struct{ Body RunRequest }) (*body[runbook.Plan], error) {
			return answer(s.backend.PlanRun(ctx, in.Body))
		})
}

// Runs asks for the runs of runbooks.
func (c *Client) Runs(ctx context.Context) (list []steer.Run, err error) {
	return list, c.call(ctx, http.MethodGet, "/v1/runs", nil, &list, false)
}

// Books asks for the runbook files that the fleet keeps.
func (c *Client) Books(ctx context.Context) (list []steer.SavedBook, err error) {
	return list, c.call(ctx, http.MethodGet, "/v1/books", nil, &list, false)
}

// RunForecasts asks what the steps of a run wait for.
func (c *Client) RunForecasts(ctx context.Context, id string) (list []runbook.Forecast, err error) {
	return list, c.call(ctx, http.MethodGet, "/v1/runs/"+url.PathEscape(id)+"/forecasts", nil, &list, false)
}

// PlanRun asks what a runbook would do.
func (c *Client) PlanRun(ctx context.Context, req RunRequest) (p runbook.Plan, err error) {
	return p, c.call(ctx, http.MethodPost, "/v1/runs/plan", req, &p, false)
}
