package raftstore

import (
	"errors"
	"fmt"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

var (
	// ErrNotLeader is returned when this member cannot take the call because
	// another one leads. The error is a *NotLeaderError that says which.
	// Nothing was proposed: the call may be repeated there.
	ErrNotLeader = errors.New("not the leader")
	// ErrNoQuorum is returned when no member is known to lead: an election is
	// under way, or no majority can be reached. Nothing was proposed.
	ErrNoQuorum = errors.New("no leader is known")
	// ErrUncertain is returned, with its cause, when an entry was proposed but
	// its fate was not learned: it may be applied now, later or never. Look at
	// the state before proposing it again.
	ErrUncertain = errors.New("outcome unknown")
	// ErrTooLarge is returned when an entry exceeds Config.MaxEntry. Nothing
	// was proposed.
	ErrTooLarge = errors.New("entry too large")
	// ErrStopped is returned when the store is stopping or has stopped.
	ErrStopped = errors.New("store stopped")
	// ErrDisk is returned, with its cause, when the disk refused to store an
	// entry or a vote. The member gives up leadership, keeps its applied
	// state, and takes part again as soon as a write succeeds.
	ErrDisk = errors.New("disk refused a write")
	// ErrDamaged is returned, with file and place, when stored data is not
	// what was written. The store does not serve it.
	ErrDamaged = errors.New("stored data is damaged")
	// ErrForeignDir is returned when a directory belongs to another agent or
	// to another fleet, or was written by a newer program.
	ErrForeignDir = errors.New("directory belongs to another store")
	// ErrRefused is returned by Open, with its cause, when what Dir holds cannot
	// be gone on with: it is damaged, of a newer program, or its disk refuses.
	// An agent can still answer from elsewhere: see Refused.
	ErrRefused = errors.New("store refused")
	// ErrInUse is returned when another process has the directory open.
	ErrInUse = errors.New("directory is in use by another process")
	// ErrBusy is returned when the leader did not take the entry in time.
	// Nothing was proposed.
	ErrBusy = errors.New("leader is busy")
)

// NotLeaderError says who leads, as far as this member knows.
type NotLeaderError struct {
	Leader  fleet.AgentID
	Address string
}

// Error implements error.
func (e *NotLeaderError) Error() string {
	return fmt.Sprintf("not the leader: %s at %s leads", e.Leader, e.Address)
}

// Unwrap makes errors.Is(err, ErrNotLeader) true.
func (e *NotLeaderError) Unwrap() error { return ErrNotLeader }

// DamageError names what is damaged.
type DamageError struct {
	// File is the damaged file; "" when the damage was found in an entry on
	// its way to the Machine.
	File string
	// Index is the log index of the damaged entry, or 0.
	Index uint64
	// Reason says what did not match.
	Reason string
}

// Error implements error.
func (e *DamageError) Error() string {
	where := e.File
	switch {
	case where == "" && e.Index != 0:
		where = fmt.Sprintf("log entry %d", e.Index)
	case e.Index != 0:
		where = fmt.Sprintf("%s: log entry %d", where, e.Index)
	}
	return fmt.Sprintf("%v: %s: %s", ErrDamaged, where, e.Reason)
}

// Unwrap makes errors.Is(err, ErrDamaged) true.
func (e *DamageError) Unwrap() error { return ErrDamaged }

// Fatal is an error after which this replica must not go on: a Machine returns
// it from Apply for an entry that it cannot know (a newer kind, a newer
// version). Skipping the entry would split the replicas, so the store stops.
type Fatal struct {
	// Reason is the error that the operator reads; it says what to do.
	Reason error
}

// Error implements error.
func (f *Fatal) Error() string { return fmt.Sprintf("replica cannot go on: %v", f.Reason) }

// Unwrap returns the reason.
func (f *Fatal) Unwrap() error { return f.Reason }
