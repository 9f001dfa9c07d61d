package raftstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// Result is what became of a proposal.
type Result struct {
	// Index and Term of the entry in the log.
	Index, Term uint64
	// Value is what the Machine's Apply returned.
	Value any
}

// enqueueTimeout bounds the wait for a leader that is busy with its disk, when
// the caller's context does not.
const enqueueTimeout = 5 * time.Second

// Propose puts data into the log and returns when a majority has it on disk and
// this member has applied it.
//
// The errors that leave no doubt that nothing happened are ErrNotLeader,
// ErrNoQuorum, ErrTooLarge, ErrBusy, and ErrStopped without ErrUncertain. With
// ErrUncertain the entry may come into force later: it is returned when
// leadership was lost, the disk failed (ErrDisk too), the store stopped
// (ErrStopped too), or ctx ended (its error too) meanwhile.
func (s *Store) Propose(ctx context.Context, data []byte) (Result, error) {
	if len(data) > s.cfg.MaxEntry {
		return Result{}, fmt.Errorf("%w: %d octets, at most %d", ErrTooLarge, len(data), s.cfg.MaxEntry)
	}
	return s.submit(ctx, seal(data))
}

// submit puts an entry, in its envelope, into the log.
func (s *Store) submit(ctx context.Context, entry []byte) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("propose: %w", err)
	}
	select {
	case <-s.stopping:
		return Result{}, ErrStopped
	case <-s.halted:
		return Result{}, fmt.Errorf("%w: %w", ErrStopped, s.Err())
	default:
	}
	if s.raft.State() != raft.Leader {
		return Result{}, s.notLeader()
	}
	timeout := enqueueTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(min(timeout, time.Until(deadline)), time.Millisecond)
	}
	outcome := make(chan proposal, 1)
	s.pending.Add(1)
	go func() { // ends when raft answers, at the latest when it shuts down
		defer s.pending.Add(-1)
		outcome <- s.propose(entry, timeout)
	}()
	select {
	case p := <-outcome:
		return p.result, p.err
	case <-ctx.Done():
		return Result{}, fmt.Errorf("propose: %w: %w", ErrUncertain, ctx.Err())
	case <-s.done:
		return Result{}, fmt.Errorf("propose: %w: %w", ErrUncertain, ErrStopped)
	}
}

// proposal is a Result or an error.
type proposal struct {
	result Result
	err    error
}

// propose waits for raft's answer and translates it.
func (s *Store) propose(entry []byte, timeout time.Duration) proposal {
	future := s.raft.Apply(entry, timeout)
	if err := future.Error(); err != nil {
		return proposal{err: s.proposeError(err)}
	}
	switch value := future.Response().(type) {
	case refused:
		return proposal{err: fmt.Errorf("propose: %w: %w", ErrUncertain, value.err)}
	case applied:
		return proposal{result: Result{Index: future.Index(), Term: value.term, Value: value.value}}
	}
	return proposal{err: fmt.Errorf("propose: %w", ErrUncertain)}
}

// proposeError says what raft's error means for the entry.
func (s *Store) proposeError(err error) error {
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return s.notLeader()
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return ErrBusy
	case errors.Is(err, raft.ErrLeadershipLost):
		return fmt.Errorf("propose: %w: leadership was lost", ErrUncertain)
	case errors.Is(err, raft.ErrRaftShutdown):
		return fmt.Errorf("propose: %w: %w", ErrUncertain, ErrStopped)
	}
	// What is left is that the leader could not store the entry. Raft's cache
	// has turned the cause into text.
	if fault := s.disk.journal.faulty(); fault != nil {
		return fmt.Errorf("propose: %w: %w: %w", ErrUncertain, ErrDisk, fault)
	}
	return fmt.Errorf("propose: %w: %w", ErrUncertain, err)
}

// notLeader says who leads, or that nobody is known to.
func (s *Store) notLeader() error {
	id, address := s.Leader()
	if id == "" || id == s.cfg.ID {
		return ErrNoQuorum
	}
	return &NotLeaderError{Leader: id, Address: address}
}
