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

// CrashPoint is a place in the middle of a write.
type CrashPoint struct {
	Name string
	Once bool // comes only once in a life
}

// CrashPoints are those that a store of one member passes.
var CrashPoints = []CrashPoint{
	{pointTermSaved, true},
	{pointVoteHalf, true},
	{pointLogStored, false},
	{pointLogMarked, false},
	{pointLogCompacting, false},
	{pointLogCompacted, false},
	{pointSnapshotBegun, false},
	{pointSnapshotHalf, false},
	{pointSnapshotSynced, false},
	{pointSnapshotNamed, false},
	{pointSnapshotAdded, false},
}

// PlantPoints are those that Plant passes.
var PlantPoints = []string{pointSeedTerm, pointSnapshotBegun, pointSnapshotHalf, pointSnapshotSynced, pointSnapshotNamed, pointSnapshotAdded}

// EncodeCommitMark is what the file of a commit mark holds.
func EncodeCommitMark(index, term uint64) []byte { return encodeCommitMark(position{index, term}) }
