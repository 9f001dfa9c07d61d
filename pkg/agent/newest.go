package agent

import (
	"context"
	"time"

	"github.com/sipsteer/sipsteer/pkg/steer"
)

// versionsEvery is how often a leader asks the voters that may not know the newest
// commands yet.
const versionsEvery = 10 * time.Second

// leadVersions keeps what the leader knows of the voters' versions up to date, so
// that a decision does not wait for an agent that may be dead.
func (a *Agent) leadVersions(ctx context.Context) {
	for ctx.Err() == nil {
		for _, m := range a.store.Members() {
			if m.Voter && m.ID != a.cfg.Name {
				a.versionOf(ctx, m.ID, steer.CommandVersion)
			}
		}
		pause(ctx, versionsEvery)
	}
}

// newest is the newest version of commands that every voter is known to apply.
func (a *Agent) newest() int {
	least := steer.CommandVersion
	a.versions.mu.Lock()
	defer a.versions.mu.Unlock()
	for _, m := range a.store.Members() {
		if m.Voter && m.ID != a.cfg.Name {
			least = min(least, max(1, a.versions.known[m.ID]))
		}
	}
	return least
}
