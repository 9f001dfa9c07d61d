package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/sipsteer/sipsteer/pkg/agent"
	"github.com/sipsteer/sipsteer/raftstore"
)

const (
	// stopTime bounds the stop of an agent.
	stopTime = 8 * time.Second
	// mendPause is between two tries to mend the store of an agent that only
	// answers.
	mendPause = 5 * time.Second
)

// keepAgent runs an agent until ctx ends. One whose store was refused answers
// meanwhile, and is started anew when the store can be opened again.
func keepAgent(ctx context.Context, cfg agent.Config) error {
	room := agent.HeapRoom(1)
	defer runtime.KeepAlive(room)
	for {
		ag, err := startAgent(ctx, cfg)
		if err != nil {
			return fmt.Errorf("start agent %s: %w", cfg.Name, err)
		}
		cfg.Logger.Info().Str("version", cfg.Version).Msg("running")
		again := mended(ctx, cfg, ag.Refused())
		if !again {
			<-ctx.Done()
		}
		cfg.Logger.Info().Bool("again", again).Msg("stopping")
		stop, cancel := context.WithTimeout(context.Background(), stopTime)
		err = ag.Stop(stop)
		cancel()
		if !again || err != nil {
			return err
		}
	}
}

// startAgent starts the agent. One that has nothing to answer while its store is
// damaged is repaired first, if the fleet can take it in again.
func startAgent(ctx context.Context, cfg agent.Config) (*agent.Agent, error) {
	start := func() (*agent.Agent, error) {
		ag, err := agent.New(cfg)
		if err != nil {
			return nil, err
		}
		return ag, ag.Start()
	}
	ag, err := start()
	if !errors.Is(err, raftstore.ErrDamaged) {
		return ag, err
	}
	cfg.Logger.Error().Err(err).Msg("this agent's store is damaged and nothing is known to answer; asking the fleet to take it in again")
	if mendErr := agent.Mend(ctx, cfg, err); mendErr != nil {
		return nil, errors.Join(err, mendErr)
	}
	return start()
}

// mended tries until the store can be opened again, which it reports, or ctx
// ends. Nil stands for a store that was not refused.
func mended(ctx context.Context, cfg agent.Config, refused error) bool {
	for said := ""; refused != nil; {
		err := agent.Mend(ctx, cfg, refused)
		if err == nil {
			return true
		}
		if now := err.Error(); now != said && ctx.Err() == nil {
			cfg.Logger.Warn().Err(err).Msg("the store cannot be opened yet; this agent goes on answering")
			said = now
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(mendPause):
		}
	}
	return false
}
