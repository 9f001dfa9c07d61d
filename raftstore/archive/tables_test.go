package archive

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// tableOf is a text that does not compress.
func tableOf(n uint64, octets int) ([]byte, Hash) {
	text := make([]byte, octets)
	r := rand.New(rand.NewPCG(n, n))
	for i := range text {
		text[i] = byte(r.Uint32())
	}
	return text, sha256.Sum256(text)
}

func keepTable(t *testing.T, a *Archive, n uint64, octets int) Hash {
	t.Helper()
	text, sum := tableOf(n, octets)
	if err := a.KeepTable(10*n, sum, text); err != nil {
		t.Fatal(err)
	}
	return sum
}

func tableFiles(t *testing.T, cfg Config) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(cfg.Dir, tablesDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestTablesAreKept(t *testing.T) {
	cfg := Config{Dir: t.TempDir()}
	a := open(t, cfg)
	sums := []Hash{keepTable(t, a, 1, 500), keepTable(t, a, 2, 500), keepTable(t, a, 2, 500)}
	again, sum := tableOf(1, 500)
	if err := a.KeepTable(30, sum, again); err != nil {
		t.Fatal(err)
	}
	if n := len(tableFiles(t, cfg)); n != 3 {
		t.Errorf("%d files: the newest is not kept twice, one that comes again is", n)
	}
	if err := os.WriteFile(filepath.Join(cfg.Dir, tablesDir, "1.tmp"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	a = open(t, cfg)
	keepTable(t, a, 1, 500)
	if n := len(tableFiles(t, cfg)); n != 3 {
		t.Errorf("%d files after another start", n)
	}
	for i, sum := range sums {
		text, err := a.Table(sum)
		if err != nil || sha256.Sum256(text) != sum {
			t.Errorf("table %d: %d octets, %v", i, len(text), err)
		}
	}
	if _, err := a.Table(Hash{1}); !errors.Is(err, ErrNotKept) {
		t.Errorf("one that never was: %v", err)
	}
}

// TestEveryFlippedByteOfATableIsSeen, when it is read and by Verify.
func TestEveryFlippedByteOfATableIsSeen(t *testing.T) {
	cfg := Config{Dir: t.TempDir()}
	a := open(t, cfg)
	text := bytes.Repeat([]byte("acme west, "), 20)
	sum := Hash(sha256.Sum256(text))
	if err := a.KeepTable(1, sum, text); err != nil {
		t.Fatal(err)
	}
	path := tableFiles(t, cfg)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seen := func(what string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Table(sum); !errors.Is(err, ErrDamaged) {
			t.Fatalf("%s: %v", what, err)
		}
		if rep, err := a.Verify(); err != nil || len(rep.Damaged) != 1 {
			t.Fatalf("%s: verified: %q, %v", what, rep.Damaged, err)
		}
	}
	for i := range whole {
		for _, bit := range []byte{0x01, 0x80} {
			b := bytes.Clone(whole)
			b[i] ^= bit
			if got, err := readTable(bytes.NewReader(b), path, sum); err == nil && bytes.Equal(got, text) {
				continue // a spare bit of the last octet
			}
			seen(fmt.Sprintf("octet %d", i), b)
		}
		seen(fmt.Sprintf("cut at %d", i), whole[:i])
	}
	seen("one octet more", append(bytes.Clone(whole), 0))
}

// TestTablesAreBounded: half of the space is theirs, and those that no record
// names go with the records.
func TestTablesAreBounded(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), SegmentSize: 700, MaxSize: 20_000}
	a := open(t, cfg)
	var sums []Hash
	for n := uint64(1); n <= 30; n++ {
		sums = append(sums, keepTable(t, a, n, 3000))
		fill(t, a, n, n)
	}
	var size int64
	for _, f := range tableFiles(t, cfg) {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if n := len(tableFiles(t, cfg)); n != 3 || size > cfg.MaxSize/2 {
		t.Errorf("%d tables with %d octets", n, size)
	}
	if _, err := a.Table(sums[29]); err != nil {
		t.Errorf("the newest: %v", err)
	}
	if _, err := a.Table(sums[0]); !errors.Is(err, ErrNotKept) {
		t.Errorf("the oldest: %v", err)
	}
	text, sum := tableOf(99, 15_000)
	if err := a.KeepTable(999, sum, text); err == nil {
		t.Error("one that leaves no room for records was taken")
	}
	for range 2 { // the records go first
		if err := a.Sync(day0.Add(400 * 24 * time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if n, least := len(a.tables), a.newest().places[0].Index; len(a.segments) != 1 || n > 1 && a.tables[1].index <= least {
		t.Errorf("%d tables from entry %d on, the records begin at %d", n, a.tables[0].index, least)
	}
}

// TestTablesTravel with a packed past, but for one that is damaged.
func TestTablesTravel(t *testing.T) {
	cfg := Config{Dir: t.TempDir()}
	a := open(t, cfg)
	fill(t, a, 1, 3)
	bad, good := keepTable(t, a, 1, 500), keepTable(t, a, 2, 500)
	flip(t, tableFiles(t, cfg)[0])
	packed, dir := pack(t, a), t.TempDir()
	for _, to := range []string{"", dir} {
		if p, err := Unpack(bytes.NewReader(packed), to); err != nil || p.Tables != 1 || p.Records != 3 {
			t.Fatalf("%+v, %v", p, err)
		}
	}
	b := open(t, Config{Dir: dir})
	if _, err := b.Table(good); err != nil {
		t.Errorf("the good one: %v", err)
	}
	if _, err := b.Table(bad); !errors.Is(err, ErrNotKept) {
		t.Errorf("the damaged one: %v", err)
	}
}
