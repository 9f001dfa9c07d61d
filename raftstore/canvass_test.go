package raftstore

import (
	"testing"

	"github.com/hashicorp/raft"
)

// Of two requests for a pre-vote that cross, one is granted, the one that can win.
func TestCrossedPreVotes(t *testing.T) {
	ask := func(id string, term, lastTerm, last uint64) *raft.RequestPreVoteRequest {
		return &raft.RequestPreVoteRequest{RPCHeader: raft.RPCHeader{ID: []byte(id)}, Term: term, LastLogTerm: lastTerm, LastLogIndex: last}
	}
	for _, tc := range []struct {
		name     string
		own      *raft.RequestPreVoteRequest // n2's, of the peer; nil if it has asked nobody
		theirs   *raft.RequestPreVoteRequest
		refusing bool
	}{
		{"nothing asked", nil, ask("n3", 5, 4, 100), false},
		{"n2 goes before n3", ask("n2", 5, 4, 100), ask("n3", 5, 4, 100), true},
		{"n1 goes before n2", ask("n2", 5, 4, 100), ask("n1", 5, 4, 100), false},
		{"the peer has more", ask("n2", 5, 4, 100), ask("n3", 5, 4, 101), false},
		{"the peer's last entry is of a newer term", ask("n2", 5, 3, 100), ask("n3", 5, 4, 90), false},
		{"the peer is a term ahead", ask("n2", 5, 4, 100), ask("n3", 6, 4, 100), false},
		{"the peer has less", ask("n2", 5, 4, 100), ask("n3", 5, 4, 99), true},
	} {
		c := newCanvass("n2")
		end := func() {}
		if tc.own != nil {
			end = c.begin(raft.ServerID(tc.theirs.ID), tc.own)
		}
		if got := c.crossed(tc.theirs); got != tc.refusing {
			t.Errorf("%s: refused %v", tc.name, got)
		}
		if end(); c.crossed(tc.theirs) {
			t.Errorf("%s: refused after the answer", tc.name)
		}
	}
}
