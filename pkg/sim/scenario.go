package sim

import (
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// Format is the version of the scenario file that this program reads.
const Format = 1

// Scenario is what happens to a fleet, as written in a scenario file. Times
// are counted from its start.
type Scenario struct {
	// Format is the version of the file's form; now 1.
	Format int `json:"format" yaml:"format" jsonschema:"enum=1" jsonschema_description:"Version of this file's form."`
	// Name is one word for lists.
	Name string `json:"name" yaml:"name" jsonschema_description:"One word for lists: calgary-tls."`
	// Title is one sentence for people.
	Title string `json:"title,omitempty" yaml:"title,omitempty" jsonschema_description:"One sentence for people."`
	// Seed of everything random. The same seed gives the same result. Default 1.
	Seed int64 `json:"seed,omitempty" yaml:"seed,omitempty" jsonschema_description:"Seed of everything random; the same seed gives the same result. Default: 1."`
	// Length is how long is played.
	Length fleet.Duration `json:"length" yaml:"length" jsonschema_description:"How long is played: 30m, 24h."`
	// Fleet is the path of the fleet file, relative to the scenario file.
	Fleet string `json:"fleet" yaml:"fleet" jsonschema_description:"Path of the fleet file, relative to this file."`
	// Network is how far the sites are from each other.
	Network Network `json:"network,omitzero" yaml:"network,omitempty" jsonschema_description:"How far the sites are from each other and from the phones."`
	// Canaries are the kinds of checks made beside OPTIONS: tls, register.
	// Default: tls.
	Canaries []health.Kind `json:"canaries,omitempty" yaml:"canaries,omitempty" jsonschema_description:"Checks made beside OPTIONS: tls, register. Default: tls."`
	// Resolvers are the caches between phones and name servers.
	Resolvers []Resolvers `json:"resolvers,omitempty" yaml:"resolvers,omitempty" jsonschema_description:"Caches between phones and name servers. Default: one group of 20 that honours every TTL."`
	// Phones are the devices, in groups that behave alike.
	Phones []Phones `json:"phones" yaml:"phones" jsonschema:"minItems=1" jsonschema_description:"Devices, in groups that behave alike."`
	// Faults are what goes wrong, and when.
	Faults []Fault `json:"faults,omitempty" yaml:"faults,omitempty" jsonschema_description:"What goes wrong, and when."`
	// Operators is what people do, and when.
	Operators []Order `json:"operators,omitempty" yaml:"operators,omitempty" jsonschema_description:"What people do, and when."`
	// Expect is what must be true of the result.
	Expect []Expect `json:"expect,omitempty" yaml:"expect,omitempty" jsonschema_description:"What must be true of the result."`
}

// Network is how far things are from each other, one way.
type Network struct {
	// Sites is the delay between two sites. Default 15ms.
	Sites fleet.Duration `json:"sites,omitzero" yaml:"sites,omitempty" jsonschema_description:"Delay between two sites, one way. Default: 15ms."`
	// Phones is the delay between a phone and a site. Default 20ms.
	Phones fleet.Duration `json:"phones,omitzero" yaml:"phones,omitempty" jsonschema_description:"Delay between a phone and a site, one way. Default: 20ms."`
}

// Resolvers is a group of caching resolvers.
type Resolvers struct {
	Name string `json:"name" yaml:"name" jsonschema_description:"What the phones call the group."`
	// Count is how many there are, each with a cache of its own. Default 20.
	Count int `json:"count,omitempty" yaml:"count,omitempty" jsonschema:"minimum=1" jsonschema_description:"How many, each with a cache of its own. Default: 20."`
	// MinTTL is the least time that an answer is kept.
	MinTTL fleet.Duration `json:"min_ttl,omitzero" yaml:"min_ttl,omitempty" jsonschema_description:"Least time that an answer is kept, whatever its TTL."`
	// NoStale forbids an answer whose time is over when no name server can be
	// reached (RFC 8767 allows it).
	NoStale bool `json:"no_stale,omitempty" yaml:"no_stale,omitempty" jsonschema_description:"Gives no answer whose time is over when no name server can be reached (RFC 8767 allows it)."`
}

// Phones is a group of devices of one kind.
type Phones struct {
	Name string `json:"name" yaml:"name" jsonschema_description:"Name of the group in tables."`
	// Kind says how they find and change their server.
	Kind Kind `json:"kind" yaml:"kind" jsonschema_description:"How they find and change their server."`
	// Service is the SIP domain that they register at; the zone may be left out.
	Service fleet.ServiceID `json:"service" yaml:"service" jsonschema_description:"SIP domain that they register at; the zone may be left out."`
	// Transport that they use. None falls back to another by itself.
	Transport fleet.Transport `json:"transport" yaml:"transport" jsonschema_description:"Transport that they use; none falls back to another by itself."`
	Count     int             `json:"count" yaml:"count" jsonschema:"minimum=1" jsonschema_description:"How many."`
	// Tenants is how many tenants they belong to, each to the next one in turn.
	// Default: to none, they use the service's own name.
	Tenants int `json:"tenants,omitempty" yaml:"tenants,omitempty" jsonschema:"minimum=1" jsonschema_description:"How many tenants they belong to, each to the next one in turn. Default: to none, they use the service's own name."`
	// Register is the registration interval; each phone refreshes after 80 to
	// 100 % of it. Default: the fleet's registration_period.
	Register fleet.Duration `json:"register,omitzero" yaml:"register,omitempty" jsonschema_description:"Registration interval; each refreshes after 80 to 100 % of it. Default: the fleet's registration_period."`
	// Resolvers is the name of their group of resolvers. Default: the first.
	Resolvers string `json:"resolvers,omitempty" yaml:"resolvers,omitempty" jsonschema_description:"Name of their group of resolvers. Default: the first."`
	// Site is where pinned devices register.
	Site fleet.SiteID `json:"site,omitempty" yaml:"site,omitempty" jsonschema_description:"Where pinned devices register."`
	// Calls is how many calls a hundred of them make in an hour.
	Calls int `json:"calls,omitempty" yaml:"calls,omitempty" jsonschema:"minimum=1" jsonschema_description:"Calls that a hundred of them make in an hour. Default: none are counted."`
	// CallLength is how long a call lasts. Default 3m.
	CallLength fleet.Duration `json:"call_length,omitzero" yaml:"call_length,omitempty" jsonschema_description:"How long a call lasts. Default: 3m."`
}

// Fault is one thing that goes wrong.
type Fault struct {
	At fleet.Duration `json:"at" yaml:"at" jsonschema_description:"When it begins."`
	// For is how long it lasts. Default: to the end.
	For fleet.Duration `json:"for,omitzero" yaml:"for,omitempty" jsonschema_description:"How long it lasts. Default: to the end."`
	// Fault is the kind.
	Fault FaultKind `json:"fault" yaml:"fault" jsonschema_description:"What goes wrong."`
	// Site is where, for all kinds but flood and poison.
	Site fleet.SiteID `json:"site,omitempty" yaml:"site,omitempty" jsonschema_description:"Where; not for flood and poison."`
	// Transport narrows down, hang, slow, flap and tls faults. Default: all.
	Transport fleet.Transport `json:"transport,omitzero" yaml:"transport,omitempty" jsonschema_description:"Only this transport. Default: all."`
	// Phones is the group that a flood or poison follows.
	Phones string `json:"phones,omitempty" yaml:"phones,omitempty" jsonschema_description:"Group of phones that a flood or poison follows."`
	// Rate is the requests per second that all phones of a flood send together.
	Rate int `json:"rate,omitempty" yaml:"rate,omitempty" jsonschema:"minimum=1" jsonschema_description:"Requests per second that all phones of a flood send together."`
}

// Order is one command of a person.
type Order struct {
	At fleet.Duration `json:"at" yaml:"at" jsonschema_description:"When it is typed."`
	// Do is the command: drain, undrain, failover, failback, approve, hold,
	// release, ack, silence, unsilence.
	Do        string          `json:"do" yaml:"do" jsonschema_description:"Command, as on the command line: drain, undrain, failover, failback, approve, hold, release, ack, silence, unsilence (silence end SITE)."`
	Site      fleet.SiteID    `json:"site,omitempty" yaml:"site,omitempty" jsonschema_description:"Site that it is about."`
	Service   fleet.ServiceID `json:"service,omitempty" yaml:"service,omitempty" jsonschema_description:"Only this service; the zone may be left out."`
	Transport fleet.Transport `json:"transport,omitzero" yaml:"transport,omitempty" jsonschema_description:"Only this transport."`
	// Cohort is whom it is about: 5%, or buckets 0-4,17.
	Cohort string `json:"cohort,omitempty" yaml:"cohort,omitempty" jsonschema_description:"Only these tenants: a share, 5%, or buckets, 0-4,17."`
	// Pace of a failback: weights or cohorts.
	Pace     fleet.Pace     `json:"pace,omitempty" yaml:"pace,omitempty" jsonschema_description:"By what the steps of a failback or undrain go: weights or cohorts. Default: the policy's."`
	Now      bool           `json:"now,omitempty" yaml:"now,omitempty" jsonschema_description:"Skip what a gentle command does first."`
	Reason   string         `json:"reason,omitempty" yaml:"reason,omitempty" jsonschema_description:"Why. Default: scenario."`
	For      fleet.Duration `json:"for,omitzero" yaml:"for,omitempty" jsonschema_description:"How long it lasts. Default: 2h; a failover without it lasts until a failback."`
	Override []string       `json:"override,omitempty" yaml:"override,omitempty" jsonschema_description:"Guards passed by name."`
}

// Expect is one statement about the result.
type Expect struct {
	// Say is the statement in words.
	Say string `json:"say" yaml:"say" jsonschema_description:"The statement in words."`
	// What is measured.
	What Measure `json:"what" yaml:"what" jsonschema_description:"What is measured: served, keeps, in, out, moves, advice, refused."`
	// At is from when on it is looked at.
	At fleet.Duration `json:"at,omitzero" yaml:"at" jsonschema_description:"From when on it is looked at."`
	// Within is how long it may take, or for keeps how long it must hold.
	// Default: to the end.
	Within fleet.Duration `json:"within,omitzero" yaml:"within,omitempty" jsonschema_description:"How long it may take, or for keeps and moves how long is looked. Default: to the end."`
	// Share of the phones, in per cent, for served and keeps.
	Share int `json:"share,omitempty" yaml:"share,omitempty" jsonschema:"minimum=1,maximum=100" jsonschema_description:"Share of the phones in per cent, for served and keeps."`
	// Phones names groups or kinds. Default: all.
	Phones []string `json:"phones,omitempty" yaml:"phones,omitempty" jsonschema_description:"Groups or kinds of phones. Default: all."`
	// Site and the next two say which answers, for in and out. Default: all.
	Site      fleet.SiteID    `json:"site,omitempty" yaml:"site,omitempty" jsonschema_description:"Site, for in and out."`
	Service   fleet.ServiceID `json:"service,omitempty" yaml:"service,omitempty" jsonschema_description:"Only this service, for in and out."`
	Transport fleet.Transport `json:"transport,omitzero" yaml:"transport,omitempty" jsonschema_description:"Only this transport, for in and out."`
	// Most is how often automation may take a site out, for moves.
	Most *int `json:"most,omitempty" yaml:"most,omitempty" jsonschema_description:"How often automation may take something out, for moves."`
	// Rule is the guard that must speak, for advice and refused.
	Rule string `json:"rule,omitempty" yaml:"rule,omitempty" jsonschema_description:"Guard that must speak, for advice and refused."`
}

// Measure is what an expectation looks at.
type Measure string

// The measures.
const (
	MeasureServed  Measure = "served"  // the share is served again within the time, and stays so until the next fault
	MeasureKeeps   Measure = "keeps"   // the share is served all the time
	MeasureIn      Measure = "in"      // the site stands in the answers
	MeasureOut     Measure = "out"     // the site has left the answers
	MeasureMoves   Measure = "moves"   // automation took sites out at most so often
	MeasureAdvice  Measure = "advice"  // the guard held automation back
	MeasureRefused Measure = "refused" // the guard refused an operator
)
