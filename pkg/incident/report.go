package incident

import (
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Format is the version of a report's JSON form.
const Format = 1

// Report is the report of one incident, without words of any language.
type Report struct {
	Format   int                 `json:"format"`
	ID       string              `json:"id"`
	Zone     string              `json:"zone"`
	State    steer.IncidentState `json:"state"`
	Severity steer.Severity      `json:"severity"`
	Summary  string              `json:"summary"`
	Cause    string              `json:"cause,omitempty"` // as a person named it
	Failure  health.Cause        `json:"failure,omitempty"`
	Affected []Affected          `json:"affected"`
	Services []fleet.ServiceID   `json:"services"`
	MadeAt   time.Time           `json:"made_at"`

	StartedAt  time.Time `json:"started_at"`
	OpenedAt   time.Time `json:"opened_at"`
	MovedAt    time.Time `json:"moved_at,omitzero"`
	MovedBy    string    `json:"moved_by,omitempty"`
	RestoredAt time.Time `json:"restored_at,omitzero"` // callers had a working site again
	ResolvedAt time.Time `json:"resolved_at,omitzero"`
	ResolvedBy string    `json:"resolved_by,omitempty"`

	Measures  []Measure `json:"measures"`
	Impact    Impact    `json:"impact"`
	Timeline  []Entry   `json:"timeline"`
	Omitted   int       `json:"omitted,omitempty"`    // entries left out of the middle
	OmitAfter int       `json:"omit_after,omitempty"` // how many entries stand before the gap
	Well      []Finding `json:"went_well"`
	Badly     []Finding `json:"went_badly"`
	FollowUps []Finding `json:"follow_ups"`
	// Evidence is what the agents still have of the last failures, when the
	// report was made.
	Evidence []steer.Evidence `json:"evidence,omitempty"`
}

// Affected is a site with the transports that failed there.
type Affected struct {
	Site       fleet.SiteID `json:"site"`
	Transports []string     `json:"transports,omitempty"`
}

// Who says who did what an entry of the timeline tells.
type Who string

// The kinds of doers.
const (
	Observed  Who = "observed"  // the checks, and the record itself
	Automatic Who = "automatic" // the program moved, or held back
	Manual    Who = "manual"    // a person
	Before    Who = "before"    // a change in the hour before
)

// Entry is one line of the timeline.
type Entry struct {
	Who Who `json:"who"`
	steer.Event
}

// Input is what a report needs beside the incident.
type Input struct {
	Now   time.Time
	Zone  string       // of the fleet
	Gates []GateCounts // as read now; may be empty
	// Evidence of failures during the incident; may be empty.
	Evidence []steer.Evidence
}

// Build makes the report.
func Build(in steer.Incident, from Input) Report {
	r := Report{
		Format: Format, ID: in.ID, Zone: from.Zone, State: in.State, Severity: in.Severity, Summary: in.Summary, Cause: in.Cause, Failure: in.Failure,
		Services: append([]fleet.ServiceID{}, in.Services...), MadeAt: from.Now,
		StartedAt: in.StartedAt, OpenedAt: in.OpenedAt, MovedAt: in.MovedAt, MovedBy: in.MovedBy, RestoredAt: restoredAt(in),
		ResolvedAt: in.ResolvedAt, ResolvedBy: in.ResolvedBy, Omitted: in.Omitted,
	}
	if in.Omitted > 0 {
		r.OmitAfter = steer.TimelineHead
	}
	for _, e := range in.Timeline {
		r.Timeline = append(r.Timeline, Entry{Who: who(e, in), Event: *e})
	}
	r.Affected = affected(in)
	r.Measures = measures(in, r.RestoredAt)
	r.Impact = impact(in, r.RestoredAt, from)
	r.Well, r.Badly = findings(in, r)
	r.FollowUps = followUps(in, r)
	r.Evidence = from.Evidence
	return r
}

// who tells what the checks saw, what the program did, and what people did
// apart.
func who(e *steer.Event, in steer.Incident) Who {
	switch {
	case e.At.Before(in.StartedAt) || e.At.Before(in.OpenedAt) && e.Revision < firstRevision(in):
		return Before
	case e.Kind == steer.EventVerdict, e.Kind == steer.EventIncident && e.By == steer.AutomationOwner:
		return Observed
	case e.By == steer.AutomationOwner, e.Kind == steer.EventStage, e.Kind == steer.EventExpired:
		return Automatic
	}
	return Manual
}

// firstRevision is of the command that opened the incident.
func firstRevision(in steer.Incident) uint64 {
	for _, e := range in.Timeline {
		if e.Kind == steer.EventIncident && e.Incident == in.ID {
			return e.Revision
		}
	}
	return 0
}

// restoredAt is when callers had a working site again: every old answer had run
// out after the move, or nothing was down any more, whichever came first.
func restoredAt(in steer.Incident) time.Time {
	switch {
	case in.HorizonAt.IsZero() || !in.WellAt.IsZero() && in.WellAt.Before(in.HorizonAt):
		return in.WellAt
	}
	return in.HorizonAt
}

// affected lists the sites with the transports that were seen down, but not by the
// work of people.
func affected(in steer.Incident) []Affected {
	out := []Affected{}
	for _, site := range in.Sites {
		a := Affected{Site: site}
		for _, e := range in.Timeline {
			t := e.Transport.String()
			if e.Kind == steer.EventVerdict && e.Site == site && e.Word == health.Down.String() && e.Value != steer.ValueMaintenance && !slices.Contains(a.Transports, t) {
				a.Transports = append(a.Transports, t)
			}
		}
		slices.Sort(a.Transports)
		out = append(out, a)
	}
	return out
}
