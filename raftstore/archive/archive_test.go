package archive

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

var day0 = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func record(n uint64) Record {
	payload := fmt.Appendf(nil, `{"epoch":%d,"text":%q}`, n, strings.Repeat("calgary ", 20))
	return Record{Payload: payload, Place: Place{
		Epoch: n, Index: 10 * n, At: day0.Add(time.Duration(n) * time.Hour), Chain: Hash{byte(n)}, Sum: sha256.Sum256(payload),
	}}
}

func open(t *testing.T, cfg Config) *Archive {
	t.Helper()
	cfg.Logger = zerolog.Nop()
	a, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func fill(t *testing.T, a *Archive, from, to uint64) {
	t.Helper()
	for n := from; n <= to; n++ {
		if err := a.Append(record(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Sync(day0); err != nil {
		t.Fatal(err)
	}
}

func TestKeepsWhatWasAppended(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), SegmentSize: 2000}
	a := open(t, cfg)
	fill(t, a, 1, 40)
	fill(t, a, 30, 40) // the log, read again
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = open(t, cfg)
	fill(t, a, 41, 50)
	if files, _ := filepath.Glob(filepath.Join(cfg.Dir, "*.past")); len(files) < 3 {
		t.Fatalf("only %d segments: the test shows nothing", len(files))
	}
	for n := uint64(1); n <= 50; n++ {
		r, err := a.At(n)
		if want := record(n); err != nil || r.Place != want.Place || !bytes.Equal(r.Payload, want.Payload) {
			t.Fatalf("epoch %d: %+v, %v", n, r.Place, err)
		}
	}
	if _, err := a.At(51); !errors.Is(err, ErrNotKept) {
		t.Errorf("epoch of the future: %v", err)
	}
	if l := a.List(3); len(l) != 3 || l[0].Epoch != 48 || l[2].Epoch != 50 {
		t.Errorf("list %+v", l)
	}
	if rep, err := a.Verify(); err != nil || len(rep.Places) != 50 || len(rep.Damaged) != 0 || rep.Head == (Hash{}) {
		t.Errorf("report of %d records, damaged %q, %v", len(rep.Places), rep.Damaged, err)
	}
}

// The last of several records of one epoch counts: it has the later events.
func TestEpochTwice(t *testing.T) {
	a := open(t, Config{Dir: t.TempDir()})
	one, two := record(7), record(7)
	two.Index++
	for _, r := range []Record{one, two} {
		if err := a.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := a.At(7); err != nil || r.Index != two.Index {
		t.Errorf("index %d, %v", r.Index, err)
	}
}

func TestPrunedByAgeAndSize(t *testing.T) {
	a := open(t, Config{Dir: t.TempDir(), SegmentSize: 1000, MaxAge: 24 * time.Hour})
	fill(t, a, 1, 60)
	if err := a.Sync(day0.Add(60 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if l := a.List(100); l[0].Epoch < 30 || l[0].Epoch > 36 {
		t.Errorf("after 24 h of 60 the oldest is epoch %d", l[0].Epoch)
	}
	b := open(t, Config{Dir: t.TempDir(), SegmentSize: 1000, MaxSize: 3000})
	fill(t, b, 1, 60)
	if l := b.List(100); len(l) == 60 || len(l) < 10 {
		t.Errorf("%d records kept", len(l))
	}
	// What was removed is no damage: the oldest segment is the anchor.
	if rep, err := b.Verify(); err != nil || len(rep.Damaged) != 0 {
		t.Errorf("damaged %q, %v", rep.Damaged, err)
	}
}

// TestEveryFlippedByteIsSeen flips each octet of a segment in turn, and cuts it
// at each place. A cut may pass for a crash, but no wrong record is served.
func TestEveryFlippedByteIsSeen(t *testing.T) {
	cfg := Config{Dir: t.TempDir()}
	a := open(t, cfg)
	fill(t, a, 1, 4)
	path := a.newest().path
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		for _, bit := range []byte{0x01, 0x80, 0xff} {
			b := bytes.Clone(whole)
			b[i] ^= bit
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if rep, err := a.Verify(); err != nil || len(rep.Damaged) != 1 {
				t.Fatalf("octet %d: report %q, %v", i, rep.Damaged, err)
			}
			if _, cut, err := readSegment(path, 1); !errors.Is(err, ErrDamaged) && !cut {
				t.Fatalf("octet %d: opened, %v", i, err)
			}
		}
		if err := os.WriteFile(path, whole[:i], 0o600); err != nil {
			t.Fatal(err)
		}
		if s, _, err := readSegment(path, 1); err == nil {
			for n, l := range s.places {
				if l.Place != record(uint64(n+1)).Place {
					t.Fatalf("cut at %d: wrong record %+v", i, l.Place)
				}
			}
		} else if !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

func TestDamagedSegmentIsSetAside(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), SegmentSize: 600}
	a := open(t, cfg)
	fill(t, a, 1, 20)
	second := a.segments[1].path
	lost := len(a.segments[1].places)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 4
	if err := os.WriteFile(second, b, 0o600); err != nil {
		t.Fatal(err)
	}
	a = open(t, cfg)
	fill(t, a, 21, 25)
	if got := len(a.List(100)); got != 25-lost || !slices.Equal(a.Damaged(), []string{second + damagedSuffix}) {
		t.Errorf("%d records left of 25, %d were lost; set aside %q", got, lost, a.Damaged())
	}
	if rep, err := a.Verify(); err != nil || len(rep.Damaged) != 1 {
		t.Errorf("damaged %q, %v", rep.Damaged, err)
	}
}

// A record that was taken out, with everything else left as it is.
func TestMissingRecordIsSeen(t *testing.T) {
	cfg := Config{Dir: t.TempDir()}
	a := open(t, cfg)
	fill(t, a, 1, 3)
	s := a.newest()
	b, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	without := slices.Concat(b[:s.places[1].at], b[s.places[2].at:])
	if err := os.WriteFile(s.path, without, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := readSegment(s.path, 1); !errors.Is(err, ErrDamaged) {
		t.Errorf("opened without the second record: %v", err)
	}
}

// Restart after a crash in the middle of a record: it is written again.
func TestUnfinishedRecordIsWrittenAgain(t *testing.T) {
	cfg := Config{Dir: t.TempDir()}
	a := open(t, cfg)
	fill(t, a, 1, 3)
	path, last := a.newest().path, a.newest().places[2].at
	if err := errors.Join(a.Close(), os.Truncate(path, last+20)); err != nil {
		t.Fatal(err)
	}
	a = open(t, cfg)
	if n := len(a.List(10)); n != 2 {
		t.Fatalf("%d records", n)
	}
	fill(t, a, 3, 4)
	if rep, err := a.Verify(); err != nil || len(rep.Places) != 4 || len(rep.Damaged) != 0 {
		t.Errorf("report %+v, %v", rep, err)
	}
}
