package raftstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// A checkpoint entry's payload is the leader's own Checkpoint before this one,
// as JSON: every member compares it with what it had there, also when it reads
// its log again after a restart.

// markCheckpoints has the leader mark a checkpoint each interval in which
// something was applied, until ctx ends.
func (s *Store) markCheckpoints(ctx context.Context) {
	tick := time.NewTicker(s.cfg.CheckpointInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if _, leads := leaderTerm(s.raft); !leads || s.replica.index() <= s.replica.ledger.newest().Index {
			continue
		}
		if err := s.Checkpoint(ctx); err != nil {
			s.logger.Debug().Err(err).Msg("checkpoint not marked")
		}
	}
}

// Checkpoint marks a place at which the members compare their states. Only the
// leader can. It returns when the place is agreed; the sums follow.
func (s *Store) Checkpoint(ctx context.Context) error {
	payload, err := json.Marshal(s.replica.ledger.newest())
	if err != nil {
		return fmt.Errorf("encode checkpoint: %w", err)
	}
	if _, err := s.submit(ctx, sealAs(entryCheckpoint, payload)); err != nil {
		return fmt.Errorf("mark checkpoint: %w", err)
	}
	return nil
}

// Checkpoints returns this member's, oldest first.
func (s *Store) Checkpoints() []Checkpoint { return s.replica.ledger.list() }

// Distrust is called when this member's state was found to differ from the
// majority's. From then on it takes no snapshot: one would make the difference
// outlive the log that could repair it.
func (s *Store) Distrust(reason string) {
	s.replica.mu.Lock()
	defer s.replica.mu.Unlock()
	s.replica.distrust = errors.New(reason)
}

// Trust ends Distrust.
func (s *Store) Trust() {
	s.replica.mu.Lock()
	defer s.replica.mu.Unlock()
	s.replica.distrust = nil
}

// checkpoint carries out a checkpoint entry. It is not given to the Machine.
func (r *replica) checkpoint(log *raft.Log, payload []byte) error {
	var claimed Checkpoint
	if err := json.Unmarshal(payload, &claimed); err != nil {
		return r.stop(&DamageError{Index: log.Index, Reason: fmt.Sprintf("checkpoint: %v", err)})
	}
	if claimed.Index != 0 {
		r.ledger.claim(claimed)
	}
	r.ledger.mark(log.Index, r.link, r.machine.Sum())
	return nil
}
