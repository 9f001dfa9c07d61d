package raftstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// replica stands between raft and the Machine: it opens envelopes, stops at the
// first entry that must not be applied, and tells who waits how far it is.
type replica struct {
	machine Machine
	// committed is told the last entry of each batch, before it is applied. It
	// must not block and must not call raft.
	committed func(index, term uint64)
	// mark keeps the same for the next life. May be nil.
	mark *commitMark
	// halt stops the store for good.
	halt func(error)

	applies histogram
	ledger  ledger

	// applying is held while the Machine changes, so that a copy can be taken
	// between two entries.
	applying sync.Mutex
	// guarded by applying:
	link Hash   // chain over the entries applied
	term uint64 // of the last of them
	at   uint64 // index of the last of them, which replay may have reached before raft
	// handed is the last index that raft has handed over, also one that was
	// applied before.
	handed uint64
	// restores counts the snapshots restored, and fellBack says that one was not.
	restores int
	fellBack bool
	// unreadable is why the last snapshot could not be restored: raft's error
	// does not say.
	unreadable error

	mu sync.Mutex
	// guarded by mu:
	position uint64        // index of the last entry applied
	moved    chan struct{} // closed and replaced when position grows
	stopped  error         // why nothing is applied any more
	distrust error         // why no snapshot is taken
}

func newReplica(m Machine) *replica {
	return &replica{machine: m, moved: make(chan struct{}), committed: func(uint64, uint64) {}}
}

// applied is what raft hands to the proposer of an entry that was applied, and
// refused what it hands to that of one that was not.
type (
	applied struct {
		term  uint64
		value any
	}
	refused struct{ err error }
)

// ApplyBatch implements raft.BatchingFSM.
func (r *replica) ApplyBatch(logs []*raft.Log) []any {
	r.applying.Lock()
	defer r.applying.Unlock()
	last := logs[len(logs)-1]
	r.committed(last.Index, last.Term)
	r.mark.committed(last.Index, last.Term)
	r.handed = last.Index
	results := make([]any, len(logs))
	var done uint64
	for i, log := range logs {
		if log.Index <= r.at {
			continue // replay applied it; nobody of this life has proposed it
		}
		value, err := r.apply(log)
		if err != nil {
			results[i] = refused{err}
			continue
		}
		results[i] = applied{log.Term, value}
		r.at, done = log.Index, log.Index
	}
	if done != 0 {
		r.advance(done)
	}
	return results
}

// Apply implements raft.FSM.
func (r *replica) Apply(log *raft.Log) any { return r.ApplyBatch([]*raft.Log{log})[0] }

// apply gives one entry to the Machine. After the first error nothing more is
// applied: a replica that left one out would not be a replica.
func (r *replica) apply(log *raft.Log) (any, error) {
	if err := r.why(); err != nil {
		return nil, err
	}
	if log.Type != raft.LogCommand {
		return nil, nil
	}
	kind, data, err := unseal(log.Index, log.Data)
	if err != nil {
		return nil, r.stop(err)
	}
	r.link, r.term = r.link.next(log.Index, log.Term, log.Data), log.Term
	if kind == entryCheckpoint {
		return nil, r.checkpoint(log, data)
	}
	start := time.Now()
	result := r.machine.Apply(Entry{Index: log.Index, Term: log.Term, Data: data, AppendedAt: log.AppendedAt, Chain: r.link})
	r.applies.observe(time.Since(start))
	if err, ok := result.(error); ok {
		var fatal *Fatal
		if errors.As(err, &fatal) {
			return nil, r.stop(fmt.Errorf("apply log entry %d: %w", log.Index, err))
		}
	}
	return result, nil
}

// stop keeps the first reason and halts the store.
func (r *replica) stop(err error) error {
	r.mu.Lock()
	if r.stopped == nil {
		r.stopped = err
	}
	err = r.stopped
	r.mu.Unlock()
	r.halt(err)
	return err
}

func (r *replica) suspect() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.distrust
}

func (r *replica) why() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stopped
}

// replay applies committed entries that raft has not handed over yet. It returns
// false when there is no sense in going on: a snapshot came in between, or the
// replica has stopped.
func (r *replica) replay(logs []*raft.Log, restores int) bool {
	r.applying.Lock()
	defer r.applying.Unlock()
	for _, log := range logs {
		if log.Index <= r.at {
			continue
		}
		if r.restores != restores {
			return false
		}
		if _, err := r.apply(log); err != nil {
			return false
		}
		r.at = log.Index
	}
	r.advance(r.at)
	return true
}

// Snapshot implements raft.FSM. Raft takes what it gets for the state after the
// last entry that it has handed over.
func (r *replica) Snapshot() (raft.FSMSnapshot, error) {
	if at, handed := r.places(); at > handed {
		return nil, fmt.Errorf("take snapshot: the state is at entry %d already, raft still at %d after the start", at, handed)
	}
	place, write, err := r.copy()
	if err != nil {
		return nil, err
	}
	return &replicaSnapshot{place: place, write: write}, nil
}

// copy takes a consistent copy of the state.
func (r *replica) copy() (contentPlace, func(io.Writer) error, error) {
	r.applying.Lock()
	defer r.applying.Unlock()
	if err := r.why(); err != nil {
		return contentPlace{}, nil, err
	}
	if err := r.suspect(); err != nil {
		return contentPlace{}, nil, fmt.Errorf("take no copy of a state in doubt: %w", err)
	}
	write, err := r.machine.Snapshot()
	return contentPlace{r.index(), r.term, r.link}, write, err
}

// Restore implements raft.FSM.
func (r *replica) Restore(from io.ReadCloser) error {
	r.applying.Lock()
	defer r.applying.Unlock()
	if err := r.why(); err != nil {
		return err
	}
	place, err := readContent(from, r.machine.Restore)
	if r.unreadable = err; err != nil {
		r.fellBack = true
		return err
	}
	r.link, r.term = place.chain, place.term
	r.at, r.handed = place.applied, place.applied
	r.restores++
	r.advance(place.applied)
	return nil
}

// places returns the last entry of the state, and the last that raft handed over.
func (r *replica) places() (at, handed uint64) {
	r.applying.Lock()
	defer r.applying.Unlock()
	return r.at, r.handed
}

// begun returns how many snapshots were restored; whole is false if one was
// passed over for an older one.
func (r *replica) begun() (restores int, whole bool) {
	r.applying.Lock()
	defer r.applying.Unlock()
	return r.restores, !r.fellBack
}

// advance tells the waiters.
func (r *replica) advance(index uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.position = max(r.position, index)
	close(r.moved)
	r.moved = make(chan struct{})
}

func (r *replica) index() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.position
}

// wait returns when the entry at index has been applied here.
func (r *replica) wait(ctx context.Context, stopped <-chan struct{}, index uint64) error {
	for {
		r.mu.Lock()
		at, moved := r.position, r.moved
		r.mu.Unlock()
		if at >= index {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("wait for entry %d, at %d now: %w", index, at, ctx.Err())
		case <-stopped:
			return fmt.Errorf("wait for entry %d, at %d now: %w", index, at, ErrStopped)
		}
	}
}

// replicaSnapshot implements raft.FSMSnapshot.
type replicaSnapshot struct {
	place contentPlace
	write func(io.Writer) error
}

// Persist implements raft.FSMSnapshot. Raft cancels the sink on an error.
func (s *replicaSnapshot) Persist(sink raft.SnapshotSink) error {
	return writeContent(sink, s.place, s.write)
}

// Release implements raft.FSMSnapshot.
func (s *replicaSnapshot) Release() {}
