package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/incident"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Incidents implements api.Backend.
func (a *Agent) Incidents(context.Context) ([]steer.Incident, error) {
	return append([]steer.Incident{}, a.state().Incidents...), nil
}

// IncidentReport implements api.Backend. The gates are asked for their counters
// now; one that cannot be reached is left out.
func (a *Agent) IncidentReport(ctx context.Context, id string) (incident.Report, error) {
	s := a.state()
	in := s.Incident(id)
	if in == nil {
		return incident.Report{}, &api.Error{Category: api.Invalid, Field: "id", Message: fmt.Sprintf("no incident is called %q", id), Hint: "sipsteer incident list"}
	}
	from := incident.Input{Now: time.Now()}
	if s.Fleet != nil {
		from.Zone = s.Fleet.Zone
	}
	for _, e := range a.effects(ctx, a.peers()) {
		if e.err == nil && e.GateStats != nil {
			from.Gates = append(from.Gates, incident.GateCounts{Site: e.site, Refused: e.GateStats.Refused, Relayed: e.GateStats.Relayed, Redirect: e.GateStats.Redirected})
		}
	}
	from.Evidence = a.evidenceOfIncident(ctx, in)
	return incident.Build(*in, from), nil
}

// incidentChange reads what a request says of an incident.
func incidentChange(c *steer.Command, req api.CommandRequest) error {
	if req.Incident == nil {
		return nil
	}
	in := req.Incident
	c.Incident = &steer.IncidentChange{ID: in.ID, Severity: steer.Severity(in.Severity), Text: in.Text, Cause: in.Cause, Started: in.Started}
	for _, s := range in.Sites {
		c.Incident.Sites = append(c.Incident.Sites, fleet.SiteID(s))
	}
	return nil
}
