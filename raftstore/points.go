package raftstore

// points tells a test how far a write has come: it is Config.Reached.
type points func(point string)

// at is called where a death of the process is most awkward.
func (p points) at(point string) {
	if p != nil {
		p(point)
	}
}

// The points. Each lies between two steps that the disk sees one after the other.
const (
	pointTermSaved      = "term saved, mark not"
	pointVoteHalf       = "term of a vote saved, candidate not"
	pointLogStored      = "entries stored, mark not"
	pointLogMarked      = "entries stored and marked, not answered"
	pointLogCompacting  = "before old entries are removed"
	pointLogCompacted   = "old entries removed"
	pointSnapshotBegun  = "snapshot begun"
	pointSnapshotHalf   = "snapshot half written"
	pointSnapshotSynced = "snapshot synced, not named"
	pointSnapshotNamed  = "snapshot named, directory not synced"
	pointSnapshotAdded  = "snapshot there, oldest not removed"
	pointSeedTerm       = "planted store has its term, no snapshot"
)
