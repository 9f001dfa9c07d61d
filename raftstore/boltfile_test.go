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
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"
)

// makeDir makes a directory with a log of that many entries, a term and a vote.
func makeDir(t testing.TB, entries int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "dir")
	d, err := openDisk(Config{Dir: dir, ID: "calgary", Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	j := d.journal
	j.mayVote = func() bool { return true }
	var logs []*raft.Log
	for i := range entries {
		data := seal(fmt.Appendf(nil, "command %d %s", i, strings.Repeat("x", 30)))
		logs = append(logs, &raft.Log{Index: uint64(i + 1), Term: 3, Type: raft.LogCommand, Data: data})
	}
	if err := errors.Join(
		j.SetUint64([]byte(keyCurrentTerm), 3),
		j.SetUint64([]byte(keyLastVoteTerm), 3),
		j.Set([]byte(keyLastVoteCand), []byte("127.10.1.1:7300")),
		j.StoreLogs(logs[:entries/2]), j.StoreLogs(logs[entries/2:]),
		d.close(),
	); err != nil {
		t.Fatal(err)
	}
	return dir
}

// readDir opens the directory as Open does, except that it writes nothing, and
// returns all that it says.
func readDir(dir string) (string, error) {
	path := filepath.Join(dir, logName)
	if err := claimDir(dir, "calgary", ""); err != nil {
		return "", err
	}
	if err := checkBoltFile(path); err != nil {
		return "", err
	}
	bolt, err := raftboltdb.New(raftboltdb.Options{Path: path, BoltOptions: &bbolt.Options{ReadOnly: true}})
	if err != nil {
		return "", &DamageError{File: path, Reason: err.Error()}
	}
	defer bolt.Close()
	mark, err := openHighWater(filepath.Join(dir, highWaterName))
	if err != nil {
		return "", err
	}
	defer mark.close()
	j := &journal{backing: bolt, file: path, mark: mark, snapshots: &memorySnapshots{}}
	if err := j.check(); err != nil {
		return "", err
	}
	return contents(j)
}

// contents writes out what raft would read.
func contents(j *journal) (string, error) {
	var b strings.Builder
	last, err := j.LastIndex()
	if err != nil {
		return "", err
	}
	for i := uint64(1); i <= last; i++ {
		var log raft.Log
		if err := j.read(i, &log); err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%d %d %d %q\n", log.Index, log.Term, log.Type, log.Data)
	}
	term, err1 := j.GetUint64([]byte(keyCurrentTerm))
	voted, err2 := j.GetUint64([]byte(keyLastVoteTerm))
	vote, err3 := j.Get([]byte(keyLastVoteCand))
	fmt.Fprintf(&b, "%d %d %q\n", term, voted, vote)
	return b.String(), errors.Join(err1, err2, err3)
}

// TestEveryFlippedByteOfADirectory flips each octet of each file in turn. Either
// the directory is refused, with the file named, or the octet had no meaning and
// everything reads as before. It must never panic.
func TestEveryFlippedByteOfADirectory(t *testing.T) {
	dir := makeDir(t, 12)
	want, err := readDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{logName, highWaterName, formatName} {
		path := filepath.Join(dir, file)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		try := func(what string, i int) {
			t.Helper()
			got, err := readDir(dir)
			switch {
			case err == nil && got != want:
				t.Fatalf("%s: %s %d: unseen; reads %q", file, what, i, got)
			case err != nil && !(errors.Is(err, ErrDamaged) || errors.Is(err, ErrForeignDir)) || err != nil && !strings.Contains(err.Error(), dir):
				t.Fatalf("%s: %s %d: unclear: %v", file, what, i, err)
			case err != nil:
				refused++
			}
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		put := func(at int, b ...byte) {
			t.Helper()
			if _, err := f.WriteAt(b, int64(at)); err != nil {
				t.Fatal(err)
			}
		}
		for i := 0; i < len(whole); i += min(stride, 1+len(whole)/100) {
			put(i, whole[i]^1<<(i%8))
			try("octet", i)
			put(i, whole[i])
		}
		flips := refused
		for i := len(whole) - 1; i > 0; i -= 1 + len(whole)/600 {
			if err := f.Truncate(int64(i)); err != nil {
				t.Fatal(err)
			}
			try("cut at", i)
		}
		t.Logf("%s: %d octets, %d had a meaning; %d of the cuts seen", file, len(whole), flips, refused-flips)
		if flips == 0 {
			t.Errorf("%s: nothing was seen at all", file)
		}
		put(0, whole...)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOldPagesPutBackAreSeen(t *testing.T) {
	dir := makeDir(t, 12)
	path := filepath.Join(dir, logName)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := openDisk(Config{Dir: dir, ID: "calgary", Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	err = d.journal.StoreLog(&raft.Log{Index: 13, Term: 3, Type: raft.LogCommand, Data: seal([]byte("newest"))})
	if err == nil {
		want, err = contents(d.journal)
	}
	if err := errors.Join(err, d.close()); err != nil {
		t.Fatal(err)
	}
	now, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	for i := 0; i+page <= len(old); i += page {
		b := bytes.Clone(now)
		copy(b[i:], old[i:i+page])
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := readDir(dir); err == nil && got != want {
			t.Errorf("page %d of an earlier time: unseen; reads %q", i/page, got)
		}
	}
}

func FuzzWalkBolt(f *testing.F) {
	whole, err := os.ReadFile(filepath.Join(makeDir(f, 6), logName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{0x20, 0x00, 0x01})
	f.Fuzz(func(t *testing.T, patches []byte) {
		b := bytes.Clone(whole)
		for ; len(patches) >= 3; patches = patches[3:] { // offset, offset, value
			b[(int(patches[0])<<8|int(patches[1]))%len(b)] = patches[2]
		}
		_ = walkBolt(b) // must not panic, whatever it finds
	})
}

// Without the walk, bbolt would panic on most of these where nobody can
// recover, and take the test with it.
func TestDamagedPageIsRefusedBeforeBboltSeesIt(t *testing.T) {
	dir := makeDir(t, 200)
	path := filepath.Join(dir, logName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for page := 2 * 4096; page < len(whole); page += 4096 {
		for i := 0; i < 32; i += min(stride, 3) { // the head and the first element
			b := bytes.Clone(whole)
			b[page+i] ^= 0x40
			sound := walkBolt(b) == nil
			if !sound {
				tried++
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			d, err := openDisk(Config{Dir: dir, ID: "calgary", Logger: zerolog.Nop()})
			if err == nil {
				err = d.close()
			}
			if sound && err == nil {
				continue // a free page: bbolt must be as content as we are
			}
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("page %d, octet %d: opened, %v", page/4096, i, err)
			}
		}
	}
	if tried < 100/min(stride, 3) {
		t.Errorf("only %d damages tried", tried)
	}
}
