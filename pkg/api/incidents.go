package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sipsteer/sipsteer/pkg/incident"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// IncidentBackend is the part of a Backend that keeps the record of outages.
type IncidentBackend interface {
	// Incidents returns what is remembered of incidents, oldest first.
	Incidents(ctx context.Context) ([]steer.Incident, error)
	// IncidentReport makes the report of one.
	IncidentReport(ctx context.Context, id string) (incident.Report, error)
}

// IncidentChange is what an operator says of an incident. Which fields count
// depends on the kind of the command.
type IncidentChange struct {
	ID       string    `json:"id,omitempty" maxLength:"64" doc:"Empty to declare a new one."`
	Severity string    `json:"severity,omitempty" enum:"minor,major,critical"`
	Text     string    `json:"text,omitempty" maxLength:"2000" doc:"A note, or the summary of a new incident."`
	Cause    string    `json:"cause,omitempty" maxLength:"2000" doc:"Root cause."`
	Sites    []string  `json:"sites,omitempty" maxItems:"64" doc:"Of a new incident."`
	Started  time.Time `json:"started,omitzero" doc:"When callers were first hit."`
}

// incidents registers what is asked of the record.
func (s *server) incidents(a huma.API) {
	huma.Register(a, op("incidents", http.MethodGet, "/v1/incidents", "Incidents with their timelines, oldest first"),
		func(ctx context.Context, _ *struct{}) (*body[[]steer.Incident], error) {
			return answer(s.backend.Incidents(ctx))
		})
	huma.Register(a, op("incident-report", http.MethodGet, "/v1/incidents/{id}/report", "The report of an incident"),
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"64"`
		},
		) (*body[incident.Report], error) {
			return answer(s.backend.IncidentReport(ctx, in.ID))
		})
}

// Incidents asks for the record of outages.
func (c *Client) Incidents(ctx context.Context) (list []steer.Incident, err error) {
	return list, c.call(ctx, http.MethodGet, "/v1/incidents", nil, &list, false)
}

// IncidentReport asks for the report of one.
func (c *Client) IncidentReport(ctx context.Context, id string) (r incident.Report, err error) {
	return r, c.call(ctx, http.MethodGet, "/v1/incidents/"+url.PathEscape(id)+"/report", nil, &r, false)
}
