package raftstore

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
)

// A process that dies while it moves a store aside leaves a part of it. None of
// the parts may be taken for a store that knows less.
func TestHalfMovedStoreIsRefused(t *testing.T) {
	whole := makeDir(t, 12)
	names := storeFiles(whole)
	moveOrder(names)
	if len(names) != 6 {
		t.Fatalf("a store has %q", names)
	}
	for n := 1; n < len(names); n++ {
		dir := filepath.Join(t.TempDir(), "dir")
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		for _, gone := range names[:n] {
			if err := os.RemoveAll(filepath.Join(dir, gone)); err != nil {
				t.Fatal(err)
			}
		}
		d, err := openDisk(Config{Dir: dir, ID: "calgary", Logger: zerolog.Nop()})
		if err == nil {
			err = d.close()
			t.Errorf("opened without %q (%v)", names[:n], err)
		} else if !errors.Is(err, ErrDamaged) {
			t.Errorf("without %q: %v", names[:n], err)
		}
	}
}
