package raftstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"
)

// roomLog opens a log of some entries, and its file.
func roomLog(t *testing.T) (*disk, *os.File, *room) {
	t.Helper()
	d, err := openDisk(Config{Dir: makeDir(t, 4), ID: "calgary", Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(d.journal.file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return d, f, &room{journal: d.journal, want: 4 * roomStep, logger: zerolog.Nop()}
}

// extentOf is extent in a test.
func extentOf(t *testing.T, f *os.File) (used, size int64) {
	t.Helper()
	used, size, err := extent(f)
	if err != nil {
		t.Fatal(err)
	}
	return used, size
}

// TestRoomIsFilledWhileEntriesAreStored fills the room in one goroutine while
// another one stores entries, many times over, and reads every entry again.
func TestRoomIsFilledWhileEntriesAreStored(t *testing.T) {
	d, f, r := roomLog(t)
	stored := make(chan error, 1)
	go func() { // the test waits for it
		var err error
		for i := uint64(5); i < 2000 && err == nil; i++ {
			data := seal(fmt.Appendf(nil, "%d %s", i, strings.Repeat("y", 2000)))
			err = d.journal.StoreLog(&raft.Log{Index: i, Term: 3, Type: raft.LogCommand, Data: data})
		}
		stored <- err
	}()
	fills, done := 0, false
	for !done {
		_, before := extentOf(t, f)
		if err := r.fill(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, after := extentOf(t, f); after > before {
			fills++
		}
		select {
		case err := <-stored:
			if done = true; err != nil {
				t.Fatal(err)
			}
		default:
		}
	}
	if fills < 3 {
		t.Errorf("void: filled %d times", fills)
	}
	want, err := contents(d.journal)
	if err := errors.Join(err, d.close()); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(d.journal.file)
	if got, err := readDir(dir); err != nil || got != want || strings.Count(got, "\n") != 2000 {
		t.Errorf("read again: %d lines, %v", strings.Count(got, "\n"), err)
	}
}

func TestRoomIsWrittenAhead(t *testing.T) {
	d, f, r := roomLog(t)
	defer d.close() //nolint:errcheck // nothing was written
	if err := r.fill(t.Context()); err != nil {
		t.Fatal(err)
	}
	used, size := extentOf(t, f)
	if size-used < r.want {
		t.Errorf("%d of %d octets are used: want %d more", used, size, r.want)
	}
	zeros := make([]byte, size-used)
	if _, err := f.ReadAt(zeros, used); err != nil || len(bytes.Trim(zeros, "\x00")) != 0 {
		t.Errorf("behind the end: %d octets that are not zero, %v", len(bytes.Trim(zeros, "\x00")), err)
	}
	if err := r.fill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, again := extentOf(t, f); again != size {
		t.Errorf("filled while it was full: %d, then %d octets", size, again)
	}
}

func TestRoomIsLeftToOthersOnASmallDisk(t *testing.T) {
	d, f, r := roomLog(t)
	defer d.close() //nolint:errcheck // nothing was written
	_, before := extentOf(t, f)
	r.want = 1 << 55
	if err := r.fill(t.Context()); !errors.Is(err, errNoRoom) {
		t.Errorf("a room of %d octets: %v", r.want, err)
	}
	if _, after := extentOf(t, f); after != before {
		t.Errorf("the file grew from %d to %d octets", before, after)
	}
}

func TestRoomIsNotTouchedAfterAHalt(t *testing.T) {
	d, f, r := roomLog(t)
	defer d.close() //nolint:errcheck // nothing was written
	_, before := extentOf(t, f)
	d.journal.halted.Store(true)
	if err := r.fill(t.Context()); !errors.Is(err, errHalted) {
		t.Errorf("after a halt: %v", err)
	}
	if _, after := extentOf(t, f); after != before {
		t.Errorf("the file grew from %d to %d octets", before, after)
	}
}
