package raftstore_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

// A disk that refuses and a log that is damaged are told apart, and neither
// from another agent's directory.
func TestRefusalNamesItsKind(t *testing.T) {
	for name, tc := range map[string]struct {
		harm         func(t *testing.T, dir string)
		disk, damage bool
	}{
		"lock cannot be opened": {func(t *testing.T, dir string) {
			lock := filepath.Join(dir, "LOCK")
			if err := errors.Join(os.Remove(lock), os.Mkdir(lock, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, true, false},
		"log is damaged": {func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "log.db"), []byte("an entry")) }, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := one(t, nil, "an entry")
			c.Stop()
			n := c.Nodes[0]
			tc.harm(t, n.Dir)
			cfg := raftstore.Config{ID: n.ID, Dir: n.Dir}
			for what, err := range map[string]error{"Open": c.Open(n), "Check": raftstore.Check(cfg)} {
				if !errors.Is(err, raftstore.ErrRefused) || errors.Is(err, raftstore.ErrDisk) != tc.disk || errors.Is(err, raftstore.ErrDamaged) != tc.damage {
					t.Errorf("%s: %v", what, err)
				}
			}
			cfg.ID = "other"
			if err := raftstore.Check(cfg); errors.Is(err, raftstore.ErrRefused) {
				t.Errorf("another agent's directory counts as refused: %v", err)
			}
		})
	}
}

// In place of a refused store stands one that has stopped.
func TestRefusedStoreSaysWhy(t *testing.T) {
	m := &raftstoretest.Machine{}
	dir := filepath.Join(t.TempDir(), "never")
	cause := &raftstore.DamageError{File: "log.db", Reason: "torn"}
	s, err := raftstore.Refused(raftstore.Config{ID: "n1", Dir: dir, Listen: "127.0.0.1:0", Machine: m, Members: []raftstore.Member{{ID: "n1", Address: "n1:1", Voter: true}}}, cause)
	if err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	leader, _ := s.Leader()
	st := s.Status()
	if !errors.Is(s.Err(), raftstore.ErrDamaged) || st.Halted == "" || st.Role != raftstore.RoleStopped || s.HasQuorum() || leader != "" || len(s.Members()) != 0 {
		t.Errorf("err %v, status %+v", s.Err(), st)
	}
	if _, err := s.Propose(t.Context(), []byte("x")); !errors.Is(err, raftstore.ErrStopped) {
		t.Errorf("propose: %v", err)
	}
	if err := s.Wait(t.Context(), 1); !errors.Is(err, raftstore.ErrStopped) {
		t.Errorf("wait: %v", err)
	}
	if _, err := s.Backup(&bytes.Buffer{}); !errors.Is(err, raftstore.ErrDamaged) {
		t.Errorf("backup of nothing: %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory was touched: %v", err)
	}
}
