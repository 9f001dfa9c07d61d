package raftstore

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// lockTimeout is how long Open waits for another process to let go of Dir.
const lockTimeout = time.Second

// disk is everything of this member that outlives the process.
type disk struct {
	journal   *journal
	snapshots snapshots
	committed *commitMark
	closers   []func() error // in the order of closing
}

// snapshots is a snapshot store that can tell its range.
type snapshots interface {
	raft.SnapshotStore
	snapshotRange
}

// openDisk opens Dir, or Memory, and checks what it holds.
func openDisk(cfg Config) (*disk, error) {
	if m := cfg.Memory; m != nil {
		j := &journal{backing: memoryBacking{m.log, m}, file: "memory", snapshots: m.snapshots}
		return &disk{journal: j, snapshots: m.snapshots, committed: m.committed}, nil
	}
	if err := claimDir(cfg.Dir, cfg.ID, cfg.Cluster); err != nil {
		return nil, err
	}
	d := &disk{}
	if err := d.open(cfg); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// open fills d, also when it fails half-way.
func (d *disk) open(cfg Config) error {
	unlock, err := lockFile(filepath.Join(cfg.Dir, lockName))
	if err != nil {
		return err
	}
	defer func() { d.closers = append(d.closers, unlock) }() // the last to go
	path := filepath.Join(cfg.Dir, logName)
	if err := checkBoltFile(path); err != nil {
		return err
	}
	bolt, err := openBolt(path)
	if err != nil {
		return err
	}
	d.closers = append(d.closers, bolt.Close)
	mark, err := openHighWater(filepath.Join(cfg.Dir, highWaterName))
	if err != nil {
		return err
	}
	d.closers = append(d.closers, mark.close)
	if d.committed, err = openCommitMark(filepath.Join(cfg.Dir, commitMarkName), cfg.Logger); err != nil {
		return err
	}
	d.closers = append(d.closers, d.committed.close)
	snaps, err := openSnapshots(filepath.Join(cfg.Dir, snapshotsDir), mark, cfg.Logger)
	if err != nil {
		return err
	}
	snaps.reached = cfg.Reached
	d.snapshots = snaps
	d.journal = &journal{backing: bolt, file: path, mark: mark, snapshots: snaps, reached: cfg.Reached}
	return d.journal.check()
}

// openBolt opens the log file, which was checked.
//
// The free list is not written with each transaction: it is found again at
// open, and a commit is a page or two shorter. It is an array, which gives the
// lowest free page: bbolt's map gives one at random, and most of those may lie
// where the file has no block yet. Fsync stays on.
func openBolt(path string) (store *raftboltdb.BoltStore, err error) {
	err = guard(func() error {
		store, err = raftboltdb.New(raftboltdb.Options{
			Path: path,
			BoltOptions: &bbolt.Options{
				Timeout:        lockTimeout,
				NoFreelistSync: true,
				FreelistType:   bbolt.FreelistArrayType,
			},
		})
		return err
	})
	switch {
	case err == nil:
		return store, nil
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, fmt.Errorf("%w: %s", ErrInUse, path)
	case errors.Is(err, bbolterrors.ErrInvalid), errors.Is(err, bbolterrors.ErrChecksum), errors.Is(err, bbolterrors.ErrVersionMismatch):
		return nil, &DamageError{File: path, Reason: err.Error()}
	}
	return nil, fmt.Errorf("open log: %w", err)
}

// check reads the whole log and compares it with the snapshots and the high
// water mark. What it accepts, raft can start from without a panic.
func (j *journal) check() error {
	first, err := j.FirstIndex()
	if err != nil {
		return &DamageError{File: j.file, Reason: err.Error()}
	}
	last, err := j.LastIndex()
	if err != nil {
		return &DamageError{File: j.file, Reason: err.Error()}
	}
	_, newest := j.snapshots.indexes()
	if newest < last && first > newest+1 {
		return &DamageError{File: j.file, Index: newest + 1, Reason: "entry is missing between the newest whole snapshot and the log"}
	}
	for index := max(first, 1); index <= last; index++ {
		var log raft.Log
		err := j.read(index, &log)
		switch {
		case errors.Is(err, raft.ErrLogNotFound) && index <= newest:
			// A snapshot from the leader was installed beyond the log's end
			// of that time: nothing lies between.
			index = newest
		case err != nil:
			return err
		}
	}
	return j.checkMark(max(last, newest))
}

// checkMark compares what the log knows with what it once knew.
func (j *journal) checkMark(end uint64) error {
	if j.mark == nil {
		return nil
	}
	damage := func(format string, args ...any) error {
		return &DamageError{File: j.file, Reason: fmt.Sprintf(format, args...)}
	}
	if end < j.mark.index {
		return damage("the log ends at entry %d before entry %d, which was stored", end, j.mark.index)
	}
	term, err := j.GetUint64([]byte(keyCurrentTerm))
	if errors.Is(err, ErrDamaged) {
		return err
	}
	if term < j.mark.term {
		return damage("it knows term %d, but term %d was promised", term, j.mark.term)
	}
	voted, err := j.GetUint64([]byte(keyLastVoteTerm))
	if errors.Is(err, ErrDamaged) {
		return err
	}
	candidate, err := j.Get([]byte(keyLastVoteCand))
	if errors.Is(err, ErrDamaged) {
		return err
	}
	if voted < j.mark.voted || voted == j.mark.voted && j.mark.vote != voteSum(candidate) {
		return damage("it does not know the vote given in term %d", j.mark.voted)
	}
	return nil
}

// close closes what was opened.
func (d *disk) close() error {
	if d.journal != nil {
		d.journal.halted.Store(true)
	}
	var err error
	for _, c := range d.closers {
		err = errors.Join(err, c())
	}
	d.closers = nil
	return err
}
