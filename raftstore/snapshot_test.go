package raftstore

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"
)

// writeSnapshot writes one with the text and returns its file.
func writeSnapshot(t *testing.T, dir, text string, index uint64) string {
	t.Helper()
	s, err := openSnapshots(dir, nil, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	servers := []raft.Server{{ID: "calgary", Address: "127.10.1.1:7300"}}
	sink, err := s.Create(raft.SnapshotVersionMax, index, 2, raft.Configuration{Servers: servers}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = writeContent(sink, contentPlace{applied: index}, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	if err := errors.Join(err, sink.Close()); err != nil {
		t.Fatal(err)
	}
	return s.path(sink.ID())
}

// readSnapshot returns the text.
func readSnapshot(path string) (string, error) {
	_, contents, err := openSnapshotFile(path)
	if err != nil {
		return "", err
	}
	var text []byte
	_, err = readContent(contents, func(r io.Reader) (err error) {
		text, err = io.ReadAll(r)
		return err
	})
	return string(text), errors.Join(err, contents.Close())
}

func TestSnapshotFileSeesEveryFlippedByte(t *testing.T) {
	path := writeSnapshot(t, t.TempDir(), strings.Repeat("west.voice.example.net ", 20), 7)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := readSnapshot(path); err != nil || len(text) != 23*20 {
		t.Fatalf("unharmed: %d octets, %v", len(text), err)
	}
	for i := 0; i < len(whole); i += stride {
		for _, bit := range []byte{0x01, 0x80, 0xff} {
			b := bytes.Clone(whole)
			b[i] ^= bit
			mustBeDamaged(t, path, b, "octet", i)
		}
	}
	for i := 0; i < len(whole); i += stride {
		mustBeDamaged(t, path, whole[:i], "cut at", i)
	}
	mustBeDamaged(t, path, append(bytes.Clone(whole), 0), "longer than", len(whole))
	mustBeDamaged(t, filepath.Join(filepath.Dir(path), "0000000000000009-0000000000000009.snap"), whole, "renamed", 0)
}

func mustBeDamaged(t *testing.T, path string, b []byte, what string, i int) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := readSnapshot(path)
	var damage *DamageError
	if !errors.As(err, &damage) || damage.File != path || text != "" {
		t.Fatalf("%s %d: read %q, error %v", what, i, text, err)
	}
}

// What a leader sends and what arrives may differ: the sink notices.
func TestSnapshotDamagedOnTheWayIsNotKept(t *testing.T) {
	s, err := openSnapshots(t.TempDir(), nil, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	var sent bytes.Buffer
	err = writeContent(&sent, contentPlace{applied: 3}, func(w io.Writer) error { _, err := io.WriteString(w, "state"); return err })
	if err != nil {
		t.Fatal(err)
	}
	for i := range sent.Len() {
		b := bytes.Clone(sent.Bytes())
		b[i] ^= 4
		sink, err := s.Create(raft.SnapshotVersionMax, 3, 1, raft.Configuration{}, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sink.Write(b); err != nil {
			t.Fatal(err)
		}
		// The index in the header has no meaning to the check but is summed.
		if err := sink.Close(); err == nil {
			t.Fatalf("octet %d damaged on the way: kept", i)
		}
	}
	if files, err := os.ReadDir(s.dir); err != nil || len(files) != 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

func TestSnapshotsKeepTwoAndCleanUp(t *testing.T) {
	dir := t.TempDir()
	for i := range uint64(4) {
		writeSnapshot(t, dir, "x", i+1)
	}
	if err := os.WriteFile(filepath.Join(dir, "12345.tmp"), []byte("unfinished"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := openSnapshots(dir, nil, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if oldest, newest := s.indexes(); oldest != 3 || newest != 4 {
		t.Errorf("kept %d to %d", oldest, newest)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 2 {
		t.Errorf("files %v, %v", files, err)
	}
}

// A Machine that stops reading early must not hide damage behind it.
func TestRestoreChecksWhatTheMachineLeaves(t *testing.T) {
	var b bytes.Buffer
	if err := writeContent(&b, contentPlace{applied: 3}, func(w io.Writer) error { _, err := w.Write(make([]byte, 1<<17)); return err }); err != nil {
		t.Fatal(err)
	}
	lazy := func(r io.Reader) error { _, err := io.ReadFull(r, make([]byte, 8)); return err }
	if place, err := readContent(bytes.NewReader(b.Bytes()), lazy); err != nil || place.applied != 3 {
		t.Fatalf("index %d, %v", place.applied, err)
	}
	b.Bytes()[1<<17] ^= 1
	if _, err := readContent(bytes.NewReader(b.Bytes()), lazy); !errors.Is(err, ErrDamaged) {
		t.Errorf("damage behind the read part: %v", err)
	}
}
