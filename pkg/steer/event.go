package steer

import (
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// EventKind is the kind of an event. The words are stable: reports and
// notifications match on them.
type EventKind string

// The kinds of events.
const (
	EventFleet    EventKind = "fleet"
	EventVerdict  EventKind = "verdict"
	EventDrain    EventKind = "drain"
	EventUndrain  EventKind = "undrain"
	EventStage    EventKind = "stage"
	EventExpired  EventKind = "expired"
	EventWithdraw EventKind = "withdraw"
	EventFailover EventKind = "failover"
	EventFailback EventKind = "failback"
	EventStepBack EventKind = "step-back"
	EventHold     EventKind = "hold"
	EventRelease  EventKind = "release"
	EventAck      EventKind = "ack"
	EventRollback EventKind = "rollback"
	EventRestored EventKind = "restored"
	EventAdvice   EventKind = "advice"
	EventRefused  EventKind = "refused"
	EventOverride EventKind = "override"
	EventIncident EventKind = "incident"
	EventUnblock  EventKind = "unblock"
	EventBrake    EventKind = "common-cause"
	EventRun      EventKind = "run"    // of a runbook
	EventNotify   EventKind = "notify" // a message to people
	EventNote     EventKind = "note"   // of a person, on an incident
	EventTenants  EventKind = "tenants"
	EventKey      EventKind = "key" // that signs the zone

	EventBook      EventKind = "book"      // a runbook file was saved or removed
	EventReadiness EventKind = "readiness" // what would go wrong today has changed
	// EventGate: what a gate did by itself, or what its driver came to.
	EventGate EventKind = "gate"
	// EventQuarantine: a source is kept out, or let in again.
	EventQuarantine EventKind = "quarantine"
	EventAccess     EventKind = "access" // who is in the fleet, who votes, who may change it
)

// Event is one thing that happened, as a sentence and as fields. Events are the
// audit trail: the agents log them, and State keeps the last MaxEvents.
type Event struct {
	Epoch     uint64          `json:"epoch"`    // in force after the event
	Revision  uint64          `json:"revision"` // of the command that caused it
	At        time.Time       `json:"at"`
	Kind      EventKind       `json:"kind"`
	By        string          `json:"by"`
	From      string          `json:"from,omitempty"` // where the command was typed
	Text      string          `json:"text"`           // from, to, why, and what stays
	Site      fleet.SiteID    `json:"site,omitempty"`
	Service   fleet.ServiceID `json:"service,omitempty"`
	Transport fleet.Transport `json:"transport,omitzero"`
	Reason    string          `json:"reason,omitempty"`
	Rule      Rule            `json:"rule,omitempty"`
	Value     string          `json:"value,omitempty"`
	Limit     string          `json:"limit,omitempty"`
	Incident  string          `json:"incident,omitempty"`
	Run       string          `json:"run,omitempty"`
	// Word is the event's own word for what is new: a status, a drain's stage,
	// a share in per cent, the transports that were moved, an incident's state.
	// Reports in other languages are written from it instead of from Text.
	Word  string       `json:"word,omitempty"`
	Cause health.Cause `json:"cause,omitempty"` // what the checks said, if the event is about a failure
}

// LastEvents returns copies of the newest events, oldest first.
func (s *State) LastEvents(limit int) []Event {
	last := s.Events[max(0, len(s.Events)-limit):]
	out := make([]Event, len(last))
	for i, e := range last {
		out[i] = *e
	}
	return out
}

// LacksEvents reports whether an event of the State is none at all, as no State
// has that was made by commands: one that was read may.
func (s *State) LacksEvents() bool {
	return slices.Contains(s.Events, nil) || slices.ContainsFunc(s.Incidents, func(in Incident) bool { return slices.Contains(in.Timeline, nil) })
}
