package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore"
)

// harmDirectories are ways in which a store is refused, and what an operator
// has to read then.
var harmDirectories = map[string]struct {
	harm func(dir string) error
	says string
}{
	"damaged log":  {func(dir string) error { return os.WriteFile(filepath.Join(dir, "log.db"), []byte("torn"), 0o600) }, "agent rejoin --config FILE"},
	"disk refuses": {func(dir string) error { return replaceByDir(filepath.Join(dir, "LOCK")) }, "make room on the disk of data_dir"},
	"history not written": {func(dir string) error {
		return errors.Join(os.RemoveAll(filepath.Join(dir, "history")), os.WriteFile(filepath.Join(dir, "history"), nil, 0o600))
	}, "restart the agent"},
}

func replaceByDir(path string) error {
	return errors.Join(os.RemoveAll(path), os.Mkdir(path, 0o700))
}

// TestRefusedStoreStillAnswers starts an agent whose store is refused: it
// answers what was decided last, says so, and changes nothing.
func TestRefusedStoreStillAnswers(t *testing.T) {
	w := newWorld(t, nil)
	epoch := w.hold(w.leader(), "kernel")
	w.eventually("the hold at calgary", func() bool { return w.agents[0].state().Epoch >= epoch })
	w.stop(0)
	dir, whole := w.cfgs[0].Dir, filepath.Join(t.TempDir(), "whole")
	if err := os.CopyFS(whole, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for name, tc := range harmDirectories {
		t.Run(name, func(t *testing.T) {
			if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(whole)), tc.harm(dir)); err != nil {
				t.Fatal(err)
			}
			w.start(0)
			defer w.stop(0)
			a := w.agents[0]
			if a.Refused() == nil {
				t.Fatal("the store was not refused")
			}
			if got := a.state(); got.Epoch < epoch || len(got.Holds) == 0 {
				t.Errorf("serves epoch %d, %d holds; epoch %d was decided", got.Epoch, len(got.Holds), epoch)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			// Passed on by another agent, so that it does not look for a leader.
			_, err := a.Do(ctx, api.CommandRequest{Kind: string(steer.KindRelease), Reason: "r"}, true)
			var e *api.Error
			if !errors.As(err, &e) || e.Category != api.NoQuorum {
				t.Errorf("a change: %v", err)
			}
			st, err := a.Store(ctx)
			if err != nil || len(st.Findings) == 0 || !strings.Contains(st.Findings[0].Text, "answers only") || !strings.Contains(st.Findings[0].Next, tc.says) {
				t.Errorf("doctor: %+v, %v", st.Findings, err)
			}
			others, err := w.agents[1].Status(ctx)
			if err != nil || !strings.Contains(others.Agents[0].Problem, tc.says) || !others.Agents[0].Reachable {
				t.Errorf("the others see %+v, %v", others.Agents, err)
			}
			if _, err := a.Epochs(ctx, 10); err != nil {
				t.Errorf("history: %v", err)
			}
		})
	}
}

// An agent that has nothing to answer ends with the store's error, and one
// whose directory is another's or in use does in any case.
func TestRefusedStoreEndsTheAgent(t *testing.T) {
	w := newWorld(t, nil)
	cfg := w.cfgs[0]
	other, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.stop(0)
	locked := cfg
	locked.Dir = w.cfgs[1].Dir // held by a running agent
	second, err := New(locked)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Start(); !errors.Is(err, raftstore.ErrInUse) && !errors.Is(err, raftstore.ErrForeignDir) {
		t.Errorf("on another's directory: %v", err)
	}
	if err := errors.Join(replaceByDir(filepath.Join(cfg.Dir, "LOCK")), os.Remove(filepath.Join(cfg.Dir, "served.json"))); err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); !errors.Is(err, raftstore.ErrDisk) {
		t.Errorf("with nothing to answer: %v", err)
	}
}

func TestWayOut(t *testing.T) {
	for _, tc := range []struct {
		err  error
		says string
	}{
		{&raftstore.Fatal{Reason: steer.ErrUnknownCommand}, "install the version"},
		{&raftstore.Fatal{Reason: pki.ErrUnknownChange}, "install the version"},
		{knownState(steer.State{Format: 99}), "install the version"},
		{knownState(steer.State{Format: 1, Events: []*steer.Event{nil}}), "restart the agent"},
		{&raftstore.DamageError{File: "log.db"}, "rejoin"},
		{raftstore.ErrDisk, "make room"},
		{errors.New("else"), "restart the agent"},
	} {
		if got := wayOut(tc.err); !strings.Contains(got, tc.says) {
			t.Errorf("%v: %s", tc.err, got)
		}
	}
}
