package raftstore

import (
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// Profile is a set of timings for one kind of network. DESIGN.md derives them.
type Profile struct {
	// Name appears in Status.
	Name string
	// RoundTrip is the longest usual round trip between members that the
	// timings are made for. Above it, elections may happen for no reason.
	RoundTrip time.Duration
	// Heartbeat is how long a follower waits for a sign of the leader before
	// it asks for an election, less than as long again; heartbeats are sent
	// every tenth to fifth of it.
	Heartbeat time.Duration
	// Election is how long a candidate waits before it tries again. At least
	// Heartbeat.
	Election time.Duration
	// Lease is how long a leader that cannot reach a majority goes on before
	// it gives up. At most Heartbeat.
	Lease time.Duration
	// Commit is how often a leader with nothing new to say repeats its commit
	// index to followers. The commit push makes a long value cheap.
	Commit time.Duration
	// IO bounds each exchange with a peer: after it, the connection is given
	// up and made again.
	IO time.Duration
}

// LAN is for members within 10 ms of each other. A leader that vanishes is
// replaced in twice Heartbeat, and one whose host says that its port is
// closed at once. So Heartbeat can be long enough for a machine that is busy.
func LAN() Profile {
	return Profile{
		Name:      "lan",
		RoundTrip: 10 * time.Millisecond,
		Heartbeat: 120 * time.Millisecond,
		Election:  120 * time.Millisecond,
		Lease:     120 * time.Millisecond,
		Commit:    50 * time.Millisecond,
		IO:        time.Second,
	}
}

// WAN is for members up to 100 ms apart, with a lost packet now and then.
func WAN() Profile {
	return Profile{
		Name:      "wan",
		RoundTrip: 100 * time.Millisecond,
		Heartbeat: 500 * time.Millisecond,
		Election:  500 * time.Millisecond,
		Lease:     500 * time.Millisecond,
		Commit:    50 * time.Millisecond,
		IO:        5 * time.Second,
	}
}

// validate refuses timings that raft refuses or that cannot work.
func (p Profile) validate() error {
	switch {
	case p.Heartbeat < 5*time.Millisecond:
		return fmt.Errorf("profile %q: heartbeat %s is below 5ms", p.Name, p.Heartbeat)
	case p.Election < p.Heartbeat:
		return fmt.Errorf("profile %q: election %s is shorter than heartbeat %s", p.Name, p.Election, p.Heartbeat)
	case p.Lease < 5*time.Millisecond || p.Lease > p.Heartbeat:
		return fmt.Errorf("profile %q: lease %s is outside 5ms to heartbeat %s", p.Name, p.Lease, p.Heartbeat)
	case p.Commit < time.Millisecond:
		return fmt.Errorf("profile %q: commit %s is below 1ms", p.Name, p.Commit)
	case p.IO < p.Heartbeat:
		return fmt.Errorf("profile %q: io %s is shorter than heartbeat %s", p.Name, p.IO, p.Heartbeat)
	case 2*p.RoundTrip > p.Heartbeat:
		return fmt.Errorf("profile %q: heartbeat %s is shorter than two round trips of %s", p.Name, p.Heartbeat, p.RoundTrip)
	}
	return nil
}

// into copies the timings into raft's configuration.
func (p Profile) into(c *raft.Config) {
	c.HeartbeatTimeout = p.Heartbeat + notice // see vigil
	c.ElectionTimeout = p.Election + notice
	c.LeaderLeaseTimeout = p.Lease
	c.CommitTimeout = p.Commit
}
