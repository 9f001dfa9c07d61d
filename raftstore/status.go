package raftstore

import (
	"time"

	"github.com/hashicorp/raft"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Role is what a member is at the moment.
type Role string

// The roles. The zero value is invalid.
const (
	RoleFollower  Role = "follower"
	RoleCandidate Role = "candidate"
	RoleLeader    Role = "leader"
	RoleStopped   Role = "stopped"
)

// Status is what an operator wants to know of a store.
type Status struct {
	ID            fleet.AgentID `json:"id"`
	Role          Role          `json:"role"`
	Term          uint64        `json:"term"`
	Leader        fleet.AgentID `json:"leader"` // "" when none is known
	LeaderAddress string        `json:"leader_address"`
	Quorum        bool          `json:"quorum"`
	Members       []Member      `json:"members"`
	// Address is the one that other members are told.
	Address string `json:"address"`
	Profile string `json:"profile"`

	// Last is the last entry in the log here, Commit the last one known to be
	// committed, Applied the last one that the Machine has seen. Raft's own
	// entries count for the first two only.
	Last    uint64 `json:"last"`
	Commit  uint64 `json:"commit"`
	Applied uint64 `json:"applied"`
	// Contact is how long ago the leader was heard; 0 on the leader, -1 if
	// never.
	Contact time.Duration `json:"contact"`

	// Checkpoint is the newest place at which the members compare states.
	Checkpoint Checkpoint `json:"checkpoint"`
	// Conflict says where this member's history differed from a leader's; ""
	// if nowhere.
	Conflict string `json:"conflict,omitempty"`

	// SnapshotIndex is that of the newest snapshot, 0 if there is none, and
	// SnapshotTaken when it was written here.
	SnapshotIndex uint64    `json:"snapshot_index"`
	SnapshotTaken time.Time `json:"snapshot_taken,omitzero"`
	// Damaged are the snapshot files set aside since the store was opened.
	Damaged []string `json:"damaged,omitempty"`

	// Write is the time to put a batch of entries on disk, Apply the time of
	// the Machine for one entry.
	Write Latency `json:"write"`
	Apply Latency `json:"apply"`
	// DiskError is the last refusal of the disk; "" after a write went well.
	DiskError string `json:"disk_error,omitempty"`
	// Halted says why the store stopped by itself.
	Halted string `json:"halted,omitempty"`
}

// Status returns a picture of the store. Its parts are read one after the
// other, so they may be a moment apart.
func (s *Store) Status() Status {
	leader, address := s.Leader()
	st := Status{
		ID:            s.cfg.ID,
		Role:          roleOf(s.raft.State()),
		Term:          s.raft.CurrentTerm(),
		Leader:        leader,
		LeaderAddress: address,
		Quorum:        s.HasQuorum(),
		Members:       s.Members(),
		Address:       string(s.network.advertise),
		Profile:       s.cfg.Profile.Name,
		Last:          s.raft.LastIndex(),
		Commit:        s.raft.CommitIndex(),
		Applied:       s.replica.index(),
		Write:         s.disk.journal.writes.summary(),
		Apply:         s.replica.applies.summary(),
		Contact:       -1,
		Checkpoint:    s.replica.ledger.newest(),
	}
	st.Conflict, _ = s.replica.ledger.report()
	if contact := s.raft.LastContact(); st.Role == RoleLeader {
		st.Contact = 0
	} else if !contact.IsZero() {
		st.Contact = time.Since(contact)
	}
	_, st.SnapshotIndex = s.disk.snapshots.indexes()
	if files, ok := s.disk.snapshots.(*snapshotStore); ok {
		st.SnapshotTaken, st.Damaged = files.report()
	}
	if err := s.disk.journal.faulty(); err != nil {
		st.DiskError = err.Error()
	}
	st.Commit = max(st.Commit, st.Applied) // raft does not know yet what was applied by the mark
	if err := s.Err(); err != nil {
		st.Halted = err.Error()
		st.Role = RoleStopped
	}
	return st
}

// DiskFault is the last refusal of the disk, or nil after a write went well. It
// is Status.DiskError alone, for who asks often.
func (s *Store) DiskFault() error { return s.disk.journal.faulty() }

func roleOf(s raft.RaftState) Role {
	switch s {
	case raft.Follower:
		return RoleFollower
	case raft.Candidate:
		return RoleCandidate
	case raft.Leader:
		return RoleLeader
	}
	return RoleStopped
}
