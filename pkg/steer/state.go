package steer

import (
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// StateFormat is the newest version of the State's encoding that this program
// knows. A State is of the first until a command of a newer version was
// applied, so that programs that do not know what it may hold refuse it.
const StateFormat = 5

// State is everything that the agents agree on. It is a value: Apply returns a
// new one and leaves the old one as it was, so readers need no lock.
type State struct {
	Format int `json:"format"`
	// Epoch counts the decisions: it goes up by one whenever an answer, a gate
	// or an intent changes, and never goes back. It is the SOA serial.
	Epoch uint64 `json:"epoch"`
	// Revision counts the commands applied, refused ones included.
	Revision uint64 `json:"revision"`
	// Now is the latest time stamp seen. It never goes back.
	Now time.Time `json:"now"`
	// Offset is that of the last command, in seconds east of UTC.
	Offset int `json:"offset,omitempty"`

	// Fleet is nil until the first fleet file was accepted.
	Fleet *fleet.Fleet `json:"fleet,omitempty"`
	// Tenants are the customers' domains; TenantsBefore is the table that the
	// last import replaced. Staging is an import under way.
	Tenants       *TenantTable `json:"tenants,omitempty"`
	TenantsBefore *TenantTable `json:"tenants_before,omitempty"`
	Staging       *Staging     `json:"staging,omitempty"`

	Verdicts []health.Verdict `json:"verdicts,omitempty"` // ordered by Check

	Drains    []Drain    `json:"drains,omitempty"`    // ordered by ID
	Outs      []Out      `json:"outs,omitempty"`      // ordered by Slot, Cohort; cohorts of one slot have no tenant in common
	Failbacks []Failback `json:"failbacks,omitempty"` // ordered by Site, Cohort; what is on its way before what waits for it
	Fading    []Fading   `json:"fading,omitempty"`    // ordered by Service, Bucket
	Holds     []Hold     `json:"holds,omitempty"`     // ordered by Service; "" is the whole fleet
	Blocks    []Block    `json:"blocks,omitempty"`    // ordered by Service
	Moves     []Move     `json:"moves,omitempty"`     // automatic ones of the last hour, oldest first
	ZoneKeys  []ZoneKey  `json:"zone_keys,omitempty"` // that sign the zone, oldest first
	Brakes    []Brake    `json:"brakes,omitempty"`    // ordered by Kind, Transport
	Advice    []Advice   `json:"advice,omitempty"`    // ordered by Slot, Rule
	Incidents []Incident `json:"incidents,omitempty"` // oldest first
	Runs      []Run      `json:"runs,omitempty"`      // of runbooks, oldest first
	Practice  []Practice `json:"practice,omitempty"`  // the last drill of each site, ordered by Site
	Concerns  Concerns   `json:"concerns,omitzero"`   // of readiness
	Events    []*Event   `json:"events,omitempty"`    // oldest first, at most MaxEvents; what they point to never changes
	Notified  uint64     `json:"notified,omitempty"`  // revision of the last event that people were told
	Seen      []string   `json:"seen,omitempty"`      // IDs of the last commands: a repeated one has no second effect

	// Gates are the last words of the sites' gates, ordered by Site.
	Gates []GateSeen `json:"gates,omitempty"`
	// Quarantines are sources that are kept out, ordered by Prefix, Site.
	Quarantines []Quarantine `json:"quarantines,omitempty"`
	// Spared are sources that automation leaves alone, ordered by Prefix, Site.
	Spared []Spared `json:"spared,omitempty"`
	// Floods are sources that are loud where checks fail, ordered by Prefix, Site.
	Floods []health.Flood `json:"floods,omitempty"`
	// Silences are what people expect to fail, ordered by ID.
	Silences []Silence `json:"silences,omitempty"`
	// Books are runbook files of the fleet, ordered by Name.
	Books []SavedBook `json:"books,omitempty"`
}

// Bounds of what State remembers.
const (
	MaxEvents    = 500
	MaxIncidents = 50 // resolved ones are dropped first
	MaxSeen      = 256
)

// Slot is one place in the answers: a site for a transport of a service.
type Slot struct {
	Service   fleet.ServiceID `json:"service"`
	Site      fleet.SiteID    `json:"site"`
	Transport fleet.Transport `json:"transport"`
}

// DrainStage is how far a drain has come.
type DrainStage uint8

// The stages of a drain. A planned one goes through all; a forced one begins
// at StageRefuse.
const (
	// StageAnnounce: published at a worse priority, still serving, for the old
	// TTL and a grace.
	StageAnnounce DrainStage = 1 + iota
	// StageRegister: out of the answers; REGISTER refused, calls still pass, so
	// that callees move before callers.
	StageRegister
	// StageRefuse: all new work refused.
	StageRefuse
	// StageDone: and every old answer has run out.
	StageDone
)

var stageNames = [...]string{"", "announce", "register", "refuse", "done"}

// String returns announce, register, refuse or done.
func (s DrainStage) String() string {
	if int(s) < len(stageNames) {
		return stageNames[s]
	}
	return "unknown"
}

// MarshalText implements encoding.TextMarshaler.
func (s DrainStage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *DrainStage) UnmarshalText(b []byte) error {
	for i, n := range stageNames {
		if i > 0 && n == string(b) {
			*s = DrainStage(i)
			return nil
		}
	}
	return &Invalid{Field: "stage", Message: "unknown drain stage " + string(b)}
}

// Intent is what every wish of a person carries.
type Intent struct {
	Owner  string    `json:"owner"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
}

// Drain takes new work away from a site.
type Drain struct {
	ID        string          `json:"id"`
	Site      fleet.SiteID    `json:"site"`
	Service   fleet.ServiceID `json:"service,omitempty"`   // "" = all services
	Transport fleet.Transport `json:"transport,omitempty"` // 0 = all transports
	Cohort    fleet.Cohort    `json:"cohort,omitzero"`     // empty = everyone
	Stage     DrainStage      `json:"stage"`
	StageAt   time.Time       `json:"stage_at"`         // when Stage began
	GoneAt    time.Time       `json:"gone_at,omitzero"` // when it left the answers
	// OldTTL is the longest that a resolver may still hold the answer from
	// before the drain.
	OldTTL fleet.Duration `json:"old_ttl"`
	// Maintenance: what begins to fail where it has taken everyone away is the
	// work for which it was drained (inMaintenance). False for drains of programs
	// that did not know it.
	Maintenance bool `json:"maintenance,omitempty"`
	Intent
}

// Out is a slot that was taken out of the answers until somebody brings it
// back.
type Out struct {
	Slot
	Cohort fleet.Cohort `json:"cohort,omitzero"` // empty = everyone
	Since  time.Time    `json:"since"`
	// By is AutomationOwner, or the operator of a failover or an ended drain.
	By     string `json:"by"`
	Reason string `json:"reason"`
	// Cause is what the checks said, if it was a failure.
	Cause health.Cause `json:"cause,omitempty"`
	// Until is when it comes back by itself, as by a failback; zero: it waits for
	// a person.
	Until time.Time `json:"until,omitzero"`
	// Stays is why it did not come back at Until. It waits for a person then.
	Stays string `json:"stays,omitempty"`
}

// AutomationOwner is the owner of what the program does by itself.
const AutomationOwner = "automation"

// Failback brings slots of one site back in steps.
type Failback struct {
	Site   fleet.SiteID `json:"site"`
	Cohort fleet.Cohort `json:"cohort,omitzero"` // empty = everyone
	Slots  []Slot       `json:"slots"`
	Pace   fleet.Pace   `json:"pace,omitempty"` // by what the steps are shares of
	// AnyTime: a person does not want to wait for a failback window.
	AnyTime   bool      `json:"any_time,omitempty"`
	Step      int       `json:"step"`       // index into policy.failback_steps; -1 before the first
	StepAt    time.Time `json:"step_at"`    // when Step began
	NotBefore time.Time `json:"not_before"` // the first step waits for this
	Owner     string    `json:"owner"`
	Reason    string    `json:"reason"`
	Since     time.Time `json:"since"`
}

// Hold stops automation, for a service or for all.
type Hold struct {
	Service fleet.ServiceID `json:"service,omitempty"`
	Intent
}

// Block keeps automation off a service after it moved it.
type Block struct {
	Service fleet.ServiceID `json:"service"`
	Site    fleet.SiteID    `json:"site"` // the site that was taken out: its own escalation is no second action
	Since   time.Time       `json:"since"`
	Until   time.Time       `json:"until"`
}

// Advice is what automation would do and does not: because the service is set
// to advise, or because a guard holds it back.
type Advice struct {
	Slot
	Rule  Rule      `json:"rule"`
	Text  string    `json:"text"` // one sentence with value and limit
	Next  string    `json:"next"` // the command to type
	Since time.Time `json:"since"`
}

// New returns the empty State of a new fleet. Its epoch is 0: nothing is
// served until a fleet was set.
func New() State { return State{Format: 1} }
