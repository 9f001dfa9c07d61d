package probes

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// Config of a Runner.
type Config struct {
	// Observer is the agent that asks. Agents with different names ask at
	// different moments of the interval. Required.
	Observer fleet.AgentID
	// Interval between two questions of one check while all is well. Long, and
	// a silent softswitch is noticed late; short, and probes are a load.
	Interval time.Duration
	// Timeout after which a question counts as failed. Half of it is the first
	// suspicion. Shorter than the softswitch's slow answers, and it looks dead.
	Timeout time.Duration
	// Burst is the spacing of questions to one check under suspicion, and the
	// least spacing at any time. Fall failures take (Fall-1) × Burst, so a
	// shorter one lets shorter disturbances of the network look like an outage.
	Burst time.Duration
	// Thresholds turn results into an opinion. With Fall 1, one lost packet is
	// an outage.
	Thresholds health.Thresholds
	// Concurrency bounds the questions under way, and so sockets. Further ones
	// wait, those under suspicion before others. Default 512.
	Concurrency int
	// Probers for each kind of check that is asked.
	Probers map[health.Kind]Prober
	// Watchers for each kind of check that is held open. A kind is in one of
	// the two maps.
	Watchers map[health.Kind]Watcher
	// Rand spreads the questions; it is used by one goroutine at a time.
	// Default: seeded by Observer.
	Rand *rand.Rand
	// Logger gets a line for each change of opinion. The zero value is silent.
	Logger zerolog.Logger
	// OnOpinion is told of each change of status, and of the cause while Down.
	// OnObservation is told of each result. Both are called one at a time, in
	// order, by the goroutine that schedules: they must return at once.
	OnOpinion     func(health.Opinion)
	OnObservation func(health.Observation)
	// HasRoute reports whether this machine knows a way to an address. It is
	// asked when a softswitch seems unreachable, to tell its trouble from ours.
	// Default: the routing table.
	HasRoute func(netip.Addr) bool
}

// ErrConfig is returned, wrapped, when a Config or a Spec cannot work.
var ErrConfig = errors.New("probes cannot run")

const defaultConcurrency = 512

func (c Config) validate() (Config, error) {
	switch {
	case c.Observer == "":
		return c, fmt.Errorf("%w: no observer", ErrConfig)
	case c.Interval <= 0 || c.Timeout <= 0 || c.Burst <= 0:
		return c, fmt.Errorf("%w: interval %s, timeout %s and burst %s must be above zero", ErrConfig, c.Interval, c.Timeout, c.Burst)
	case c.Timeout > c.Interval || c.Burst > c.Interval:
		return c, fmt.Errorf("%w: timeout %s and burst %s must not exceed the interval %s", ErrConfig, c.Timeout, c.Burst, c.Interval)
	case c.Thresholds.Fall < 1 || c.Thresholds.Reset < 1 || c.Thresholds.Rise < 1:
		return c, fmt.Errorf("%w: fall %d, reset %d and rise %d must be at least 1", ErrConfig, c.Thresholds.Fall, c.Thresholds.Reset, c.Thresholds.Rise)
	}
	for k := range c.Probers {
		if _, both := c.Watchers[k]; both {
			return c, fmt.Errorf("%w: kind %s has a prober and a watcher", ErrConfig, k)
		}
	}
	if c.Concurrency <= 0 {
		c.Concurrency = defaultConcurrency
	}
	if c.Rand == nil {
		c.Rand = rand.New(rand.NewPCG(hash(string(c.Observer)), 0))
	}
	if c.HasRoute == nil {
		c.HasRoute = wire.HasRoute
	}
	return c, nil
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}
