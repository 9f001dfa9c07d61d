package steer

import (
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// IncidentState is how far an incident has come.
type IncidentState string

// The states of an incident, in the words that status pages use.
const (
	// Investigating: something is down, or a person says so, and nobody has
	// named the cause.
	Investigating IncidentState = "investigating"
	// Identified: a person has named the cause.
	Identified IncidentState = "identified"
	// Monitoring: all is up again, and traffic is not back yet or the person
	// who has taken the incident over has not resolved it yet.
	Monitoring IncidentState = "monitoring"
	Resolved   IncidentState = "resolved"
)

// Severity says how much callers feel.
type Severity string

// The severities, least first. The program raises it while an incident lasts;
// what a person sets stays.
const (
	Minor    Severity = "minor"    // nothing that a service prefers is down
	Major    Severity = "major"    // the preferred site of a service is down on a transport
	Critical Severity = "critical" // a service has no site up on a transport, or the cause is common
)

// Severities lists them, least first.
func Severities() []Severity { return []Severity{Minor, Major, Critical} }

func (s Severity) rank() int {
	switch s {
	case Minor:
		return 1
	case Major:
		return 2
	case Critical:
		return 3
	}
	return 0
}

// Bounds of one incident's timeline. The beginning is kept for ever, the middle
// gives way: a report without its first minutes is worth nothing.
const (
	MaxTimeline  = 120
	TimelineHead = 60
)

// Incident is the record from the first bad verdict, or a person's word, until
// all is as before. What it holds is what the report is made from, so it does
// not depend on State.Events, which forgets.
type Incident struct {
	ID       string            `json:"id"`
	State    IncidentState     `json:"state"`
	Severity Severity          `json:"severity"`
	Summary  string            `json:"summary"`
	Cause    string            `json:"cause,omitempty"`   // root cause, as a person named it
	Failure  health.Cause      `json:"failure,omitempty"` // what the checks said first
	Sites    []fleet.SiteID    `json:"sites"`
	Services []fleet.ServiceID `json:"services,omitempty"` // that prefer one of the sites
	Exposure Exposure          `json:"exposure,omitzero"`

	// StartedAt is when callers were first hit: stated by a person, or OpenedAt
	// less DetectWithin, the most that the checks may take.
	StartedAt    time.Time      `json:"started_at"`
	DetectWithin fleet.Duration `json:"detect_within,omitzero"` // 0 when a person stated StartedAt
	OpenedAt     time.Time      `json:"opened_at"`
	OpenedBy     string         `json:"opened_by"`
	DeclaredAt   time.Time      `json:"declared_at"` // when customers could know: the status page says it
	DeclaredBy   string         `json:"declared_by"`
	IdentifiedAt time.Time      `json:"identified_at,omitzero"`
	MovedAt      time.Time      `json:"moved_at,omitzero"` // traffic first led away
	MovedBy      string         `json:"moved_by,omitempty"`
	// HorizonAt is when the answers from before MovedAt had run out everywhere.
	HorizonAt  time.Time `json:"horizon_at,omitzero"`
	WellAt     time.Time `json:"well_at,omitzero"` // nothing down any more; zero while something is
	ResolvedAt time.Time `json:"resolved_at,omitzero"`
	ResolvedBy string    `json:"resolved_by,omitempty"`

	// Owner is the person who has taken the incident over by declaring or
	// identifying it: from then on only a person resolves it.
	Owner string `json:"owner,omitempty"`
	// SetSeverity is true when a person chose the severity.
	SetSeverity bool `json:"set_severity,omitempty"`

	Timeline []*Event `json:"timeline,omitempty"` // oldest first, at most MaxTimeline
	Omitted  int      `json:"omitted,omitempty"`  // events left out after the first TimelineHead
}

// Exposure is the most that stood behind the failing sites at one time, from
// the capacities in the fleet file.
type Exposure struct {
	Registrations int `json:"registrations,omitempty"`
	Calls         int `json:"calls,omitempty"`
	// Unstated lists failing sites whose capacity the fleet file does not give:
	// they count as nothing.
	Unstated []fleet.SiteID `json:"unstated,omitempty"`
}

// Open reports whether the incident is not resolved.
func (in *Incident) Open() bool { return in.State != Resolved }

// IncidentChange is what an operator says of an incident.
type IncidentChange struct {
	ID       string         `json:"id,omitempty"` // "" opens a new one (KindIncidentDeclare)
	Severity Severity       `json:"severity,omitempty"`
	Text     string         `json:"text,omitempty"`  // a note, or the summary of a new incident
	Cause    string         `json:"cause,omitempty"` // root cause
	Sites    []fleet.SiteID `json:"sites,omitempty"`
	Started  time.Time      `json:"started,omitzero"` // when callers were first hit
}

// Incident returns the incident with that ID, or nil.
func (s *State) Incident(id string) *Incident {
	for i := range s.Incidents {
		if s.Incidents[i].ID == id {
			return &s.Incidents[i]
		}
	}
	return nil
}
