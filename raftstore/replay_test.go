package raftstore

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"github.com/hashicorp/raft"
)

// indexes is a Machine that notes what it is given.
type indexes []uint64

func (m *indexes) Apply(e Entry) any { *m = append(*m, e.Index); return nil }

func (m *indexes) Snapshot() (func(io.Writer) error, error) {
	return func(io.Writer) error { return nil }, nil
}
func (m *indexes) Restore(io.Reader) error   { *m = nil; return nil }
func (m *indexes) Sum() func() (Hash, error) { return func() (Hash, error) { return Hash{}, nil } }

func entriesOf(from, to uint64) (logs []*raft.Log) {
	for i := from; i <= to; i++ {
		logs = append(logs, &raft.Log{Index: i, Term: 1, Type: raft.LogCommand, Data: seal(nil)})
	}
	return logs
}

// Raft hands over what was replayed, too, in its own time. Each entry is applied
// once; and a state ahead of raft is no snapshot, since raft would write an
// earlier index on it, whose followers apply the entries between once more.
func TestReplayedEntriesAreHandedOverAgain(t *testing.T) {
	var m indexes
	r := newReplica(&m)
	restores, _ := r.begun()
	if !r.replay(entriesOf(1, 5), restores) {
		t.Fatal("not replayed")
	}
	r.ApplyBatch(entriesOf(1, 3))
	if _, err := r.Snapshot(); err == nil {
		t.Error("a snapshot at entry 3 with the state of entry 5")
	}
	r.ApplyBatch(entriesOf(4, 7))
	if _, err := r.Snapshot(); err != nil {
		t.Errorf("no snapshot although raft has caught up: %v", err)
	}
	if want := []uint64{1, 2, 3, 4, 5, 6, 7}; !slices.Equal(m, want) || r.index() != 7 {
		t.Errorf("applied %v up to %d, want %v", m, r.index(), want)
	}
}

// A snapshot of the leader that comes in between, even an older one, ends the
// replay: raft goes on from there.
func TestSnapshotEndsReplay(t *testing.T) {
	var m indexes
	r := newReplica(&m)
	restores, _ := r.begun()
	r.replay(entriesOf(1, 5), restores)
	content := contentOf(t, contentPlace{applied: 3, term: 1})
	if err := r.Restore(content); err != nil {
		t.Fatal(err)
	}
	if r.replay(entriesOf(6, 8), restores) {
		t.Error("entry 6 was applied to the state of entry 3")
	}
	r.ApplyBatch(entriesOf(4, 8))
	if want := []uint64{4, 5, 6, 7, 8}; !slices.Equal(m, want) {
		t.Errorf("after the snapshot of entry 3 %v were applied, want %v", m, want)
	}
}

func contentOf(t *testing.T, place contentPlace) io.ReadCloser {
	t.Helper()
	var b bytes.Buffer
	if err := writeContent(&b, place, func(io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return io.NopCloser(&b)
}
