package raftstore

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"time"

	"github.com/hashicorp/raft"
)

// succession brings an election forward when the leader is certainly gone.
//
// A leader that vanishes is missed after Heartbeat at the earliest. But when
// only its process dies, its host says so: it ends the connections, and refuses
// new ones. A follower that sees both need not wait. It sends itself the message
// that a leader sends to its chosen successor (TimeoutNow), which is an election
// like any other, except that voters need not have missed the leader themselves.
//
// At worst a living leader is deposed whose port refused us; that costs one
// election and never safety.
type succession struct {
	raft      *raft.Raft
	transport raft.Transport
	network   *network
	self      raft.ServerID
	profile   Profile
	wake      chan struct{} // capacity 1: some peer hung up
}

// run waits for peers that hang up until ctx ends.
func (s *succession) run(ctx context.Context) {
	for {
		select {
		case <-s.wake:
			s.consider(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// consider looks whether it was the leader, and whether it is gone.
func (s *succession) consider(ctx context.Context) {
	address, leader := s.raft.LeaderWithID()
	rank := s.rank(leader)
	if rank < 0 {
		return
	}
	since, refused := s.refused(ctx, address)
	if !refused {
		return
	}
	// One candidate at a time, or votes are split: each voter waits for those
	// before it, long enough for them to win.
	if !sleep(ctx, time.Duration(rank)*2*s.profile.RoundTrip) {
		return
	}
	if _, now := s.raft.LeaderWithID(); now != leader || s.heard(since) {
		return
	}
	var resp raft.TimeoutNowResponse
	req := raft.TimeoutNowRequest{RPCHeader: header(s.transport, s.self, s.network.advertise)}
	// An error leaves things to the timeout.
	_ = s.transport.TimeoutNow(s.self, s.network.advertise, &req, &resp)
}

// rank returns how many voters come before this one as the leader's successor,
// or -1 when it is no candidate.
func (s *succession) rank(leader raft.ServerID) int {
	if leader == "" || leader == s.self || s.raft.State() != raft.Follower {
		return -1
	}
	var voters []raft.ServerID
	for _, server := range s.raft.GetConfiguration().Configuration().Servers {
		if server.Suffrage == raft.Voter && server.ID != leader {
			voters = append(voters, server.ID)
		}
	}
	slices.Sort(voters)
	return slices.Index(voters, s.self)
}

// refused reports whether the leader's host refuses connections while the
// leader is silent, and since when it is. A dying process may close its
// connections before its port, and what it last sent may be on its way through
// raft yet, so this asks again until the ordinary timeout would take over.
func (s *succession) refused(ctx context.Context, address raft.ServerAddress) (since time.Time, refused bool) {
	since = time.Now()
	end := since.Add(s.profile.Heartbeat)
	for wait := time.Millisecond; time.Now().Before(end); wait *= 2 {
		conn, err := s.network.Dial(address, s.profile.Heartbeat)
		if err == nil {
			err = conn.Close()
		}
		switch {
		case s.heard(since):
			since = time.Now()
		case errors.Is(err, syscall.ECONNREFUSED):
			return since, true
		}
		if !sleep(ctx, wait) {
			return since, false
		}
	}
	return since, false
}

// heard reports whether the leader was heard since then.
func (s *succession) heard(since time.Time) bool { return s.raft.LastContact().After(since) }
