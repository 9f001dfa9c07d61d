package raftstore

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/raft"
)

// newJournal returns one in memory with the entries, and what it was halted by.
func newJournal(t *testing.T, indexes ...uint64) (j *journal, m *Memory, halted *error) {
	t.Helper()
	m = NewMemory()
	halted = new(error)
	j = &journal{
		backing: memoryBacking{m.log, m}, file: "memory", snapshots: m.snapshots,
		mayVote: func() bool { return true },
	}
	j.halt = func(err error) { *halted = err; j.halted.Store(true) }
	for _, i := range indexes {
		if err := j.StoreLog(&raft.Log{Index: i, Term: 1, Data: seal(fmt.Append(nil, i))}); err != nil {
			t.Fatal(err)
		}
	}
	return j, m, halted
}

func addSnapshot(t *testing.T, m *Memory, index uint64) {
	t.Helper()
	sink, err := m.snapshots.Create(raft.SnapshotVersionMax, index, 1, raft.Configuration{}, 1, nil)
	if err := errors.Join(err, sink.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestCheckAcceptsTheGapBelowAnInstalledSnapshot(t *testing.T) {
	j, m, _ := newJournal(t, 1, 2, 3, 1_000_000_001, 1_000_000_002)
	addSnapshot(t, m, 1_000_000_000)
	if err := j.check(); err != nil {
		t.Error(err)
	}
}

func TestCheckRefusesAGapAboveTheSnapshot(t *testing.T) {
	j, m, _ := newJournal(t, 1, 2, 3, 7)
	addSnapshot(t, m, 2)
	var damage *DamageError
	if err := j.check(); !errors.As(err, &damage) || damage.Index != 4 {
		t.Errorf("error %v", err)
	}
}

// Raft would panic on an error here, and would send on what it is given.
func TestDamagedRecordHaltsAndReadsAsNothing(t *testing.T) {
	j, m, halted := newJournal(t, 1, 2)
	if err := m.log.StoreLog(&raft.Log{Index: 2, Term: 1, Data: []byte("never stored by us"), Extensions: make([]byte, 4)}); err != nil {
		t.Fatal(err)
	}
	for _, index := range []uint64{2, 1} { // once halted, no entry is given out
		var log raft.Log
		if err := j.GetLog(index, &log); err != nil || log.Type != raft.LogNoop || log.Data != nil {
			t.Errorf("entry %d: %+v, %v", index, log, err)
		}
	}
	if !errors.Is(*halted, ErrDamaged) {
		t.Errorf("halted by %v", *halted)
	}
	if err := j.StoreLog(&raft.Log{Index: 3}); err == nil {
		t.Error("stored an entry after the halt")
	}
}

// After a term that was not saved, no vote and no entry may be saved before it.
func TestUnsavedTermIsSavedBeforeAnythingElse(t *testing.T) {
	j, m, _ := newJournal(t)
	full := errors.New("full")
	m.Fail(full)
	if err := j.SetUint64([]byte(keyCurrentTerm), 7); err != nil {
		t.Fatalf("raft would panic: %v", err)
	}
	if err := j.SetUint64([]byte(keyLastVoteTerm), 7); !errors.Is(err, ErrDisk) || !errors.Is(err, full) {
		t.Errorf("vote on a full disk: %v", err)
	}
	m.Fail(nil)
	if err := j.StoreLog(&raft.Log{Index: 1, Term: 7}); err != nil {
		t.Fatal(err)
	}
	if term, err := j.GetUint64([]byte(keyCurrentTerm)); err != nil || term != 7 {
		t.Errorf("an entry of term 7 was stored while the disk knows term %d, %v", term, err)
	}
}

// The keys are raft's; a release that renames them must not go unseen.
func TestRaftUsesTheKeysThatWeKnow(t *testing.T) {
	j, m, _ := newJournal(t)
	conf := raft.DefaultConfig()
	conf.LocalID = "a"
	_, transport := raft.NewInmemTransport("a")
	err := raft.BootstrapCluster(conf, j, j, m.snapshots, transport, serverConfiguration([]Member{{ID: "a", Address: "a", Voter: true}}))
	if err != nil {
		t.Fatal(err)
	}
	if term, err := j.GetUint64([]byte(keyCurrentTerm)); err != nil || term != 1 {
		t.Errorf("raft keeps its term under another key than %q: %d, %v", keyCurrentTerm, term, err)
	}
}
