package raftstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

func TestOnDiskRestartOneThenAll(t *testing.T) {
	c := raftstoretest.OnDisk(t, 3)
	defer c.Stop()
	c.Start()
	var want []string
	propose := func(n int) raftstore.Result {
		var res raftstore.Result
		for range n {
			want = append(want, fmt.Sprint(len(want)))
			res = c.Propose(want[len(want)-1])
		}
		return res
	}
	propose(20)
	one := c.Leader()
	c.Crash(one)
	propose(20)
	c.Start(one)
	c.Agree(propose(5).Index)
	for _, n := range c.Nodes {
		if err := n.Store.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	propose(20)
	c.Crash()
	c.Start()
	if got := c.Agree(propose(1).Index); !slices.Equal(got, want) {
		t.Errorf("applied %q, want %q", got, want)
	}
	st := c.Leader().Store.Status()
	if st.Role != raftstore.RoleLeader || !st.Quorum || st.SnapshotIndex == 0 || st.SnapshotTaken.IsZero() ||
		st.Write.Count == 0 || st.Write.P50 <= 0 || st.Apply.Count == 0 || len(st.Members) != 3 || st.Applied == 0 {
		t.Errorf("status %+v", st)
	}
}

func TestDirIsRefused(t *testing.T) {
	c := raftstoretest.OnDisk(t, 2)
	defer c.Stop()
	c.Configure = func(_ *raftstoretest.Node, cfg *raftstore.Config) { cfg.Cluster = "west" }
	a, b := c.Nodes[0], c.Nodes[1]
	c.Start(a)
	twin := *a
	twin.Address = "127.0.0.1:0"
	if err := c.Open(&twin); !errors.Is(err, raftstore.ErrInUse) {
		t.Errorf("second opening: %v", err)
	}
	c.Crash(a)
	thief := *b
	thief.Dir = a.Dir
	if err := c.Open(&thief); !errors.Is(err, raftstore.ErrForeignDir) || !strings.Contains(err.Error(), `"n1"`) {
		t.Errorf("other agent's directory: %v", err)
	}
	c.Configure = func(_ *raftstoretest.Node, cfg *raftstore.Config) { cfg.Cluster = "east" }
	if err := c.Open(a); !errors.Is(err, raftstore.ErrForeignDir) || !strings.Contains(err.Error(), `"west"`) {
		t.Errorf("other fleet's directory: %v", err)
	}
}

// one starts a cluster of one with the entries, and stops it.
func one(t *testing.T, configure func(*raftstoretest.Node, *raftstore.Config), entries ...string) *raftstoretest.Cluster {
	t.Helper()
	c := raftstoretest.OnDisk(t, 1)
	c.Configure = configure
	c.Start()
	for _, e := range entries {
		c.Propose(e)
	}
	return c
}

func TestFlippedEntryIsNamed(t *testing.T) {
	c := one(t, nil, "the first entry", "the second entry")
	index := c.Propose("the damaged entry").Index
	c.Propose("the last entry")
	c.Crash()
	file := filepath.Join(c.Nodes[0].Dir, "log.db")
	flip(t, file, []byte("the damaged entry"))
	err := c.Open(c.Nodes[0])
	var damage *raftstore.DamageError
	if !errors.As(err, &damage) || damage.File != file || damage.Index != index {
		t.Fatalf("opened a damaged log (entry %d): %v", index, err)
	}
}

// flip changes one bit in each copy of text in the file.
func flip(t *testing.T, file string, text []byte) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for at := 0; ; found++ {
		i := bytes.Index(b[at:], text)
		if i < 0 {
			break
		}
		at += i
		b[at+len(text)/2] ^= 0x10
		at += len(text)
	}
	if found == 0 {
		t.Fatalf("%q is not in %s", text, file)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A bit that turns on the disk of a running member is found when the entry is
// read again: to be sent, here, to a member that was away.
func TestFlippedEntryNeverReachesAMachine(t *testing.T) {
	c := raftstoretest.OnDisk(t, 1)
	defer c.Stop()
	c.Start()
	// More than the cache holds, so that the early ones are read from disk.
	c.Propose("the damaged entry")
	for i := range 1100 {
		c.Propose(fmt.Sprint(i))
	}
	n := c.Nodes[0]
	flip(t, filepath.Join(n.Dir, "log.db"), []byte("the damaged entry"))
	late := &raftstoretest.Node{ID: "late", Address: "127.0.0.1:0", Dir: filepath.Join(t.TempDir(), "late")}
	c.Configure = func(_ *raftstoretest.Node, cfg *raftstore.Config) { cfg.Members = nil }
	c.Start(late)
	defer c.Stop(late)
	// The change itself is not committed, or it is: both ways the leader
	// halts as soon as it reads the entry.
	err := n.Store.AddNonvoter(t.Context(), late.ID, late.Store.Status().Address)
	t.Logf("adding: %v", err)
	<-n.Store.Done()
	if err := n.Store.Err(); !errors.Is(err, raftstore.ErrDamaged) {
		t.Errorf("halted with %v", err)
	}
	if got := late.Machine.Entries(); len(got) != 0 {
		t.Errorf("a damaged log reached another machine: %d entries", len(got))
	}
}

func TestLogThatLostItsEndIsRefused(t *testing.T) {
	c := one(t, nil, "a", "b")
	c.Stop()
	file := filepath.Join(c.Nodes[0].Dir, "log.db")
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c.Start()
	c.Propose("c")
	c.Stop()
	if err := os.WriteFile(file, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Open(c.Nodes[0]); !errors.Is(err, raftstore.ErrDamaged) || !strings.Contains(err.Error(), "ends at entry") {
		t.Errorf("opened an older copy of the log: %v", err)
	}
}

func TestDamagedSnapshotFallsBackOnTheOlder(t *testing.T) {
	trailing := func(_ *raftstoretest.Node, cfg *raftstore.Config) { cfg.TrailingLogs = 1 }
	c := one(t, trailing, "a", "b", "c")
	defer c.Stop()
	n := c.Nodes[0]
	snapshot := func() string {
		t.Helper()
		if err := n.Store.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(n.Dir, "snapshots", "*.snap"))
		if err != nil || len(files) == 0 {
			t.Fatalf("snapshots: %q, %v", files, err)
		}
		return files[len(files)-1]
	}
	snapshot()
	c.Propose("d")
	c.Propose("e")
	newest := snapshot()
	c.Propose("f")
	c.Stop()
	flip(t, newest, []byte(`"d"`))
	c.Start()
	if got := c.Agree(c.Propose("g").Index); !slices.Equal(got, []string{"a", "b", "c", "d", "e", "f", "g"}) {
		t.Errorf("state %q", got)
	}
	if got := n.Store.Status().Damaged; !slices.Equal(got, []string{newest}) {
		t.Errorf("status names %q, want %q", got, newest)
	}
	if _, err := os.Stat(newest + ".damaged"); err != nil {
		t.Errorf("the damaged file is not set aside: %v", err)
	}
}

func TestAllSnapshotsDamagedIsRefused(t *testing.T) {
	trailing := func(_ *raftstoretest.Node, cfg *raftstore.Config) { cfg.TrailingLogs = 1 }
	c := one(t, trailing, "a", "b", "c")
	n := c.Nodes[0]
	for _, e := range []string{"d", "e", "f"} {
		if err := n.Store.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Propose(e)
	}
	c.Stop()
	files, err := filepath.Glob(filepath.Join(n.Dir, "snapshots", "*.snap"))
	if err != nil || len(files) != 2 {
		t.Fatalf("snapshots %q, %v", files, err)
	}
	for _, f := range files {
		flip(t, f, []byte(`"a"`))
	}
	if err := c.Open(n); !errors.Is(err, raftstore.ErrDamaged) {
		t.Errorf("opened: %v", err)
	}
}
