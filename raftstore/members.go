package raftstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// AddVoter makes the agent a member that counts, or moves it to another
// address. Let it catch up as a non-voter first: a voter that has nothing yet
// counts for the majority all the same. Only the leader can.
func (s *Store) AddVoter(ctx context.Context, id fleet.AgentID, address string) error {
	return s.change(ctx, "add voter "+string(id), func() raft.Future {
		return s.raft.AddVoter(raft.ServerID(id), raft.ServerAddress(address), 0, enqueueTimeout)
	})
}

// AddNonvoter makes the agent a member that gets every entry and has no vote.
// Only the leader can.
func (s *Store) AddNonvoter(ctx context.Context, id fleet.AgentID, address string) error {
	return s.change(ctx, "add non-voter "+string(id), func() raft.Future {
		return s.raft.AddNonvoter(raft.ServerID(id), raft.ServerAddress(address), 0, enqueueTimeout)
	})
}

// Demote takes the vote from a member, which stays a member. Only the leader
// can.
func (s *Store) Demote(ctx context.Context, id fleet.AgentID) error {
	return s.change(ctx, "demote "+string(id), func() raft.Future {
		return s.raft.DemoteVoter(raft.ServerID(id), 0, enqueueTimeout)
	})
}

// Remove ends a membership. Only the leader can; it may remove itself, and
// then gives up leadership.
func (s *Store) Remove(ctx context.Context, id fleet.AgentID) error {
	return s.change(ctx, "remove "+string(id), func() raft.Future {
		return s.raft.RemoveServer(raft.ServerID(id), 0, enqueueTimeout)
	})
}

// TransferLeadership hands leadership to the voter that is furthest. It returns
// when this member no longer leads, or with an error when nobody took over in
// an election timeout. Only the leader can.
func (s *Store) TransferLeadership(ctx context.Context) error {
	select {
	case <-s.stopping:
		return ErrStopped
	default:
	}
	return s.transferLeadership(ctx)
}

func (s *Store) transferLeadership(ctx context.Context) error {
	return s.change(ctx, "transfer leadership", func() raft.Future { return s.raft.LeadershipTransfer() })
}

// Members returns the configuration that this member knows, committed or not.
func (s *Store) Members() []Member {
	return membersOf(s.raft.GetConfiguration().Configuration())
}

// change runs a change of membership or leadership.
func (s *Store) change(ctx context.Context, what string, call func() raft.Future) error {
	err := s.await(ctx, call)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader):
		return fmt.Errorf("%s: %w", what, s.notLeader())
	case errors.Is(err, raft.ErrLeadershipLost):
		return fmt.Errorf("%s: %w: leadership was lost", what, ErrUncertain)
	case errors.Is(err, raft.ErrRaftShutdown):
		return fmt.Errorf("%s: %w", what, ErrStopped)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// await waits for raft's answer, for ctx or for the end of the store.
func (s *Store) await(ctx context.Context, call func() raft.Future) error {
	answer := make(chan error, 1)
	s.pending.Add(1)
	go func() { // ends when raft answers, at the latest when it shuts down
		defer s.pending.Add(-1)
		answer <- call().Error()
	}()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		return ErrStopped
	}
}
