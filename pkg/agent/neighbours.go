package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

// neighboursFile keeps who the other agents are outside of the store, so that
// an agent whose store is damaged knows whom to ask.
const neighboursFile = "neighbours.json"

// keepNeighbours writes the file when the agents have changed, until ctx ends.
// It is not for an agent without a store, which knows less than the file.
func (a *Agent) keepNeighbours(ctx context.Context) {
	var kept []Peer
	for ; ctx.Err() == nil; pause(ctx, leaderTick) {
		now := a.peers()
		if slices.Equal(now, kept) {
			continue
		}
		if err := writeNeighbours(a.cfg.Dir, now); err != nil {
			a.log.Warn().Err(err).Msg("cannot keep the list of agents")
			continue
		}
		kept = now
	}
}

func writeNeighbours(dir string, peers []Peer) error {
	text, err := json.Marshal(peers)
	if err != nil {
		return fmt.Errorf("encode agents: %w", err)
	}
	return wholefile.Put(filepath.Join(dir, neighboursFile), text)
}

// neighbours are the peers of the file and those that were kept. A kept list
// that cannot be read is passed over: it only helps.
func neighbours(cfg Config) []Peer {
	out := slices.Clone(cfg.Peers)
	text, err := os.ReadFile(filepath.Join(cfg.Dir, neighboursFile))
	if errors.Is(err, fs.ErrNotExist) {
		return out
	}
	var kept []Peer
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err != nil {
		cfg.Logger.Warn().Err(err).Msg("cannot read the list of agents")
	}
	for _, p := range kept {
		if !slices.ContainsFunc(out, func(o Peer) bool { return o.Name == p.Name }) {
			out = append(out, p)
		}
	}
	return out
}

// repairTime is how long a damaged agent asks to be taken in again.
const repairTime = 30 * time.Second

// Repair takes an agent whose store was refused as damaged back into the fleet
// with an empty one. It asks until somebody leads, or ctx ends.
func Repair(ctx context.Context, cfg Config) (aside string, err error) {
	ctx, cancel := context.WithTimeout(ctx, repairTime)
	defer cancel()
	for {
		if aside, err = RejoinFleet(ctx, cfg); err == nil {
			return aside, nil
		}
		if pause(ctx, leaderTick); ctx.Err() != nil {
			return "", err
		}
	}
}
