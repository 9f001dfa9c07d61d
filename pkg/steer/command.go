package steer

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// CommandVersion is the newest version of the command encoding that this
// program applies. A new kind of command, or a new field that changes what a
// kind does, raises it; it is proposed only when every voter can apply it.
// Needs says which commands that are.
const CommandVersion = 5

// Kind is the kind of a command. The words travel in the Raft log and are
// append-only.
type Kind string

// The kinds of commands. Operators propose the first group, the leader's
// automation the second.
const (
	KindSetFleet Kind = "set-fleet"
	KindDrain    Kind = "drain"
	KindUndrain  Kind = "undrain"
	KindFailover Kind = "failover"
	KindFailback Kind = "failback"
	KindHold     Kind = "hold"
	KindRelease  Kind = "release"
	KindAck      Kind = "ack"
	KindApprove  Kind = "approve"

	KindQuarantine   Kind = "quarantine"
	KindUnquarantine Kind = "unquarantine"
	KindPush         Kind = "push"

	KindSilence   Kind = "silence"
	KindUnsilence Kind = "unsilence"

	KindTenantStage    Kind = "tenant-stage"
	KindTenantCommit   Kind = "tenant-commit"
	KindTenantRollback Kind = "tenant-rollback"

	KindRollback Kind = "rollback"

	KindIncidentDeclare  Kind = "incident-declare"
	KindIncidentNote     Kind = "incident-note"
	KindIncidentIdentify Kind = "incident-identify"
	KindIncidentResolve  Kind = "incident-resolve"

	KindRunStart   Kind = "run-start"
	KindRunApprove Kind = "run-approve"
	KindRunPause   Kind = "run-pause"
	KindRunResume  Kind = "run-resume"
	KindRunSkip    Kind = "run-skip"
	KindRunAbort   Kind = "run-abort"
	KindRunUndo    Kind = "run-undo"
	KindBookSave   Kind = "book-save"
	KindBookDrop   Kind = "book-drop"

	KindConcernAck   Kind = "concern-ack"
	KindConcernUnack Kind = "concern-unack"

	KindKeyAdd     Kind = "key-add"
	KindKeyConfirm Kind = "key-confirm"
	KindKeyDrop    Kind = "key-drop"
	KindKeyUnsign  Kind = "key-unsign"
	KindKeyGone    Kind = "key-gone"

	KindKeyStep       Kind = "key-step"
	KindRunMove       Kind = "run-move"
	KindNotified      Kind = "notified"
	KindLook          Kind = "look" // at readiness
	KindVerdicts      Kind = "verdicts"
	KindWithdraw      Kind = "withdraw"
	KindAdvise        Kind = "advise"
	KindDrainStage    Kind = "drain-stage"
	KindDrainExpire   Kind = "drain-expire"
	KindHoldExpire    Kind = "hold-expire"
	KindFailbackStep  Kind = "failback-step"
	KindFailbackAbort Kind = "failback-abort"
	KindUnblock       Kind = "unblock"

	KindQuarantineExpire Kind = "quarantine-expire"
	KindOutExpire        Kind = "out-expire"
	KindGateWord         Kind = "gate-word"
	KindFloods           Kind = "floods"
	KindSilenceExpire    Kind = "silence-expire"
)

// Command is one proposal. Which fields count depends on Kind.
type Command struct {
	Version int       `json:"v"`
	ID      string    `json:"id,omitempty"` // of the request: a second one with the same ID has no effect
	Kind    Kind      `json:"kind"`
	At      time.Time `json:"at"` // stamped by the leader
	// Offset is what the clock of the policy's time zone is ahead of UTC at At,
	// in seconds; stamped by the leader, since what a zone's rules are may differ
	// from machine to machine.
	Offset int    `json:"offset,omitempty"`
	By     string `json:"by"`
	Role   Role   `json:"role,omitempty"` // of By, as the agent found that heard it; empty: operator
	From   string `json:"from,omitempty"` // where it was typed, as that agent saw it
	Reason string `json:"reason,omitempty"`
	// For is how long the intent lasts.
	For fleet.Duration `json:"for,omitzero"`
	// Override names the rules that the operator wants to pass.
	Override []Rule `json:"override,omitempty"`
	// ExpectEpoch refuses the command when the State is at another epoch.
	// 0 means any.
	ExpectEpoch uint64 `json:"expect_epoch,omitempty"`

	Site      fleet.SiteID    `json:"site,omitempty"`
	Service   fleet.ServiceID `json:"service,omitempty"`
	Transport fleet.Transport `json:"transport,omitzero"`
	// Cohort narrows a drain, its end, or a return; empty means everyone.
	Cohort fleet.Cohort `json:"cohort,omitzero"`
	// Pace is by what the steps of a failback go; "" is the policy's.
	Pace fleet.Pace `json:"pace,omitempty"`
	// Now skips what a gentle command does first: a drain's announcement and
	// REGISTER phase, a failback's steps.
	Now bool `json:"now,omitempty"`
	// Maintenance goes with a drain, and with a runbook that drains: what begins to
	// fail where all have left is expected. The leader sets it once every voter
	// knows what it means.
	Maintenance bool `json:"maintenance,omitempty"`

	Fleet    *fleet.Fleet     `json:"fleet,omitempty"`    // KindSetFleet
	Tenants  *TenantChange    `json:"tenants,omitempty"`  // the kinds that begin with tenant
	Verdicts []health.Verdict `json:"verdicts,omitempty"` // KindVerdicts: the changed ones
	Slots    []Slot           `json:"slots,omitempty"`    // KindWithdraw
	Advice   []Advice         `json:"advice,omitempty"`   // KindAdvise: all that holds now
	Target   string           `json:"target,omitempty"`   // ID of a drain; KindUnsilence: of a silence, or a site
	Past     *Past            `json:"past,omitempty"`     // KindRollback
	Incident *IncidentChange  `json:"incident,omitempty"` // KindIncident…
	Run      *RunChange       `json:"run,omitempty"`      // KindRun…
	Key      *KeyChange       `json:"key,omitempty"`      // KindKey…
	Source   netip.Prefix     `json:"source,omitzero"`    // KindQuarantine, KindUnquarantine: masked
	Notified uint64           `json:"notified,omitempty"` // KindNotified: revision of the last event told
	Book     *SavedBook       `json:"book,omitempty"`     // KindBook…
	Gate     *GateWord        `json:"gate,omitempty"`     // KindGateWord
	Floods   []health.Flood   `json:"floods,omitempty"`   // KindFloods: all that there are now; only Prefix and Site count
	Push     *Push            `json:"push,omitempty"`     // KindPush
	Silence  *SilenceChange   `json:"silence,omitempty"`  // KindSilence
	Concerns []Concern        `json:"concerns,omitempty"` // KindLook: all that there are now; KindConcern…: the one
}

// Automation reports whether the command is one that only the leader's own
// Decide may propose.
func (c Command) Automation() bool {
	switch c.Kind {
	case KindKeyStep, KindRunMove, KindNotified, KindLook, KindVerdicts, KindWithdraw, KindAdvise, KindDrainStage, KindDrainExpire, KindHoldExpire,
		KindFailbackStep, KindFailbackAbort, KindUnblock, KindQuarantineExpire, KindOutExpire, KindGateWord, KindFloods, KindSilenceExpire:
		return true
	}
	return false
}

// Errors of the codec.
var (
	// ErrUnknownCommand is returned when a command is of a version or kind that
	// this program does not know. A replica that meets it must stop: skipping
	// it would split the replicas.
	ErrUnknownCommand = errors.New("unknown command")
	// ErrDamaged is returned when an entry cannot be decoded.
	ErrDamaged = errors.New("damaged entry")
)

// Encode writes commands as one log entry: they are applied together.
func Encode(cmds []Command) ([]byte, error) { return json.Marshal(cmds) }

// Decode is the inverse of Encode.
func Decode(b []byte) ([]Command, error) {
	var cmds []Command
	if err := json.Unmarshal(b, &cmds); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	for _, c := range cmds {
		if c.Version > CommandVersion || c.Version < 1 {
			return nil, fmt.Errorf("%w: version %d, this program knows up to %d; upgrade this agent", ErrUnknownCommand, c.Version, CommandVersion)
		}
	}
	return cmds, nil
}
