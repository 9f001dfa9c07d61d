package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// StoreStatus is how one agent's replica, disk and identity are.
type StoreStatus struct {
	Agent   string `json:"agent"`
	Role    string `json:"role" enum:"follower,candidate,leader,stopped"`
	Leader  string `json:"leader"`
	Quorum  bool   `json:"quorum"`
	Term    uint64 `json:"term"`
	Voters  int    `json:"voters"`
	Members int    `json:"members"`

	Last    uint64  `json:"last" doc:"Last entry in the log."`
	Commit  uint64  `json:"commit"`
	Applied uint64  `json:"applied"`
	Contact float64 `json:"contact_seconds" doc:"Since the leader was heard; 0 at the leader, -1 if never."`

	Profile     string  `json:"profile" doc:"The timings of Raft: lan or wan."`
	RoundTrip   float64 `json:"round_trip_seconds,omitempty" doc:"To the voter that is farthest away, as measured."`
	RoundTripTo string  `json:"round_trip_to,omitempty"`

	WriteP99      float64   `json:"write_p99_seconds" doc:"To put entries on disk."`
	ApplyP99      float64   `json:"apply_p99_seconds"`
	SnapshotIndex uint64    `json:"snapshot_index"`
	SnapshotTaken time.Time `json:"snapshot_taken,omitzero"`
	DiskFree      uint64    `json:"disk_free" doc:"Octets, for others than root."`
	DiskSize      uint64    `json:"disk_size"`
	DiskError     string    `json:"disk_error,omitempty"`
	Left          bool      `json:"left,omitempty" doc:"This agent was taken out of the fleet."`
	Halted        string    `json:"halted,omitempty" doc:"Why the store stopped by itself."`
	HaltedNext    string    `json:"halted_next,omitempty" doc:"What to do about that."`
	Suspect       string    `json:"suspect,omitempty" doc:"Why the State here is in doubt."`
	Stale         string    `json:"stale,omitempty" doc:"Why the answers here are marked stale."`
	Damaged       []string  `json:"damaged" doc:"Files that were set aside."`

	DelayedAt      time.Time `json:"delayed_at,omitzero" doc:"When the delayed copy was taken."`
	DelayedFile    string    `json:"delayed_file,omitempty" doc:"The delayed copy, on the agent's disk."`
	DelayedProblem string    `json:"delayed_problem,omitempty"`
	IdentityUntil  time.Time `json:"identity_until,omitzero"`

	DelayedPractice *CopyPractice `json:"delayed_practice,omitempty" doc:"How the last practice restore of the delayed copy went."`

	Late *LateStatus `json:"late,omitempty" doc:"When this agent's machine is late with its questions to softswitches."`

	Audit []AuditTarget `json:"audit,omitempty" doc:"Receivers of the audit trail."`

	Findings []Finding `json:"findings" doc:"What is wrong, most urgent first."`
}

// CopyPractice is a restore of the delayed copy into a scratch cluster.
type CopyPractice struct {
	File    string    `json:"file"`
	At      time.Time `json:"at"`
	Took    float64   `json:"took_seconds" doc:"From the file's first octet to answers."`
	Records int       `json:"records" doc:"Record sets that it had to answer."`
	Problem string    `json:"problem,omitempty" doc:"Why it could not be restored."`
}

// AuditTarget is a receiver of the audit trail and how far it came there.
type AuditTarget struct {
	To      string    `json:"to"`
	Every   bool      `json:"every" doc:"Each agent sends its own trail; else the one that leads does."`
	Sent    uint64    `json:"sent" doc:"Last log entry that was taken."`
	Waiting int       `json:"waiting" doc:"Records that wait, at most 10000 counted."`
	Problem string    `json:"problem,omitempty" doc:"Why it takes nothing."`
	Since   time.Time `json:"since,omitzero" doc:"Of the problem."`
}

// Finding is one thing that is wrong.
type Finding struct {
	Urgency string `json:"urgency" enum:"now,soon,note"`
	Text    string `json:"text"`
	Next    string `json:"next" doc:"What to do."`
}

// store registers what looks at one agent's replica.
func (s *server) store(a huma.API) {
	huma.Register(a, op("store", http.MethodGet, "/v1/store", "This agent's replica, disk and identity, and what is wrong with them"),
		func(ctx context.Context, _ *struct{}) (*body[StoreStatus], error) {
			return answer(s.backend.Store(ctx))
		})
}

// Store asks how the agent's replica is.
func (c *Client) Store(ctx context.Context) (s StoreStatus, err error) {
	return s, c.call(ctx, http.MethodGet, "/v1/store", nil, &s, false)
}
