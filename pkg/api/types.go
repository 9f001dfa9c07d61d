package api

import (
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Status is what `sipsteer status` shows: the fleet as one agent sees it.
type Status struct {
	Agent     string           `json:"agent" doc:"Agent that answered."`
	Epoch     uint64           `json:"epoch" doc:"Decision in force."`
	Leader    string           `json:"leader" doc:"Leading agent; empty when none is known."`
	Quorum    bool             `json:"quorum" doc:"Whether a change is possible now."`
	Time      time.Time        `json:"time"`
	Version   string           `json:"version"`
	Sites     []SiteStatus     `json:"sites"`
	Services  []ServiceStatus  `json:"services"`
	Agents    []AgentStatus    `json:"agents"`
	Incidents []IncidentStatus `json:"incidents"`
	Drains    []IntentStatus   `json:"drains"`
	Holds     []IntentStatus   `json:"holds"`

	Quarantines []Quarantine     `json:"quarantines" doc:"Sources that are kept out."`
	Silences    []SilenceStatus  `json:"silences" doc:"What people have said may fail for a time."`
	Outs        []OutStatus      `json:"outs" doc:"What is out of the answers until it is brought back."`
	Runs        []RunStatus      `json:"runs" doc:"Runbooks that are not over."`
	Failbacks   []FailbackStatus `json:"failbacks"`
	Blocks      []BlockStatus    `json:"blocks"`
	Advice      []AdviceStatus   `json:"advice" doc:"What automation would do and does not, with the command to type."`
	Concerns    []ConcernStatus  `json:"concerns,omitempty" doc:"What the leader's last look at readiness found, worst first, and of these the newest."`
	Attention   []Attention      `json:"attention,omitempty" doc:"Checks that fail and steer nothing: a number far from the usual, a further check that is only shown."`
}

// SiteStatus is one site.
type SiteStatus struct {
	Name       string            `json:"name"`
	Intent     string            `json:"intent" enum:"active,draining,drained"`
	Gate       string            `json:"gate" enum:"open,draining,closed"`
	Gates      map[string]string `json:"gates" doc:"Gate mode by transport."`
	GateParts  []GatePart        `json:"gate_parts,omitempty" doc:"Who is refused over transports that are open to all others."`
	Reflex     bool              `json:"reflex" doc:"The gate closed by itself because its softswitch is dead."`
	Transports map[string]string `json:"transports" doc:"up, down or unknown by transport."`
	Detail     map[string]string `json:"detail,omitempty" doc:"Why a transport is down."`

	Maintenance []string `json:"maintenance,omitempty" doc:"Transports whose failures all began in the maintenance that they are in: no incident is open for them."`

	Checks    CheckMatrix       `json:"checks,omitempty" doc:"What is believed of each kind of check, by transport and kind: up, down or unknown, the worst of the site's softswitches."`
	Out       map[string]string `json:"out,omitempty" doc:"Transports taken out of the answers, and why."`
	GateStats *GateStats        `json:"gate_stats,omitempty" doc:"Counters of the site's gate, when its agent could be asked."`
}

// CheckMatrix is what is believed of checks that steer traffic: up, down or unknown
// by transport and kind.
type CheckMatrix map[string]map[string]string

// GateStats are the counters of a gate since its start.
type GateStats struct {
	Relayed     uint64 `json:"relayed"`
	Refused     uint64 `json:"refused"`
	Redirected  uint64 `json:"redirected"`
	Dropped     uint64 `json:"dropped"`
	Connections int    `json:"connections"`
}

// ServiceStatus is one service with its answers by transport, best first.
type ServiceStatus struct {
	Name       string                    `json:"name"`
	Automation string                    `json:"automation"`
	TTL        uint32                    `json:"ttl" doc:"Seconds, of the steered sets now."`
	Transports map[string][]steer.Target `json:"transports"`
	Cohorts    []CohortStatus            `json:"cohorts,omitempty" doc:"Tenants who are answered otherwise."`
}

// CohortStatus is what a part of a service's tenants is answered.
type CohortStatus struct {
	Cohort     string                    `json:"cohort" doc:"Their buckets."`
	Percent    int                       `json:"percent" doc:"Of the tenants."`
	Transports map[string][]steer.Target `json:"transports"`
}

// AgentStatus is one agent as the answering one sees it.
type AgentStatus struct {
	Name      string  `json:"name"`
	Site      string  `json:"site"`
	Reachable bool    `json:"reachable"`
	Epoch     uint64  `json:"epoch" doc:"That its name server answers."`
	Gate      string  `json:"gate,omitempty" doc:"What its gate does now, reflex included."`
	Problem   string  `json:"problem,omitempty"`
	Stale     string  `json:"stale,omitempty" doc:"Why its answers are marked stale: newer decisions may not be answered there."`
	Seconds   float64 `json:"heard_seconds_ago,omitempty"`

	Late *LateStatus `json:"late,omitempty" doc:"When its machine is late with its questions to softswitches."`
}

// IncidentStatus is one incident that is not resolved.
type IncidentStatus struct {
	ID       string    `json:"id"`
	State    string    `json:"state" enum:"investigating,identified,monitoring,resolved"`
	Severity string    `json:"severity" enum:"minor,major,critical"`
	Cause    string    `json:"cause,omitempty"`
	Owner    string    `json:"owner,omitempty" doc:"Who leads it; empty while nobody has taken it over."`
	Summary  string    `json:"summary"`
	Sites    []string  `json:"sites"`
	OpenedAt time.Time `json:"opened_at"`
}

// IntentStatus is a drain or hold.
type IntentStatus struct {
	ID        string `json:"id,omitempty"`
	Site      string `json:"site,omitempty"`
	Service   string `json:"service,omitempty"`
	Transport string `json:"transport,omitempty"`
	Cohort    string `json:"cohort,omitempty" doc:"Whom it is about; empty is everyone."`
	Stage     string `json:"stage,omitempty"`

	Maintenance bool `json:"maintenance,omitempty" doc:"Of a drain: what begins to fail where it has taken everyone away is expected. False for drains that were given while an agent did not know that."`

	NextStage string    `json:"next_stage,omitempty" doc:"When the next stage begins, RFC 3339."`
	Owner     string    `json:"owner"`
	Reason    string    `json:"reason"`
	Since     time.Time `json:"since"`
	Until     time.Time `json:"until"`
}

// OutStatus is what is out of a site until somebody brings it back.
type OutStatus struct {
	Site       string    `json:"site"`
	Services   []string  `json:"services"`
	Transports []string  `json:"transports"`
	Since      time.Time `json:"since" doc:"Of the first."`
	By         string    `json:"by" doc:"Who took it out: automation, or an operator."`
	Reason     string    `json:"reason"`
	Until      time.Time `json:"until,omitzero" doc:"When it comes back by itself, as by a failback; absent: it waits for a person."`
	Stays      string    `json:"stays,omitempty" doc:"Why it did not come back at until. It waits for a person then."`
	Well       bool      `json:"well" doc:"The checks would have it back."`
	Next       string    `json:"next" doc:"Command to type; empty while it comes back."`
}

// ConcernStatus is something that would go wrong today.
type ConcernStatus struct {
	Grade string    `json:"grade" enum:"broken,warning"`
	Text  string    `json:"text"`
	Next  string    `json:"next,omitempty" doc:"Command to type."`
	Since time.Time `json:"since"`
	// Name is what readiness ack takes.
	Name  string        `json:"name" doc:"To acknowledge it by."`
	Acked *steer.Intent `json:"acked,omitempty" doc:"Who knows of it and accepts it, why, and until when; such ones come last."`
}

// RunStatus is a run of a runbook that is not over.
type RunStatus struct {
	ID     string `json:"id"`
	Book   string `json:"book"`
	State  string `json:"state" enum:"running,paused,stopped,undoing"`
	Owner  string `json:"owner"`
	Cohort string `json:"cohort,omitempty" doc:"Whom it moves, where that is not everyone."`
	Next   string `json:"next,omitempty" doc:"Command to type, where somebody is waited for."`
}

// FailbackStatus is a return in steps.
type FailbackStatus struct {
	Site   string `json:"site"`
	Share  int    `json:"share" doc:"Per cent now; 0 before the first step."`
	Cohort string `json:"cohort,omitempty" doc:"Whom it is about; empty is everyone."`
	Pace   string `json:"pace,omitempty" doc:"cohorts: the share is of the tenants."`
	Owner  string `json:"owner"`
	Reason string `json:"reason"`
	Next   string `json:"next" doc:"When the next step is due, RFC 3339."`
	Waits  string `json:"waits,omitempty" doc:"What the next step waits for beside its time."`
}

// BlockStatus says that automation leaves a service alone.
type BlockStatus struct {
	Service string    `json:"service"`
	Site    string    `json:"site"`
	Until   time.Time `json:"until"`
}

// AdviceStatus is what automation would do and does not.
type AdviceStatus struct {
	Site      string `json:"site"`
	Service   string `json:"service"`
	Transport string `json:"transport"`
	Rule      string `json:"rule"`
	Text      string `json:"text"`
	Next      string `json:"next"`
}

// CommandRequest is what an operator wants done.
type CommandRequest struct {
	ID          string   `json:"id,omitempty" maxLength:"64" doc:"Of the request: repeating it with the same ID has no second effect."`
	Kind        string   `json:"kind" enum:"drain,undrain,failover,failback,approve,hold,release,ack,silence,unsilence,quarantine,unquarantine,push,set-fleet,rollback,tenant-stage,tenant-commit,tenant-rollback,incident-declare,incident-note,incident-identify,incident-resolve,run-start,run-approve,run-pause,run-resume,run-skip,run-abort,run-undo,book-save,book-drop,concern-ack,concern-unack,key-add,key-confirm,key-drop,key-unsign,key-gone"`
	Site        string   `json:"site,omitempty" maxLength:"63"`
	Service     string   `json:"service,omitempty" maxLength:"253"`
	Transport   string   `json:"transport,omitempty" maxLength:"8"`
	Cohort      string   `json:"cohort,omitempty" maxLength:"300" doc:"Only these tenants, for drain, undrain, failback and push: a share of them, 5%, or buckets, 0-4,17; own stands for devices without a tenant. Default: everyone."`
	Pace        string   `json:"pace,omitempty" enum:"weights,cohorts" doc:"By what the steps of a failback or undrain go. Default: the policy's."`
	Now         bool     `json:"now,omitempty" doc:"Skip the gentle phases."`
	By          string   `json:"by" maxLength:"128" doc:"Who wants it."`
	Role        string   `json:"role,omitempty" maxLength:"16" doc:"Of who wants it. Only agents that pass a command on may say it; what others say is not used."`
	From        string   `json:"from,omitempty" maxLength:"128" doc:"Where it was typed. Only agents that pass a command on may say it."`
	Reason      string   `json:"reason,omitempty" maxLength:"512"`
	For         string   `json:"for,omitempty" maxLength:"32" doc:"How long it lasts: 30m, 2h; 72h at most, concern-ack 720h. A failover without it lasts until a failback."`
	Override    []string `json:"override,omitempty" maxItems:"16" doc:"Rules to pass by name."`
	ExpectEpoch uint64   `json:"expect_epoch,omitempty" doc:"Refuse when the fleet is at another epoch."`
	Epoch       uint64   `json:"epoch,omitempty" doc:"To go back to, for rollback."`
	Source      string   `json:"source,omitempty" maxLength:"64" doc:"Address or network, for quarantine and unquarantine."`
	Devices     []string `json:"devices,omitempty" maxItems:"1000" doc:"Addresses of record, for push. Default: all stragglers of the site."`
	Concern     string   `json:"concern,omitempty" maxLength:"400" doc:"Name of a concern of readiness, for concern-ack and concern-unack."`
	Softswitch  string   `json:"softswitch,omitempty" maxLength:"63" doc:"Only this one, for silence. Default: all of the site's."`
	Check       string   `json:"check,omitempty" maxLength:"80" doc:"Only this kind of check, for silence: options, storage, storage:spool. Default: all."`
	Silence     string   `json:"silence,omitempty" maxLength:"63" doc:"ID of a silence, or a site for all of its, for unsilence."`
	Fleet       string   `json:"fleet,omitempty" maxLength:"4194304" doc:"Text of a fleet file, for set-fleet."`

	KeyTag   uint16          `json:"key_tag,omitempty" doc:"For the kinds that begin with key, but for key-add."`
	Book     string          `json:"book,omitempty" maxLength:"32768" doc:"Text of a runbook file, for book-save; its name, for book-drop."`
	Run      *RunRequest     `json:"run,omitempty" doc:"For the kinds that begin with run."`
	Tenants  *TenantChange   `json:"tenants,omitempty" doc:"For the kinds that begin with tenant; for set-fleet, drain, undrain, failover, failback, approve and rollback its touches."`
	Incident *IncidentChange `json:"incident,omitempty" doc:"For the kinds that begin with incident."`
}

// Result is what became of a command.
type Result struct {
	Epoch   uint64        `json:"epoch"`
	Changed bool          `json:"changed" doc:"False when all was as wanted already."`
	Events  []steer.Event `json:"events"`
	// Reached lists the agents that were seen to answer with the new decision,
	// Missed those that were not.
	Reached []string      `json:"reached"`
	Missed  []MissedAgent `json:"missed"`
	Took    string        `json:"took" doc:"From the request to the effect."`
	Push    *PushAnswer   `json:"push,omitempty" doc:"Whom the gate asks, for push."`
}

// MissedAgent is an agent on which the effect was not seen.
type MissedAgent struct {
	Agent  string `json:"agent"`
	Reason string `json:"reason"`
}

// Report is what one agent's checks say; agents send it to the leader.
type Report struct {
	Agent    string           `json:"agent"`
	Site     string           `json:"site"`
	Seq      uint64           `json:"seq"` // grows with each report of one process
	Time     time.Time        `json:"time,omitzero" doc:"What the agent's clock says. Zero from older versions."`
	Opinions []health.Opinion `json:"opinions"`
}

// Effect is what one agent serves now.
type Effect struct {
	Agent     string            `json:"agent"`
	Epoch     uint64            `json:"epoch"`
	Time      time.Time         `json:"time,omitzero" doc:"What the agent's clock says."`
	Gate      string            `json:"gate"`
	Gates     map[string]string `json:"gates"`
	Parts     []GatePart        `json:"parts,omitempty" doc:"Who is refused over transports that are open to all others."`
	Reflex    bool              `json:"reflex" doc:"The gate has closed by itself because its softswitch is dead."`
	GateStats *GateStats        `json:"gate_stats,omitempty"`
	Edge      string            `json:"edge,omitempty" doc:"Why the edge that refuses for this site does not do what it should."`
	Note      string            `json:"note,omitempty" doc:"What refuses in place of the driver that should."`
	Unguarded string            `json:"unguarded,omitempty" doc:"Why sources in quarantine are not kept out here."`
	Unparted  string            `json:"unparted,omitempty" doc:"Why those who have left the site are not refused here, where others have not."`
	Problem   string            `json:"problem,omitempty"`
	Stale     string            `json:"stale,omitempty" doc:"Why its answers are marked stale: newer decisions may not be answered there."`
	Applied   uint64            `json:"applied" doc:"Last log entry that it has applied."`
	Sealing   string            `json:"sealing,omitempty" doc:"Public name of its sealing key; empty if it has none."`
	Commands  int               `json:"commands" doc:"Newest version of commands that it knows."`
	Attention []Attention       `json:"attention,omitempty" doc:"What its checks find wrong that steers nothing."`
	Late      *LateStatus       `json:"late,omitempty" doc:"When its machine is late with its questions to softswitches."`
}

// Attention is a check that fails and steers nothing: people must look.
type Attention struct {
	Agent  string       `json:"agent" doc:"Who sees it."`
	Check  health.Check `json:"check"`
	Cause  string       `json:"cause,omitempty"`
	Detail string       `json:"detail,omitempty"`
	Next   string       `json:"next,omitempty" doc:"What to type, where that is known."`
}
