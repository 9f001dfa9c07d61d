package agent

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore"
)

// TestBackupBringsThePastBack loses every disk but a backup. The fleet that is
// restored has its past: it is shown, proven, and brought back from. Agents
// whose own past is damaged get that of the file, those that have all of it
// keep theirs.
func TestBackupBringsThePastBack(t *testing.T) {
	w := newWorld(t, nil)
	first := w.hold(0, "one")
	w.hold(0, "two")
	w.eventually("kept everywhere", func() bool {
		return !slices.ContainsFunc(w.agents, func(a *Agent) bool { _, err := a.Past(t.Context(), first, true); return err != nil })
	})
	var file bytes.Buffer
	if err := w.agents[0].Backup(t.Context(), &file, true); err != nil {
		t.Fatal(err)
	}
	later := w.hold(0, "after the backup")
	w.eventually("kept at the second", func() bool { _, err := w.agents[1].Past(t.Context(), later, true); return err == nil })
	for i := range w.agents {
		w.stop(i)
	}
	history := func(i int) string { return filepath.Join(w.cfgs[i].Dir, historyDir) }
	if err := os.RemoveAll(history(0)); err != nil { // the disk was lost
		t.Fatal(err)
	}
	segment := filepath.Join(history(2), "0000000000000001.past")
	b, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(segment, b, 0o600); err != nil {
		t.Fatal(err)
	}
	restoreAll(t, w, file.Bytes())
	for i := range w.agents {
		w.start(i)
	}
	w.leader()
	w.eventually("serving", func() bool { return w.agents[0].state().Epoch > restoreJump })
	for i, a := range w.agents {
		p, err := a.Past(t.Context(), first, true)
		if err != nil || len(p.State.Holds) != 1 || p.State.Holds[0].Reason != "one" {
			t.Errorf("agent %d: epoch %d: %+v, %v", i, first, p.State.Holds, err)
		}
		if v, err := a.Verify(t.Context()); err != nil || len(v.Damaged) > 0 {
			t.Errorf("agent %d: %q, %v", i, v.Damaged, err)
		}
	}
	if _, err := w.agents[1].Past(t.Context(), later, true); err != nil {
		t.Errorf("what was decided after the backup is lost where it was kept: %v", err)
	}
	for i, want := range []int{0, 0, 1} {
		if aside, _ := filepath.Glob(history(i) + "-before-*"); len(aside) != want {
			t.Errorf("agent %d: moved aside %q", i, aside)
		}
		if left, _ := filepath.Glob(filepath.Join(w.cfgs[i].Dir, incomingPrefix+"*")); len(left) > 0 {
			t.Errorf("agent %d: %q is left", i, left)
		}
	}
	req := api.CommandRequest{Kind: string(steer.KindRollback), By: "test", Reason: "bad day", Epoch: first, Override: []string{"target-proven"}}
	if _, err := w.agents[0].Do(t.Context(), req, false); err != nil || w.agents[0].state().Holds[0].Reason != "one" {
		t.Errorf("rollback: %+v, %v", w.agents[0].state().Holds, err)
	}
}

// restoreAll restores a file at every agent of a world that is stopped.
func restoreAll(t *testing.T, w *world, file []byte) {
	t.Helper()
	var members []raftstore.Member
	for _, p := range w.cfgs[0].Peers {
		members = append(members, raftstore.Member{ID: p.Name, Address: p.Raft, Voter: true})
	}
	for _, cfg := range w.cfgs {
		contents, err := UnpackBackup(bytes.NewReader(file), cfg.Dir)
		if err != nil || contents.History == nil || contents.History.Decisions < 2 {
			t.Fatalf("%+v, %v", contents.History, err)
		}
		to := RestoreTarget{Name: cfg.Name, Dir: cfg.Dir, Members: members, Replace: true, By: "test", Reason: "drill"}
		if _, err := Restore(contents, to); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBackupWithoutHistory: as older programs wrote it. It says so, and leaves
// alone what is there.
func TestBackupWithoutHistory(t *testing.T) {
	w := newWorld(t, nil)
	w.hold(0, "one")
	var file bytes.Buffer
	if err := w.agents[0].Backup(t.Context(), &file, false); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c, err := UnpackBackup(&file, dir)
	if err != nil || c.History != nil || c.Attached != "" {
		t.Fatalf("%+v, %v", c, err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	own := filepath.Join(dir, historyDir)
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	alone := []raftstore.Member{{ID: "alone", Address: "127.0.0.1:1", Voter: true}}
	if _, err := Restore(c, RestoreTarget{Name: "alone", Dir: dir, Members: alone, By: "test"}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(own); err != nil {
		t.Errorf("the agent's own history: %v", err)
	}
}
