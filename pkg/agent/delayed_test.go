package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/wholefile"
	"github.com/sipsteer/sipsteer/raftstore"
)

// A copy that is not whole gets no name and leaves nothing, nor do those that a
// crash has left stay for ever.
func TestUnfinishedCopiesGo(t *testing.T) {
	d := newDelayed(t.TempDir(), 24*time.Hour, nil, func() string { return "" }, zerolog.Nop())
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(d.dir, "20261101T000000.000Z.backup.123"+wholefile.Suffix)
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, take := range map[string]func(*os.File) error{
		"the store gives none":             func(*os.File) error { return errors.New("in doubt") },
		"what was written is not a backup": func(f *os.File) error { _, err := f.WriteString("sRbk, but not"); return err },
	} {
		d.take = take
		d.turn(time.Date(2026, 11, 1, 1, 0, 0, 0, time.UTC), time.Hour)
		if _, _, problem := d.status(); problem == "" {
			t.Errorf("%s: no problem is shown", what)
		}
		if files, err := os.ReadDir(d.dir); err != nil || len(files) != 0 {
			t.Errorf("%s: %v, %v lie there", what, files, err)
		}
	}
}

// The copy is restored once a day, and at once when the last time it failed and
// there is another; how it went is told.
func TestDelayedCopyIsRestoredForPractice(t *testing.T) {
	w := newWorld(t, nil)
	a := w.agents[0]
	d := newDelayed(t.TempDir(), 24*time.Hour, func() *raftstore.Store { return a.store }, func() string { return "" }, zerolog.Nop())
	times := 0
	d.drill = func(ctx context.Context, path string) (Drill, error) {
		times++
		return drillFile(ctx, path)
	}
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	hour := func(h int) {
		t.Helper()
		now := start.Add(time.Duration(h) * time.Hour)
		d.turn(now, time.Hour)
		d.practise(t.Context(), now)
	}
	for h := range 24 {
		hour(h)
	}
	if times != 0 || d.practised() != nil {
		t.Errorf("%d practices without a copy: %+v", times, d.practised())
	}
	for h := 24; h < 72; h++ {
		hour(h)
	}
	p := d.practised()
	if times != 2 || p.Problem != "" || p.Records == 0 || p.Took <= 0 || !p.At.Equal(start.Add(48*time.Hour)) {
		t.Errorf("%d practices in two days: %+v", times, p)
	}

	d.drill = func(context.Context, string) (Drill, error) { times++; return Drill{}, errors.New("no room") }
	hour(72)
	if p = d.practised(); times != 3 || p.Problem != "no room" {
		t.Errorf("%d practices: %+v", times, p)
	}
	f := findings(api.StoreStatus{Quorum: true, Voters: 3, DelayedPractice: p}, start)
	if len(f) != 1 || !strings.Contains(f[0].Text, "no room") || f[0].Next != "sipsteer restore --verify "+p.File {
		t.Errorf("findings %+v", f)
	}
	d.practise(t.Context(), start.Add(72*time.Hour)) // of the same copy: nothing new
	if times != 3 {
		t.Errorf("%d practices", times)
	}
	d.drill = drillFile
	if hour(73); d.practised().Problem != "" {
		t.Errorf("the next copy: %+v", d.practised())
	}
}
