package raftstore_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

var writeCompat = flag.String("write-compat", "", "write a directory and a backup of today's format here; for a new format alone")

// TestOldFormatsAreOpened opens, with today's code, a store and a backup of each
// format that there was. Each has the entries 0 to 29, a snapshot after 20.
func TestOldFormatsAreOpened(t *testing.T) {
	var want []string
	for i := range 30 {
		want = append(want, fmt.Sprint(i))
	}
	if *writeCompat != "" {
		makeCompat(t, *writeCompat, want)
	}
	formats, err := filepath.Glob(filepath.Join("testdata", "compat", "*"))
	if err != nil || len(formats) == 0 {
		t.Fatalf("no formats: %v", err)
	}
	for _, format := range formats {
		t.Run(filepath.Base(format), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(format, "store"))); err != nil {
				t.Fatal(err)
			}
			var m raftstoretest.Machine
			found, err := raftstore.Salvage(dir, "n1", "", &m)
			if err != nil || !slices.Equal(m.Entries(), want) || m.Restored() != 1 {
				t.Errorf("%+v: %d entries, %d snapshots, %v", found, len(m.Entries()), m.Restored(), err)
			}
			backup, err := os.ReadFile(filepath.Join(format, "backup"))
			if err != nil {
				t.Fatal(err)
			}
			var n raftstoretest.Machine
			info, err := raftstore.ReadBackup(bytes.NewReader(backup), n.Restore, nil)
			if err != nil || !slices.Equal(n.Entries(), want) || info.Chain != found.Chain {
				t.Errorf("backup %+v: %d entries, %v", info, len(n.Entries()), err)
			}
		})
	}
}

// makeCompat writes what the test reads.
func makeCompat(t *testing.T, to string, entries []string) {
	t.Helper()
	c := raftstoretest.OnDisk(t, 1)
	c.Start()
	n := c.Nodes[0]
	for i, e := range entries {
		c.Propose(e)
		if i == 19 {
			if err := n.Store.Snapshot(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	var backup bytes.Buffer
	_, err := n.Store.Backup(&backup)
	c.Crash()
	err = errors.Join(err, os.CopyFS(filepath.Join(to, "store"), os.DirFS(n.Dir)), os.WriteFile(filepath.Join(to, "backup"), backup.Bytes(), 0o600))
	if err != nil {
		t.Fatal(err)
	}
}
