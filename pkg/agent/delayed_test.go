package agent

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/wholefile"
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
