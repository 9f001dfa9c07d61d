package raftstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// Keys under which raft keeps its promises. A test holds them to the library's.
const (
	keyCurrentTerm  = "CurrentTerm"
	keyLastVoteTerm = "LastVoteTerm"
	keyLastVoteCand = "LastVoteCand"
)

// backing is what stores octets: raft-boltdb, or memory in tests.
type backing interface {
	raft.LogStore
	raft.StableStore
}

// journal is the log and the promises (term, vote) of this member. It puts a
// checksum round every record, so that damage is named and not used, and it
// keeps raft from panicking when the disk fails.
type journal struct {
	backing backing
	// file names the backing in errors.
	file string
	// mark remembers outside of file how far it reached; nil in memory.
	mark *highWater
	// snapshots says which entries snapshots stand for.
	snapshots snapshotRange
	// halt is told about damage found while running. From then on nothing
	// leaves this member.
	halt func(error)
	// reached tells tests how far a write has come.
	reached points
	// mayVote says whether this member may give its vote yet.
	mayVote func() bool

	halted atomic.Bool
	writes histogram
	voting uint64 // term of the vote being stored; raft's main goroutine alone

	mu sync.Mutex
	// guarded by mu:
	// unsaved is a term that the disk refused, or 0. Nothing else is written
	// before it: see SetUint64.
	unsaved uint64
	fault   error // last refusal of the disk, nil after a write went well
}

// snapshotRange is the part of a snapshot store that compaction needs.
type snapshotRange interface {
	// indexes returns those of the oldest and the newest snapshot, or zeros.
	indexes() (oldest, newest uint64)
}

var errHalted = errors.New("store is halted")

// FirstIndex implements raft.LogStore.
func (j *journal) FirstIndex() (index uint64, err error) {
	err = guard(func() error { index, err = j.backing.FirstIndex(); return err })
	return index, err
}

// LastIndex implements raft.LogStore.
func (j *journal) LastIndex() (index uint64, err error) {
	err = guard(func() error { index, err = j.backing.LastIndex(); return err })
	return index, err
}

// GetLog implements raft.LogStore.
//
// Raft panics when it cannot read an entry that it knows to be there. So a
// damaged one halts the store, and raft gets an empty entry: it is applied
// nowhere, and it cannot leave, because halting shuts the network first.
func (j *journal) GetLog(index uint64, log *raft.Log) error {
	if !j.halted.Load() {
		err := j.read(index, log)
		if err == nil || errors.Is(err, raft.ErrLogNotFound) {
			return err
		}
		j.halt(err)
	}
	*log = raft.Log{Index: index, Type: raft.LogNoop}
	return nil
}

// read returns the entry, raft.ErrLogNotFound if it is outside of the log, or a
// *DamageError.
func (j *journal) read(index uint64, log *raft.Log) error {
	err := guard(func() error { return j.backing.GetLog(index, log) })
	switch {
	case err == nil:
		return j.verify(index, log)
	case !errors.Is(err, raft.ErrLogNotFound):
		return &DamageError{File: j.file, Index: index, Reason: err.Error()}
	}
	first, ferr := j.FirstIndex()
	last, lerr := j.LastIndex()
	_, newest := j.snapshots.indexes()
	if ferr == nil && lerr == nil && first <= index && index <= last && index > newest {
		return &DamageError{File: j.file, Index: index, Reason: "entry is missing"}
	}
	return raft.ErrLogNotFound
}

// verify checks and removes the record's checksum.
func (j *journal) verify(index uint64, log *raft.Log) error {
	n := len(log.Extensions) - crc32.Size
	if log.Index != index || n < 0 {
		return &DamageError{File: j.file, Index: index, Reason: "record is not the one that was written"}
	}
	got := binary.BigEndian.Uint32(log.Extensions[n:])
	log.Extensions = log.Extensions[:n:n]
	if want := recordSum(log); got != want {
		return &DamageError{File: j.file, Index: index, Reason: fmt.Sprintf("checksum is %08x, contents have %08x", got, want)}
	}
	if n == 0 {
		log.Extensions = nil
	}
	return nil
}

// recordSum covers everything that raft keeps of an entry.
func recordSum(log *raft.Log) uint32 {
	var head [8 + 8 + 1 + 8 + 8]byte
	binary.BigEndian.PutUint64(head[0:], log.Index)
	binary.BigEndian.PutUint64(head[8:], log.Term)
	head[16] = byte(log.Type)
	if !log.AppendedAt.IsZero() {
		binary.BigEndian.PutUint64(head[17:], uint64(log.AppendedAt.UnixNano()))
	}
	binary.BigEndian.PutUint64(head[25:], uint64(len(log.Data)))
	sum := crc32.Update(0, castagnoli(), head[:])
	sum = crc32.Update(sum, castagnoli(), log.Data)
	return crc32.Update(sum, castagnoli(), log.Extensions)
}

// StoreLog implements raft.LogStore.
func (j *journal) StoreLog(log *raft.Log) error { return j.StoreLogs([]*raft.Log{log}) }

// StoreLogs implements raft.LogStore. It returns when the entries are on disk.
func (j *journal) StoreLogs(logs []*raft.Log) error {
	records := make([]*raft.Log, len(logs))
	for i, log := range logs {
		r := *log // the original stays in raft's cache, without checksum
		r.Extensions = binary.BigEndian.AppendUint32(append([]byte(nil), log.Extensions...), recordSum(log))
		records[i] = &r
	}
	start := time.Now()
	if err := j.write(func() error { return j.backing.StoreLogs(records) }); err != nil {
		return err
	}
	j.writes.observe(time.Since(start))
	j.reached.at(pointLogStored)
	if err := j.mark.reached(logs[len(logs)-1].Index); err != nil {
		return err
	}
	j.reached.at(pointLogMarked)
	return nil
}

// DeleteRange implements raft.LogStore. Raft calls it for two reasons: entries
// that a snapshot stands for, and a tail that another leader has overruled.
func (j *journal) DeleteRange(min, max uint64) error {
	oldest, newest := j.snapshots.indexes()
	if max > newest {
		// The tail goes, rightly: lower the mark first, or a power cut in
		// between would look like a loss.
		if err := j.mark.lower(min - 1); err != nil {
			return err
		}
	} else if max > oldest {
		// Keep what the older snapshot needs to be of use, should the newest
		// be found damaged.
		max = oldest
	}
	if min > max {
		return nil
	}
	j.reached.at(pointLogCompacting)
	if err := j.write(func() error { return j.backing.DeleteRange(min, max) }); err != nil {
		return err
	}
	j.reached.at(pointLogCompacted)
	return nil
}

// write runs one change of the backing and remembers how it went.
func (j *journal) write(change func() error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.halted.Load() {
		return errHalted
	}
	if j.unsaved != 0 {
		if j.fault = j.put(keyCurrentTerm, j.unsaved); j.fault != nil {
			return fmt.Errorf("%w: %w", ErrDisk, j.fault)
		}
		j.unsaved = 0
	}
	if j.fault = guard(change); j.fault != nil {
		return fmt.Errorf("%w: %w", ErrDisk, j.fault)
	}
	return nil
}

// between runs f while nothing is being written.
func (j *journal) between(f func() error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.halted.Load() {
		return errHalted
	}
	return f()
}

// faulty returns the last refusal of the disk, or nil.
func (j *journal) faulty() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.fault
}

// guard runs f and turns a panic, or a fault of mapped memory behind a bad
// disk, into an error.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("storage panicked: %v", p)
		}
	}()
	return f()
}
