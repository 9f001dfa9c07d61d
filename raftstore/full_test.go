package raftstore_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

// fullDiskChild marks the process in which the disk fills up.
const fullDiskChild = "RAFTSTORE_FULL_DISK"

// limitFiles makes the kernel refuse to let any file of this process grow
// beyond size, until the returned function is called.
func limitFiles(t *testing.T, size uint64) (lift func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ) // the write's error is what we want
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
		signal.Reset(syscall.SIGXFSZ)
	}
}

// The disk of the only member fills up under it: what was acknowledged stays,
// what is not is refused, and it goes on when there is room again. The limit
// holds for every file of a process, so for the test's own log, too: the
// member has a process to itself.
func TestRealFullDisk(t *testing.T) {
	if os.Getenv(fullDiskChild) != "" {
		fillDisk(t)
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), exe, "-test.run=^TestRealFullDisk$", "-test.v")
	child.Env = append(os.Environ(), fullDiskChild+"=1")
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestRealFullDisk") {
		t.Errorf("the process with the full disk: %v\n%s", err, out)
	}
}

func fillDisk(t *testing.T) {
	t.Helper()
	c := raftstoretest.OnDisk(t, 1)
	defer c.Stop()
	const room = 1 << 20
	c.Configure = func(_ *raftstoretest.Node, cfg *raftstore.Config) { cfg.LogRoom = room }
	c.Start()
	c.Propose("first")
	n := c.Nodes[0]
	var info os.FileInfo
	var err error
	c.Eventually("room ahead of the log", func() bool {
		info, err = os.Stat(filepath.Join(n.Dir, "log.db"))
		return err != nil || info.Size() >= room
	})
	if err != nil {
		t.Fatal(err)
	}
	acked := []string{"first"}
	lift := limitFiles(t, uint64(info.Size()+1000)) // no room for more room
	for i := 0; err == nil && i < 1000; i++ {
		entry := fmt.Sprint(i, strings.Repeat("x", 2000))
		if _, err = n.Store.Propose(t.Context(), []byte(entry)); err == nil {
			acked = append(acked, entry)
		}
	}
	// bbolt keeps of the cause only its text.
	if !errors.Is(err, raftstore.ErrDisk) || !strings.Contains(err.Error(), syscall.EFBIG.Error()) {
		t.Errorf("after %d entries on a full disk: %v", len(acked), err)
	}
	c.Eventually("leadership to be given up", func() bool {
		_, leads := n.Store.Leads()
		return !leads
	})
	if got := n.Store.Status().DiskError; got == "" {
		t.Error("status does not name the disk")
	}
	if got := n.Machine.Entries(); len(got) != len(acked) {
		t.Errorf("the state went: %d entries, not %d", len(got), len(acked))
	}
	lift()
	acked = append(acked, "room again")
	c.Propose("room again")
	c.Crash()
	c.Start()
	c.Propose("end")
	mustContain(t, n.Machine.Entries(), acked)
}
