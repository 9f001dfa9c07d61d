package raftstore

import "github.com/hashicorp/raft"

// SendPush sends a commit push of the test's making, as this member, and
// returns whether the follower took it.
func (s *Store) SendPush(to Member, term, index, entryTerm uint64) (bool, error) {
	head := header(s.transport, raft.ServerID(s.cfg.ID), s.network.advertise)
	req := raft.AppendEntriesRequest{
		RPCHeader: head, Term: term,
		PrevLogEntry: index, PrevLogTerm: entryTerm, LeaderCommitIndex: index,
	}
	var resp raft.AppendEntriesResponse
	err := s.transport.AppendEntries(raft.ServerID(to.ID), raft.ServerAddress(to.Address), &req, &resp)
	return resp.Success, err
}
