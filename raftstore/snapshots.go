package raftstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"
)

// retainSnapshots is how many are kept: the newest, and one to fall back on.
const retainSnapshots = 2

// snapshotStore keeps snapshots as files. A damaged one is set aside under
// another name, logged, and never served.
type snapshotStore struct {
	dir    string
	mark   *highWater
	logger zerolog.Logger
	// reached tells tests how far a write has come.
	reached points

	mu sync.Mutex
	// guarded by mu:
	good    []*raft.SnapshotMeta // newest first
	taken   time.Time            // of the newest
	damaged []string             // files set aside since the store was opened
}

// openSnapshots reads and checks every file in dir.
func openSnapshots(dir string, mark *highWater, logger zerolog.Logger) (*snapshotStore, error) {
	s := &snapshotStore{dir: dir, mark: mark, logger: logger}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	slices.Reverse(files)
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		switch filepath.Ext(f.Name()) {
		case ".tmp": // a crash came between
			if err := os.Remove(path); err != nil {
				return nil, fmt.Errorf("remove unfinished snapshot: %w", err)
			}
		case snapshotSuffix:
			meta, contents, err := openSnapshotFile(path)
			if errors.Is(err, ErrDamaged) {
				s.setAside(path, err)
				continue
			}
			if err != nil {
				return nil, err
			}
			if err := contents.Close(); err != nil {
				return nil, fmt.Errorf("close snapshot: %w", err)
			}
			if info, err := f.Info(); err == nil && len(s.good) == 0 {
				s.taken = info.ModTime()
			}
			s.good = append(s.good, meta)
		}
	}
	return s, nil
}

func (s *snapshotStore) path(id string) string { return filepath.Join(s.dir, id+snapshotSuffix) }

// setAside must be called with mu held, or before anyone else knows s.
func (s *snapshotStore) setAside(path string, cause error) {
	s.damaged = append(s.damaged, path)
	err := os.Rename(path, path+damagedSuffix)
	s.logger.Error().Err(errors.Join(cause, err)).Str("file", path+damagedSuffix).Msg("damaged snapshot set aside")
	id := strings.TrimSuffix(filepath.Base(path), snapshotSuffix)
	s.good = slices.DeleteFunc(s.good, func(m *raft.SnapshotMeta) bool { return m.ID == id })
}

// Create implements raft.SnapshotStore.
func (s *snapshotStore) Create(_ raft.SnapshotVersion, index, term uint64, conf raft.Configuration, confIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	d := description{Version: snapshotVersion, Index: index, Term: term, Members: membersOf(conf), ConfigurationIndex: confIndex}
	head, err := d.encode()
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(s.dir, "*.tmp")
	if err != nil {
		return nil, fmt.Errorf("create snapshot: %w", err)
	}
	sink := &snapshotSink{store: s, meta: d.meta(0), file: f}
	sink.startCheck()
	if _, err := f.Write(head); err != nil {
		return nil, errors.Join(fmt.Errorf("write snapshot: %w", err), sink.Cancel())
	}
	s.reached.at(pointSnapshotBegun)
	return sink, nil
}

// added takes a finished snapshot in and removes the oldest.
func (s *snapshotStore) added(meta *raft.SnapshotMeta) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.good = slices.DeleteFunc(s.good, func(m *raft.SnapshotMeta) bool { return m.ID == meta.ID })
	s.good = append(s.good, meta)
	slices.SortFunc(s.good, func(a, b *raft.SnapshotMeta) int { return strings.Compare(b.ID, a.ID) })
	s.taken = time.Now()
	for len(s.good) > retainSnapshots {
		last := s.good[len(s.good)-1]
		s.good = s.good[:len(s.good)-1]
		if err := os.Remove(s.path(last.ID)); err != nil {
			s.logger.Warn().Err(err).Msg("old snapshot not removed")
		}
	}
	return s.mark.reached(meta.Index)
}

// List implements raft.SnapshotStore.
func (s *snapshotStore) List() ([]*raft.SnapshotMeta, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*raft.SnapshotMeta, len(s.good))
	for i, m := range s.good {
		c := *m
		list[i] = &c
	}
	return list, nil
}

// Open implements raft.SnapshotStore. It checks the whole file before it lets
// anyone read it.
func (s *snapshotStore) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	meta, contents, err := openSnapshotFile(s.path(id))
	if errors.Is(err, ErrDamaged) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.setAside(s.path(id), err)
	}
	return meta, contents, err
}

// indexes implements snapshotRange.
func (s *snapshotStore) indexes() (oldest, newest uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.good); n > 0 {
		return s.good[n-1].Index, s.good[0].Index
	}
	return 0, 0
}

// report returns when the newest snapshot was written, and what was set aside.
func (s *snapshotStore) report() (taken time.Time, damaged []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken, slices.Clone(s.damaged)
}
