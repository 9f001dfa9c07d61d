package raftstore

import (
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Salvaged is what one directory held.
type Salvaged struct {
	// Index and Term are those of the last entry in its log.
	Index, Term uint64
	// Chain stands for every entry that the Machine was given.
	Chain Hash
	// Members are those that it knew last.
	Members []Member
}

// Salvage gives the Machine everything that a stopped member's directory holds:
// the newest snapshot and every entry after it. Entries that were never
// committed are among them: with the other members lost, nobody can tell, and
// an acknowledged one must not be lost. The directory is left as it is.
func Salvage(dir string, id fleet.AgentID, cluster string, m Machine) (Salvaged, error) {
	cfg := Config{ID: id, Cluster: cluster, Dir: dir, Logger: zerolog.Nop()}
	if len(storeFiles(dir)) == 0 {
		return Salvaged{}, fmt.Errorf("salvage store: %s holds none", dir)
	}
	d, err := openDisk(cfg)
	if err != nil {
		return Salvaged{}, fmt.Errorf("salvage store: %w", err)
	}
	out, err := d.salvage(m)
	if err := errors.Join(err, d.close()); err != nil {
		return Salvaged{}, fmt.Errorf("salvage store: %w", err)
	}
	return out, nil
}

func (d *disk) salvage(m Machine) (Salvaged, error) {
	r := newReplica(m)
	var stopped error
	r.halt = func(err error) { stopped = err }
	defer r.ledger.sums.Wait()
	var out Salvaged
	metas, err := d.snapshots.List()
	if err != nil {
		return out, err
	}
	if len(metas) > 0 {
		if err := d.restoreNewest(r, metas[0], &out); err != nil {
			return out, err
		}
	}
	last, err := d.journal.LastIndex()
	if err != nil {
		return out, err
	}
	for index := out.Index + 1; index <= last; index++ {
		var log raft.Log
		if err := d.journal.read(index, &log); err != nil {
			return out, err
		}
		if log.Type == raft.LogConfiguration {
			out.Members = membersOf(raft.DecodeConfiguration(log.Data))
		}
		if r.Apply(&log); stopped != nil {
			return out, stopped
		}
		out.Index, out.Term = log.Index, log.Term
	}
	term, err := d.journal.GetUint64([]byte(keyCurrentTerm))
	if errors.Is(err, ErrDamaged) {
		return out, err
	}
	out.Term, out.Chain = max(out.Term, term), r.link
	if out.Index == 0 {
		return out, errors.New("it holds no entry and no snapshot")
	}
	return out, nil
}

// restoreNewest gives the replica the snapshot.
func (d *disk) restoreNewest(r *replica, meta *raft.SnapshotMeta, out *Salvaged) error {
	meta, contents, err := d.snapshots.Open(meta.ID)
	if err != nil {
		return err
	}
	if err := errors.Join(r.Restore(io.NopCloser(contents)), contents.Close()); err != nil {
		return err
	}
	out.Index, out.Term, out.Members = meta.Index, meta.Term, membersOf(meta.Configuration)
	return nil
}
