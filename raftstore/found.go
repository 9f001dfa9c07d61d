package raftstore

import (
	"github.com/hashicorp/raft"
)

// found writes the first configuration of a new cluster, unless there is one or
// this member waits to be added: term 1, and in it one entry. The library's
// BootstrapCluster does the same, but refuses to go on where a process was killed
// between the two, which would then wait for members for ever.
func (d *disk) found(known bool, members []Member) error {
	if len(members) == 0 {
		return nil
	}
	if known {
		begun, err := d.onlyBegun()
		if err != nil || !begun {
			return err
		}
	}
	if err := d.journal.SetUint64([]byte(keyCurrentTerm), 1); err != nil {
		return err
	}
	return d.journal.StoreLog(&raft.Log{
		Index: 1, Term: 1, Type: raft.LogConfiguration,
		Data: raft.EncodeConfiguration(serverConfiguration(members)),
	})
}

// onlyBegun reports whether all that is known is term 1: no entry, no snapshot.
// No vote can have been given in it, since raft has not run yet.
func (d *disk) onlyBegun() (bool, error) {
	last, err := d.journal.LastIndex()
	if _, newest := d.snapshots.indexes(); err != nil || last > 0 || newest > 0 {
		return false, err
	}
	term, err := d.journal.GetUint64([]byte(keyCurrentTerm))
	if err != nil {
		return false, err
	}
	return term == 1, nil
}
