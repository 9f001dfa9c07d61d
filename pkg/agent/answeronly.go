package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore"
)

// An agent whose store is refused at start has still been told what to answer:
// it stands in the memory's file. Name servers that say nothing because a disk
// is full would be a worse fault than the disk. So it answers and keeps its gate
// as last told, decides nothing, and says so. Without a memory it has nothing to
// answer, and ends with the store's error.

// refuse makes this agent one that only answers, if it has what to answer and
// the error is one that more waiting does not make worse.
func (a *Agent) refuse(err error) bool {
	a.release() // there is no log to wait for
	now, _ := a.pub.served()
	if now.state.Fleet == nil || errors.Is(err, raftstore.ErrInUse) || errors.Is(err, raftstore.ErrForeignDir) {
		return false
	}
	a.refused = err
	a.log.Error().Err(err).Uint64("epoch", now.state.Epoch).Str("next", wayOut(err)).
		Msg("the store was refused: this agent answers its last decision and decides nothing")
	return true
}

// Refused says why this agent only answers, or nil. It is known once Start has
// returned.
func (a *Agent) Refused() error { return a.refused }

// stopped is what operators read of an agent whose replicated state has stopped.
func (a *Agent) stopped(err error) string {
	if a.refused != nil {
		return fmt.Sprintf("answers only: the store was refused at start (%v); next: %s", a.refused, wayOut(a.refused))
	}
	return fmt.Sprintf("answers only: the replicated state has stopped (%v); next: %s", err, wayOut(err))
}

// wayOut is what to do about a store that was refused or has stopped.
func wayOut(err error) string {
	switch {
	case errors.Is(err, steer.ErrUnknownCommand), errors.Is(err, pki.ErrUnknownChange), errors.Is(err, errNewerState):
		return "install the version of the other agents here (sipsteer status), then restart this agent"
	case errors.Is(err, raftstore.ErrDamaged):
		return "the agent asks the others to take it in again; if it cannot: sipsteer agent rejoin --config FILE, or without a majority sipsteer agent recover --help"
	case errors.Is(err, raftstore.ErrDisk):
		return "make room on the disk of data_dir, or mount it for writing; the agent goes on by itself"
	}
	return "restart the agent; if it stops again: sipsteer agent rejoin --config FILE"
}

// Mend tries once to make the store of an agent that only answers one that can
// be opened: a damaged one is replaced from the others, and of a disk that
// refused it is asked whether it still does. It returns nil when a new start is
// worth its gap in the answers.
func Mend(ctx context.Context, cfg Config, refused error) error {
	switch {
	case errors.Is(refused, raftstore.ErrDamaged):
		aside, err := Repair(ctx, cfg)
		if err != nil {
			return fmt.Errorf("repair from the others: %w", err)
		}
		cfg.Logger.Warn().Str("old_store", aside).Msg("the fleet takes this agent in again, with an empty store")
		return nil
	case errors.Is(refused, raftstore.ErrDisk):
		return raftstore.Check(raftstore.Config{ID: cfg.Name, Dir: cfg.Dir})
	}
	return refused // a person has to do something, and restarts it then
}
