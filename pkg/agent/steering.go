package agent

import (
	"sync/atomic"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// steering remembers which checks steer in a fleet: with every decision, each
// agent's answer about what it serves and the leader's verdicts ask for them,
// and the fleet is the same as before nearly always. The zero value is ready.
type steering struct {
	last atomic.Pointer[steeringChecks]
}

// steeringChecks is never changed.
type steeringChecks struct {
	fleet *fleet.Fleet
	list  []health.Check
	is    map[health.Check]bool
}

// of returns the checks that steer. A Fleet that is part of a State never
// changes: another one has another address.
func (s *steering) of(f *fleet.Fleet) *steeringChecks {
	if last := s.last.Load(); last != nil && last.fleet == f {
		return last
	}
	c := &steeringChecks{fleet: f, list: checksOf(f), is: map[health.Check]bool{}}
	for _, check := range c.list {
		c.is[check] = true
	}
	s.last.Store(c)
	return c
}
