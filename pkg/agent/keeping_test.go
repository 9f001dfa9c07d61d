package agent

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/archive"
)

// TestWhatTheDiskRefusesIsWrittenLater: decisions that come while the disk
// refuses are kept, in order, when it does not any more.
func TestWhatTheDiskRefusesIsWrittenLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "history")
	kept, err := archive.Open(archive.Config{Dir: dir, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	p := newPast(kept, zerolog.Nop())
	if err := os.Remove(dir); err != nil { // no file can be made
		t.Fatal(err)
	}
	for i := range uint64(3) {
		p.note(raftstore.Entry{Index: i + 1}, steer.State{Format: steer.StateFormat, Epoch: i + 1}, nil)
		p.flush()
	}
	if p.trouble() == nil || kept.LastIndex() != 0 {
		t.Fatalf("the disk refused nothing: %v, last %d", p.trouble(), kept.LastIndex())
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p.flush()
	for i := range uint64(3) {
		if _, _, err := p.at(i + 1); err != nil {
			t.Errorf("epoch %d: %v", i+1, err)
		}
	}
	if err := p.trouble(); err != nil {
		t.Errorf("still: %v", err)
	}
	if err := kept.Close(); err != nil {
		t.Error(err)
	}
}

// TestServedStateIsWrittenLater, and the newest one.
func TestServedStateIsWrittenLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	m := newMemory(dir, zerolog.Nop())
	m.keep(steer.State{Format: steer.StateFormat, Epoch: 1})
	m.flush()
	if m.trouble() == nil {
		t.Fatal("the disk refused nothing")
	}
	m.keep(steer.State{Format: steer.StateFormat, Epoch: 2})
	m.flush()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	m.flush()
	s, ok, err := newMemory(dir, zerolog.Nop()).load()
	if err != nil || !ok || s.Epoch != 2 || m.trouble() != nil {
		t.Errorf("epoch %d, %v, %v; trouble %v", s.Epoch, ok, err, m.trouble())
	}
}
