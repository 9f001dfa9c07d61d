package raftstore

import (
	"sync"

	"github.com/hashicorp/raft"
)

// canvass keeps two members that miss the leader at the same moment from splitting
// the vote. Each would grant the other's pre-vote, vote for itself, and wait an
// election time-out for nothing. So of two whose pre-vote requests cross, the one
// whose ID comes later gets a refusal. Pre-votes are no part of Raft's safety, and
// whoever is refused here has just granted a pre-vote to a member that can win.
type canvass struct {
	self raft.ServerID

	mu sync.Mutex
	// guarded by mu: what was asked of whom and is not answered yet
	asked map[raft.ServerID]*raft.RequestPreVoteRequest
}

func newCanvass(self raft.ServerID) *canvass {
	return &canvass{self: self, asked: map[raft.ServerID]*raft.RequestPreVoteRequest{}}
}

// begin notes a question until the returned function is called.
func (c *canvass) begin(peer raft.ServerID, req *raft.RequestPreVoteRequest) (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[peer] = req
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.asked[peer] == req {
			delete(c.asked, peer)
		}
	}
}

// crossed reports whether a request is to be refused: it crosses one of this
// member's to the same peer, which goes before it and can win.
func (c *canvass) crossed(req *raft.RequestPreVoteRequest) bool {
	peer := raft.ServerID(req.ID)
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.asked[peer]
	return own != nil && c.self < peer && own.Term >= req.Term &&
		(own.LastLogTerm > req.LastLogTerm || own.LastLogTerm == req.LastLogTerm && own.LastLogIndex >= req.LastLogIndex)
}
