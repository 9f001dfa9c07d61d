package agent

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore"
)

// TestRestoreIntoNewCluster brings a fleet back from its backup, at two of
// three agents; the third still has the lost fleet's store, and follows.
func TestRestoreIntoNewCluster(t *testing.T) {
	w := newWorld(t, nil)
	epoch := w.hold(0, "in the backup")
	var file bytes.Buffer
	if err := w.agents[1].Backup(t.Context(), &file, true); err != nil {
		t.Fatal(err)
	}
	lost := w.hold(0, "after the backup") // a verdict of the checks may have come between
	contents, err := ReadBackup(bytes.NewReader(file.Bytes()))
	if err != nil || contents.Epoch < epoch || contents.Epoch >= lost || contents.Sites != 3 || contents.Records == 0 {
		t.Fatalf("contents %+v, %v", contents, err)
	}
	var members []raftstore.Member
	for _, p := range w.cfgs[0].Peers {
		members = append(members, raftstore.Member{ID: p.Name, Address: p.Raft, Voter: true})
	}
	target := func(i int) RestoreTarget {
		return RestoreTarget{Name: w.cfgs[i].Name, Dir: w.cfgs[i].Dir, Members: members, By: "test", Reason: "drill"}
	}
	if _, err := Restore(contents, target(0)); !errors.Is(err, raftstore.ErrForeignDir) {
		t.Errorf("restored over a store: %v", err)
	}
	replace := target(0)
	replace.Replace = true
	if _, err := Restore(contents, replace); !errors.Is(err, raftstore.ErrInUse) {
		t.Errorf("restored under a running agent: %v", err)
	}
	for i := range w.agents {
		w.stop(i)
	}
	for i := range 2 {
		to := target(i)
		to.Replace = true
		aside, err := Restore(contents, to)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(aside, "log.db")); err != nil {
			t.Errorf("the old store is lost: %v", err)
		}
	}
	for i := range w.agents {
		w.start(i)
	}
	w.leader()
	w.eventually("all serve the restored fleet", func() bool {
		return !slices.ContainsFunc(w.agents, func(a *Agent) bool {
			now, _ := a.pub.served()
			s := now.state
			return s.Epoch <= lost || len(s.Holds) != 1 || s.Holds[0].Reason != "in the backup"
		})
	})
	if after := w.hold(2, "goes on"); after <= epoch+restoreJump {
		t.Errorf("epoch %d after the restore of %d", after, epoch)
	}
	events := w.agents[2].state().Events
	if !slices.ContainsFunc(events, func(e *steer.Event) bool { return e.Kind == steer.EventRestored && e.Reason == "drill" }) {
		t.Error("no trace in the audit trail")
	}
}

func TestDrill(t *testing.T) {
	w := newWorld(t, nil)
	epoch := w.hold(0, "x")
	var file bytes.Buffer
	if err := w.agents[0].Backup(t.Context(), &file, true); err != nil {
		t.Fatal(err)
	}
	d, err := RunDrill(t.Context(), &file)
	if err != nil || d.Records == 0 || d.Epoch != epoch+restoreJump || d.Took <= 0 {
		t.Errorf("drill %+v, %v", d, err)
	}
}

// TestDelayedCopyStaysBehind plays two days of copies.
func TestDelayedCopyStaysBehind(t *testing.T) {
	w := newWorld(t, nil)
	a := w.agents[0]
	doubt := ""
	d := newDelayed(t.TempDir(), 24*time.Hour, func() *raftstore.Store { return a.store }, func() string { return doubt }, zerolog.Nop())
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	hour := func(h int) { d.turn(start.Add(time.Duration(h)*time.Hour), time.Hour) }
	for h := range 24 {
		hour(h)
	}
	if path, _, problem := d.status(); path != "" || problem != "" {
		t.Errorf("after 23 hours: %q, %q", path, problem)
	}
	for h := 24; h < 48; h++ {
		hour(h)
		if _, at, problem := d.status(); problem != "" || !at.Equal(start.Add(time.Duration(h-24)*time.Hour)) {
			t.Fatalf("hour %d: copy of %s, %q", h, at, problem)
		}
	}
	if all, err := d.list(); err != nil || len(all) != 25 {
		t.Errorf("%d copies, %v", len(all), err)
	}
	path, _, _ := d.status()
	if err := checkCopy(path); err != nil {
		t.Error(err)
	}

	// While the State is in doubt nothing is written and nothing removed.
	doubt = "it differs"
	for h := 48; h < 100; h++ {
		hour(h)
	}
	if now, _, problem := d.status(); now != path || problem == "" {
		t.Errorf("copy %q, was %q; problem %q", now, path, problem)
	}
	doubt = ""

	// A copy that went bad on the disk is named; an older one takes its place.
	bad := d.path(start.Add(25 * time.Hour))
	b, err := os.ReadFile(bad)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 8
	if err := os.WriteFile(bad, b, 0o600); err != nil {
		t.Fatal(err)
	}
	d.turn(start.Add(49*time.Hour+time.Minute), time.Hour)
	if now, at, problem := d.status(); now == bad || !at.Equal(start.Add(24*time.Hour)) || problem == "" {
		t.Errorf("copy %q of %s, problem %q", now, at, problem)
	}
}
