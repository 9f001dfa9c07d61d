package agent

import (
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// clockTolerance is how far this machine's clock may be from the others' before
// it is not used.
const clockTolerance = 5 * time.Second

// clock is the time that a leader stamps its commands with. One machine whose
// clock is wrong must not end a drain hours early, nor stop the fleet's time: so
// it is the middle of the agents' clocks, and it goes on from the State's time
// if that is ahead.
type clock struct {
	log zerolog.Logger
	// wall and elapsed are time.Now and time.Since; tests have their own. elapsed
	// must not see steps of the wall clock.
	wall    func() time.Time
	elapsed func(since time.Time) time.Duration

	mu     sync.Mutex // held for the fields below
	others map[fleet.AgentID]stamp
	floor  stamp // fleet time never falls behind it
	wrong  bool  // this machine's clock is not used now
}

// stamp is a reading of another clock, and when it was taken by this one.
type stamp struct{ read, at time.Time }

// clockFresh is how long a reading of another agent's clock counts.
const clockFresh = time.Minute

func newClock(log zerolog.Logger) *clock {
	return &clock{log: log, wall: time.Now, elapsed: time.Since, others: map[fleet.AgentID]stamp{}}
}

// heard notes what another agent's clock said just now.
func (c *clock) heard(id fleet.AgentID, read time.Time) {
	if read.IsZero() {
		return // an agent of an older version
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.others[id] = stamp{read, c.wall()}
}

// now returns the fleet's time, given the State's.
func (c *clock) now(state time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.wall()
	var others []time.Time
	for _, s := range c.others {
		if age := c.elapsed(s.at); age < clockFresh {
			others = append(others, s.read.Add(age))
		}
	}
	out := middle(own.Round(0), others)
	if wrong := out.Sub(own.Round(0)).Abs() > clockTolerance; wrong != c.wrong {
		c.wrong = wrong
		c.log.Warn().Bool("used", !wrong).Time("own", own).Time("fleet", out).Msg("this machine's clock differs from the other agents'")
	}
	floor := c.floor.read
	if !floor.IsZero() {
		floor = floor.Add(c.elapsed(c.floor.at))
	}
	if state.After(floor) {
		floor = state
	}
	c.floor = stamp{floor, own}
	if floor.After(out) {
		return floor
	}
	return out
}

// middle returns the median of the clocks if the own one is off it by more than
// the tolerance, else the own one. Of two that differ the earlier counts: an end
// that comes late harms less than one that comes early.
func middle(own time.Time, others []time.Time) time.Time {
	m := median(append([]time.Time{own}, others...))
	if m.Sub(own).Abs() <= clockTolerance {
		return own
	}
	return m
}

// median sorts the clocks, of which there is at least one. Of two it is the
// earlier.
func median(clocks []time.Time) time.Time {
	slices.SortFunc(clocks, time.Time.Compare)
	return clocks[(len(clocks)-1)/2]
}
