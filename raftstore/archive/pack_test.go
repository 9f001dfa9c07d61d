package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"slices"
	"testing"
)

func pack(t *testing.T, a *Archive) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := a.Pack(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestPackedPastIsTheSame: what was packed and unpacked goes on where it ended.
func TestPackedPastIsTheSame(t *testing.T) {
	a := open(t, Config{Dir: t.TempDir(), SegmentSize: 2000})
	fill(t, a, 1, 40)
	packed := pack(t, a)
	dir := t.TempDir()
	for _, to := range []string{"", dir} {
		p, err := Unpack(bytes.NewReader(packed), to)
		if err != nil || p.Records != 40 || p.First.Epoch != 1 || p.Last != record(40).Place || p.Gaps != 0 {
			t.Fatalf("into %q: %+v, %v", to, p, err)
		}
	}
	b := open(t, Config{Dir: dir, SegmentSize: 2000})
	fill(t, a, 41, 60)
	fill(t, b, 38, 60)
	was, errA := a.Verify()
	is, errB := b.Verify()
	if errA != nil || errB != nil || is.Head != was.Head || !slices.Equal(is.Places, was.Places) || len(is.Damaged) > 0 {
		t.Errorf("%d records ending in %x, were %d ending in %x; %v, %v", len(is.Places), is.Head, len(was.Places), was.Head, errA, errB)
	}
	if p, err := Unpack(bytes.NewReader(pack(t, open(t, Config{Dir: t.TempDir()}))), ""); err != nil || p.Records != 0 {
		t.Errorf("an empty past: %+v, %v", p, err)
	}
}

// TestDamagedSegmentIsLeftOutOfThePack: the others are packed, the gap is told.
func TestDamagedSegmentIsLeftOutOfThePack(t *testing.T) {
	a := open(t, Config{Dir: t.TempDir(), SegmentSize: 2000})
	fill(t, a, 1, 40)
	flip(t, a.segments[1].path)
	p, err := Unpack(bytes.NewReader(pack(t, a)), t.TempDir())
	if want := 40 - len(a.segments[1].places); err != nil || p.Records != want || p.Gaps != 1 {
		t.Errorf("%+v, %v; %d records are sound", p, err, want)
	}
}

func flip(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestUnpackTakesOnlyWhatPackWrote.
func TestUnpackTakesOnlyWhatPackWrote(t *testing.T) {
	a := open(t, Config{Dir: t.TempDir(), SegmentSize: 700})
	fill(t, a, 1, 20)
	segment := func(i int) []byte {
		b, err := os.ReadFile(a.segments[i].path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	type file struct {
		name string
		data []byte
	}
	first, second := segment(0), segment(1)
	for name, files := range map[string][]file{
		"out of the directory": {{"../" + segmentName(1), first}},
		"another name":         {{"served.json", first}},
		"cut":                  {{segmentName(1), first[:len(first)-3]}},
		"empty":                {{segmentName(1), nil}},
		"twice":                {{segmentName(1), first}, {segmentName(1), first}},
		"turned round":         {{segmentName(2), second}, {segmentName(1), first}},
		"of another chain":     {{segmentName(1), first}, {segmentName(2), first}},
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, f := range files {
			if err := w.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.data)), Mode: 0o600}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(f.data); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Unpack(&b, ""); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHolds: only a past with all of a packed one, and no damage, holds it.
func TestHolds(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), SegmentSize: 2000}
	a := open(t, cfg)
	fill(t, a, 1, 40)
	p, err := Unpack(bytes.NewReader(pack(t, a)), "")
	if err != nil {
		t.Fatal(err)
	}
	holds := func(a *Archive) bool {
		t.Helper()
		ok, err := a.Holds(p)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	fill(t, a, 41, 45)
	if !holds(a) {
		t.Error("one that went on holds it not")
	}
	for name, r := range map[string][2]uint64{"older": {1, 39}, "younger": {2, 45}} {
		b := open(t, Config{Dir: t.TempDir()})
		if fill(t, b, r[0], r[1]); holds(b) {
			t.Errorf("one that is %s holds it", name)
		}
	}
	other := p
	other.Last.Sum[0] ^= 1
	if ok, err := a.Holds(other); ok || err != nil {
		t.Errorf("another past: %v, %v", ok, err)
	}
	flip(t, a.segments[1].path)
	if holds(open(t, cfg)) {
		t.Error("a damaged one holds it")
	}
}
