package raftstore

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/raft"
)

// Memory stands in for the directory in tests and simulations. It outlives the
// Store, so that a restart can be played.
type Memory struct {
	log       *raft.InmemStore
	snapshots *memorySnapshots
	committed *commitMark

	mu sync.Mutex
	// guarded by mu:
	fault error
}

// NewMemory returns an empty one.
func NewMemory() *Memory {
	return &Memory{log: raft.NewInmemStore(), snapshots: &memorySnapshots{}, committed: &commitMark{}}
}

// Fail makes every write fail with err, as a full or read-only disk does, until
// it is called with nil.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = err
}

func (m *Memory) failure() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fault
}

// memoryBacking is the log and the promises of a Memory.
type memoryBacking struct {
	*raft.InmemStore
	memory *Memory
}

// StoreLogs implements raft.LogStore.
func (b memoryBacking) StoreLogs(logs []*raft.Log) error {
	if err := b.memory.failure(); err != nil {
		return err
	}
	return b.InmemStore.StoreLogs(logs)
}

// DeleteRange implements raft.LogStore.
func (b memoryBacking) DeleteRange(min, max uint64) error {
	if err := b.memory.failure(); err != nil {
		return err
	}
	return b.InmemStore.DeleteRange(min, max)
}

// Set implements raft.StableStore.
func (b memoryBacking) Set(key, value []byte) error {
	if err := b.memory.failure(); err != nil {
		return err
	}
	return b.InmemStore.Set(key, value)
}

// memorySnapshots keeps the newest snapshot. The library's own makes one
// visible before it is complete.
type memorySnapshots struct {
	mu sync.Mutex
	// guarded by mu:
	newest *memorySnapshot
}

// memorySnapshot is a snapshot, and the sink that writes it.
type memorySnapshot struct {
	store    *memorySnapshots
	meta     raft.SnapshotMeta
	contents bytes.Buffer
}

// Create implements raft.SnapshotStore.
func (s *memorySnapshots) Create(_ raft.SnapshotVersion, index, term uint64, conf raft.Configuration, confIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	d := description{Index: index, Term: term, Members: membersOf(conf), ConfigurationIndex: confIndex}
	return &memorySnapshot{store: s, meta: *d.meta(0)}, nil
}

// List implements raft.SnapshotStore.
func (s *memorySnapshots) List() ([]*raft.SnapshotMeta, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest == nil {
		return nil, nil
	}
	meta := s.newest.meta
	return []*raft.SnapshotMeta{&meta}, nil
}

// Open implements raft.SnapshotStore.
func (s *memorySnapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest == nil || s.newest.meta.ID != id {
		return nil, nil, fmt.Errorf("no snapshot %s", id)
	}
	meta := s.newest.meta
	return &meta, io.NopCloser(bytes.NewReader(s.newest.contents.Bytes())), nil
}

// indexes implements snapshotRange.
func (s *memorySnapshots) indexes() (oldest, newest uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest == nil {
		return 0, 0
	}
	return s.newest.meta.Index, s.newest.meta.Index
}

// ID implements raft.SnapshotSink.
func (m *memorySnapshot) ID() string { return m.meta.ID }

// Write implements raft.SnapshotSink.
func (m *memorySnapshot) Write(p []byte) (int, error) {
	m.meta.Size += int64(len(p))
	return m.contents.Write(p)
}

// Close implements raft.SnapshotSink.
func (m *memorySnapshot) Close() error {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	m.store.newest = m
	return nil
}

// Cancel implements raft.SnapshotSink.
func (m *memorySnapshot) Cancel() error { return nil }
