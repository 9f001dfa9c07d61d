package raftstore

import (
	"io"
	"time"
)

// Entry is one committed command.
type Entry struct {
	// Index is the entry's place in the replicated log, the same everywhere.
	// Indexes grow, with gaps: the log also holds entries of Raft's own.
	Index uint64
	// Term is the leader's term in which the entry was proposed.
	Term uint64
	// Data is what was given to Propose. It must not be changed.
	Data []byte
	// AppendedAt is the clock of the leader when it took the entry; the same
	// on every member.
	AppendedAt time.Time
	// Chain stands for this entry and every one before it: the same on every
	// member, and different for any other history.
	Chain Hash
}

// Machine is the replicated state machine. The store calls Apply, Snapshot,
// Restore and Sum from one goroutine at a time.
//
// A Machine must not call the store from these methods: the store waits for
// them.
type Machine interface {
	// Apply changes the state by one entry and returns the result for the
	// proposer. It must do the same on every member, whatever the clock, the
	// machine or the order of maps. A result that is a *Fatal stops the store.
	Apply(Entry) any
	// Snapshot takes a consistent copy of the state, quickly, since Apply
	// waits. The returned function writes the copy later, in another
	// goroutine, while Apply goes on.
	Snapshot() (write func(io.Writer) error, err error)
	// Restore replaces the state by what such a function wrote. An error must
	// leave the state as it was. The reader fails before its end when the
	// snapshot is damaged, so decode everything before changing anything.
	Restore(io.Reader) error
	// Sum takes a consistent copy of the state, as Snapshot does. The returned
	// function sums it up later, in another goroutine: the same on every
	// member that has applied the same entries, different for any other state.
	Sum() func() (Hash, error)
}
