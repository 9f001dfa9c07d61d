package agent

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/raftstore"
)

const (
	// comparePeriod is the default of RaftConfig.Compare.
	comparePeriod = 10 * time.Second
	// compareTimeout bounds the wait for the others.
	compareTimeout = 2 * time.Second
)

// compareStates has this agent find out whether its State is the fleet's, until
// ctx ends. The log and the machine are the same everywhere, so a difference
// means damage: of memory, of a disk, or of a program.
func (a *Agent) compareStates(ctx context.Context) {
	tick := time.NewTicker(cmp.Or(a.cfg.Raft.Compare, comparePeriod) / 2)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			a.judge(raftstore.Judge(a.cfg.Name, a.store.Members(), a.allCheckpoints(ctx)))
		case <-ctx.Done():
			return
		}
	}
}

// allCheckpoints asks every peer; those that do not answer are left out.
func (a *Agent) allCheckpoints(ctx context.Context) map[fleet.AgentID][]raftstore.Checkpoint {
	ctx, cancel := context.WithTimeout(ctx, compareTimeout)
	defer cancel()
	out := map[fleet.AgentID][]raftstore.Checkpoint{a.cfg.Name: a.store.Checkpoints()}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, p := range a.others() {
		id, c := p.Name, a.clientOf(p)
		wg.Go(func() {
			start := time.Now()
			list, err := c.Checkpoints(ctx)
			if err != nil {
				return
			}
			a.trips.note(id, time.Since(start))
			points := make([]raftstore.Checkpoint, 0, len(list))
			for _, p := range list {
				points = append(points, raftstore.Checkpoint{Index: p.Index, Chain: raftstore.Hash(p.Chain), State: raftstore.Hash(p.State)})
			}
			mu.Lock()
			defer mu.Unlock()
			out[id] = points
		})
	}
	wg.Wait()
	return out
}

// judge draws the consequences. An agent whose State is not the majority's
// stops deciding and changing what it serves; it goes on answering what it
// served last. It takes part again when its State agrees again.
func (a *Agent) judge(now raftstore.Agreement) {
	if now.Index == 0 {
		return
	}
	suspect := ""
	if now.Differs || now.Divided {
		suspect = now.Text + "; this agent answers its last good decision and decides nothing"
	}
	before := a.pub.freeze(suspect)
	switch {
	case before == "" && suspect != "":
		a.log.Error().Uint64("index", now.Index).Bool("divided", now.Divided).Msg(suspect)
		a.store.Distrust(now.Text)
	case before != "" && suspect == "":
		a.log.Warn().Uint64("index", now.Index).Msg("the state here agrees with the majority's again")
		a.store.Trust()
		a.pub.publish(a.machine.State())
	case suspect == "" && now.Text != "":
		a.log.Warn().Uint64("index", now.Index).Msg(now.Text)
	}
}

// stepAside keeps an agent that must not decide from leading, if it can.
func (a *Agent) stepAside(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, proposeTimeout)
	defer cancel()
	if err := a.store.TransferLeadership(ctx); err != nil {
		a.log.Debug().Err(err).Msg("nobody takes leadership over")
	}
}

// refuseSuspect is what an operator reads who wants a change from an agent
// whose State is in doubt.
func (a *Agent) refuseSuspect() error {
	if why := a.pub.frozen(); why != "" {
		return &api.Error{
			Category: api.Internal, Message: fmt.Sprintf("agent %s takes no changes: %s", a.cfg.Name, why),
			Hint: "sipsteer history --verify   # names the agents that differ\nrestart the agents that differ: they build their state again from the log",
		}
	}
	return nil
}

// Checkpoints implements api.Backend.
func (a *Agent) Checkpoints(context.Context) ([]api.Checkpoint, error) {
	list := a.store.Checkpoints()
	out := make([]api.Checkpoint, len(list))
	for i, p := range list {
		out[i] = api.Checkpoint{Index: p.Index, Chain: api.Hash(p.Chain), State: api.Hash(p.State)}
	}
	return out, nil
}
