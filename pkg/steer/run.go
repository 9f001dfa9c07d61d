package steer

import (
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Act is what a step of a runbook does.
type Act string

// The acts. The first group changes the State and happens together with the
// step in one command: so it happens once, whoever leads. The last group
// reaches outside and is done by the leader.
const (
	ActDrain    Act = "drain"
	ActUndrain  Act = "undrain"
	ActFailover Act = "failover"
	ActFailback Act = "failback"
	ActHold     Act = "hold"
	ActRelease  Act = "release"
	ActNotify   Act = "notify" // an event that is sent to people

	ActWait    Act = "wait"    // until a condition is true
	ActVerify  Act = "verify"  // a condition must be true now
	ActApprove Act = "approve" // people agree
	ActManual  Act = "manual"  // a person does something and ticks it off

	ActWebhook Act = "webhook"
	ActExec    Act = "exec"
	ActEdge    Act = "edge"   // the proxy in front of a site does something
	ActParity  Act = "parity" // all softswitches answer the same

	ActStragglers Act = "stragglers" // who still comes to a site is put on record
)

// OnLimit says what follows when a step takes longer than its limit, or fails.
type OnLimit string

// The ways on. The zero value stops and asks a person.
const (
	LimitStop OnLimit = "stop"
	LimitSkip OnLimit = "skip"
	LimitUndo OnLimit = "undo"
)

// Step is one step of a runbook, as written in the file.
type Step struct {
	ID   string `json:"id" yaml:"id" jsonschema_description:"Name of the step, unique in the file."`
	Do   Act    `json:"do" yaml:"do" jsonschema_description:"drain, undrain, failover, failback, hold, release, notify, wait, verify, approve, manual, webhook, exec, edge, parity or stragglers."`
	Text string `json:"text,omitempty" yaml:"text,omitempty" jsonschema_description:"What people read: the message, the question or the instruction."`

	Site      string `json:"site,omitempty" yaml:"site,omitempty" jsonschema_description:"Site that the step is about."`
	Service   string `json:"service,omitempty" yaml:"service,omitempty" jsonschema_description:"Only this service."`
	Transport string `json:"transport,omitempty" yaml:"transport,omitempty" jsonschema_description:"Only this transport."`
	// Cohort narrows a drain, its end or a return, as fleet.ParseCohort reads it.
	Cohort string `json:"cohort,omitempty" yaml:"cohort,omitempty" jsonschema_description:"Only these tenants, for drain, undrain, failback and stragglers: a share of them, 5%, or buckets, 0-4,17; own stands for devices without a tenant. Default: everyone."`
	// Pace is by what the steps of a return go.
	Pace     string `json:"pace,omitempty" yaml:"pace,omitempty" jsonschema_description:"By what the steps of a failback or undrain go: weights, cohorts, or policy (default), which is what the fleet file says."`
	Now      bool   `json:"now,omitempty" yaml:"now,omitempty" jsonschema_description:"Skip the gentle phases."`
	For      string `json:"for,omitempty" yaml:"for,omitempty" jsonschema_description:"How long a drain, hold or failover lasts. Default: 2h; a failover without it lasts until a failback."`
	Override []Rule `json:"override,omitempty" yaml:"override,omitempty" jsonschema_description:"Guards to pass by name."`

	After   []string       `json:"after,omitempty" yaml:"after,omitempty" jsonschema_description:"Steps that must be done first; [start] for none. Default: the step before it."`
	Require string         `json:"require,omitempty" yaml:"require,omitempty" jsonschema_description:"Condition that must be true when the step begins."`
	Until   string         `json:"until,omitempty" yaml:"until,omitempty" jsonschema_description:"Condition that ends the step. When it is true already the step does nothing."`
	Stays   fleet.Duration `json:"stays,omitzero" yaml:"stays,omitempty" jsonschema_description:"How long until must stay true without a break."`
	Limit   fleet.Duration `json:"limit,omitzero" yaml:"limit,omitempty" jsonschema_description:"Longest time of the step. Default: 1h; 30s for what is done outside: webhook, exec, edge, parity, stragglers."`
	OnLimit OnLimit        `json:"on_limit,omitempty" yaml:"on_limit,omitempty" jsonschema_description:"What follows a failure or the limit: stop (default), skip or undo."`
	Undo    *Undo          `json:"undo,omitempty" yaml:"undo,omitempty" jsonschema_description:"How the step is taken back."`

	// Role is asked of who starts the run; of who approves, for approve and manual.
	Role    Role     `json:"role,omitempty" yaml:"role,omitempty" jsonschema:"enum=operator,enum=admin" jsonschema_description:"Role that the step needs: of who starts the runbook; of who approves or ticks off, for approve and manual. Default: operator."`
	People  int      `json:"people,omitempty" yaml:"people,omitempty" jsonschema_description:"How many different people must approve. Default: 1."`
	URL     string   `json:"url,omitempty" yaml:"url,omitempty" jsonschema_description:"Of a webhook; the agents' files say which are allowed."`
	Body    string   `json:"body,omitempty" yaml:"body,omitempty" jsonschema_description:"Of a webhook. Default: the run and the step as JSON."`
	Command []string `json:"command,omitempty" yaml:"command,omitempty" jsonschema_description:"Program and arguments of exec, without a shell; or method and parameters of edge. The agents' files say which are allowed."`
	Tries   int      `json:"tries,omitempty" yaml:"tries,omitempty" jsonschema_description:"How often a webhook is sent, or parity or stragglers asked. Default: 3. exec and edge are never repeated by themselves."`
}

// Undo takes a step back: one of the acts that change the State.
type Undo struct {
	Do        Act    `json:"do" yaml:"do" jsonschema_description:"undrain, drain, failback, failover, release or hold."`
	Site      string `json:"site,omitempty" yaml:"site,omitempty" jsonschema_description:"Default: the step's."`
	Service   string `json:"service,omitempty" yaml:"service,omitempty" jsonschema_description:"Default: the step's."`
	Transport string `json:"transport,omitempty" yaml:"transport,omitempty" jsonschema_description:"Default: the step's."`
	Cohort    string `json:"cohort,omitempty" yaml:"cohort,omitempty" jsonschema_description:"Default: the step's."`
	Pace      string `json:"pace,omitempty" yaml:"pace,omitempty" jsonschema_description:"By what a return goes: weights, cohorts or policy. Default: policy."`
	Now       bool   `json:"now,omitempty" yaml:"now,omitempty" jsonschema_description:"Skip the gentle phases."`
}

// Inside reports whether the act changes the State.
func (a Act) Inside() bool {
	return slices.Contains([]Act{ActDrain, ActUndrain, ActFailover, ActFailback, ActHold, ActRelease, ActNotify}, a)
}

// Outside reports whether the leader does the act.
func (a Act) Outside() bool {
	return a == ActWebhook || a == ActExec || a == ActEdge || a == ActParity || a == ActStragglers
}

// Repeatable reports whether an act outside may be done again when its leader
// was lost: nothing comes of the second time.
func (a Act) Repeatable() bool { return a == ActWebhook || a == ActParity || a == ActStragglers }

// ByPerson reports whether a person ends the step.
func (a Act) ByPerson() bool { return a == ActApprove || a == ActManual }

// Procedure is a runbook whose values are filled in.
type Procedure struct {
	Book    string            `json:"book"`
	Summary string            `json:"summary,omitempty"`
	Values  map[string]string `json:"values,omitempty"`
	Sites   []fleet.SiteID    `json:"sites,omitempty"`   // that any step touches
	Require []string          `json:"require,omitempty"` // asked before it starts
	AbortIf []string          `json:"abort_if,omitempty"`
	Finally []string          `json:"finally,omitempty"` // conditions that must be true at the end
	Steps   []Step            `json:"steps"`
}

// RunState is how far a run of a runbook is.
type RunState string

// The states of a run.
const (
	RunRunning RunState = "running"
	RunPaused  RunState = "paused"  // by a person
	RunStopped RunState = "stopped" // a step failed: a person decides
	RunUndoing RunState = "undoing"
	RunDone    RunState = "done"
	RunUndone  RunState = "undone"
	RunAborted RunState = "aborted"
)

// StepState is how far one step is.
type StepState string

// The states of a step.
const (
	StepPending StepState = "pending"
	StepRunning StepState = "running"
	StepDone    StepState = "done"
	StepSkipped StepState = "skipped"
	StepFailed  StepState = "failed"
	StepUndone  StepState = "undone"
)

// Run is a runbook under way, or how it ended. A new leader goes on where it is.
type Run struct {
	ID        string `json:"id"`
	Procedure `json:"procedure"`
	State     RunState  `json:"state"`
	Owner     string    `json:"owner"`
	Reason    string    `json:"reason"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	Why       string    `json:"why,omitempty"`      // of a run that stopped, is undone or was aborted
	EndedBy   string    `json:"ended_by,omitempty"` // the person who aborted it or took it back
	// Ends: for of a failover counts. Older programs took no notice of it.
	Ends bool `json:"ends,omitempty"`
	// Maintenance: what begins to fail where its drains have taken all away is
	// expected. Older programs did not know that.
	Maintenance bool           `json:"maintenance,omitempty"`
	Progress    []StepProgress `json:"progress"` // of each step, in the order of Steps
}

// StepProgress is where one step is.
type StepProgress struct {
	State     StepState  `json:"state"`
	StartedAt time.Time  `json:"started_at,omitzero"`
	EndedAt   time.Time  `json:"ended_at,omitzero"`
	TrueSince time.Time  `json:"true_since,omitzero"` // since when Until has been true
	Attempt   int        `json:"attempt,omitempty"`
	Detail    string     `json:"detail,omitempty"`
	Approvals []Approval `json:"approvals,omitempty"`
}

// Approval is one person's yes.
type Approval struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// Bounds of runs.
const (
	MaxRuns  = 30 // remembered; ended ones are dropped first
	MaxLive  = 8
	MaxSteps = 100
)

// Live reports whether the run has not ended.
func (r *Run) Live() bool {
	return r.State == RunRunning || r.State == RunPaused || r.State == RunStopped || r.State == RunUndoing
}

// Step returns the index of a step, or -1.
func (r *Run) Step(id string) int {
	return slices.IndexFunc(r.Steps, func(s Step) bool { return s.ID == id })
}

// Ready reports whether everything that step i waits for is done.
func (r *Run) Ready(i int) bool {
	for _, id := range r.Steps[i].After {
		j := r.Step(id)
		if j >= 0 && r.Progress[j].State != StepDone && r.Progress[j].State != StepSkipped {
			return false
		}
	}
	return true
}

// Key names one effect of a run for ever: who gets it twice can tell.
func (r *Run) Key(i int) string { return r.ID + "/" + r.Steps[i].ID }

// Next is the command to type next; "" when nothing is asked of a person.
func (r *Run) Next() string {
	switch r.State {
	case RunPaused:
		return "sipsteer runbook resume " + r.ID
	case RunStopped:
		for i := range r.Steps {
			if r.Progress[i].State == StepFailed {
				return "sipsteer runbook resume " + r.ID + "   # tries " + r.Steps[i].ID + " again; or: sipsteer runbook skip " + r.ID + " " + r.Steps[i].ID + " --reason …; or: sipsteer runbook undo " + r.ID
			}
		}
		return "sipsteer runbook resume " + r.ID + "   # or: sipsteer runbook undo " + r.ID
	case RunAborted:
		return "sipsteer runbook undo " + r.ID + "   # what was done stays until then"
	case RunRunning:
		for i, p := range r.Progress {
			if p.State == StepRunning && r.Steps[i].Do.ByPerson() {
				return "sipsteer runbook approve " + r.ID + " " + r.Steps[i].ID
			}
		}
	}
	return ""
}

// Run returns the run with that ID, or nil.
func (s *State) Run(id string) *Run {
	for i := range s.Runs {
		if s.Runs[i].ID == id {
			return &s.Runs[i]
		}
	}
	return nil
}

// RunChange is what a command says of a run.
type RunChange struct {
	ID        string     `json:"id,omitempty"`
	Step      string     `json:"step,omitempty"`
	To        RunMove    `json:"to,omitempty"` // KindRunMove
	Attempt   int        `json:"attempt,omitempty"`
	Detail    string     `json:"detail,omitempty"`
	Procedure *Procedure `json:"procedure,omitempty"` // KindRunStart
}

// RunMove is what the leader says of a step, or of the run when no step is named.
type RunMove string

// The moves.
const (
	MoveBegin  RunMove = "begin"  // the step, with its effect
	MoveDone   RunMove = "done"   // the step: its condition is true, or its effect has happened
	MoveFail   RunMove = "fail"   // the step
	MoveTrue   RunMove = "true"   // the step's condition has become true
	MoveFalse  RunMove = "false"  // and false again
	MoveLate   RunMove = "late"   // the step's limit is over
	MoveRevert RunMove = "revert" // the step is taken back
	MoveUndo   RunMove = "undo"   // the run: a condition of abort_if is true
	MoveEnd    RunMove = "end"    // the run: all is done, or all is undone
	MoveStop   RunMove = "stop"   // the run: a condition at the end is not true
)
