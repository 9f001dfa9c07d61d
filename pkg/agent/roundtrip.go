package agent

import (
	"fmt"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/raftstore"
)

// tripSamples is how many exchanges with an agent count. The shortest of them is
// taken for the round trip: everything that makes one longer is not the line's.
const tripSamples = 8

// trips remembers how long exchanges with the other agents took.
type trips struct {
	mu sync.Mutex
	// guarded by mu:
	took map[fleet.AgentID][]time.Duration
}

// note takes one exchange in, and forgets the oldest.
func (t *trips) note(id fleet.AgentID, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.took == nil {
		t.took = map[fleet.AgentID][]time.Duration{}
	}
	all := append(t.took[id], took)
	t.took[id] = all[max(0, len(all)-tripSamples):]
}

// longest returns the voter that is farthest away, among those of whom enough is
// known; "" if there is none.
func (t *trips) longest(members []raftstore.Member) (to fleet.AgentID, trip time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range members {
		all := t.took[m.ID]
		if !m.Voter || len(all) < tripSamples {
			continue
		}
		shortest := all[0]
		for _, d := range all[1:] {
			shortest = min(shortest, d)
		}
		if shortest > trip {
			to, trip = m.ID, shortest
		}
	}
	return to, trip
}

// tripFinding compares the measured round trip with what the timings of Raft are
// made for. Twice as long is where elections for no reason begin; much shorter
// only means that a lost leader is missed later than it could be.
func tripFinding(s api.StoreStatus, add func(urgency, next, format string, args ...any)) {
	trip := time.Duration(s.RoundTrip * float64(time.Second)).Round(100 * time.Microsecond)
	switch made := profileNamed(s.Profile).RoundTrip; {
	case s.RoundTripTo == "" || made == 0:
	case s.Profile == raftstore.LAN().Name && trip > 2*made:
		add(urgentSoon, "set raft: {profile: wan} in the file of every agent, and restart them one after the other",
			"the round trip to %s is %s, and profile lan is made for %s: elections may happen for no reason", s.RoundTripTo, trip, made)
	case trip > 2*made:
		add(urgentSoon, fmt.Sprintf("sipsteer agent demote %s: it goes on answering, and votes no more", s.RoundTripTo),
			"the round trip to %s is %s, and profile %s is made for %s: elections may happen for no reason", s.RoundTripTo, trip, s.Profile, made)
	}
}

// profileNamed returns the timings with that name, or none.
func profileNamed(name string) raftstore.Profile {
	for _, p := range []raftstore.Profile{raftstore.LAN(), raftstore.WAN()} {
		if p.Name == name {
			return p
		}
	}
	return raftstore.Profile{}
}
