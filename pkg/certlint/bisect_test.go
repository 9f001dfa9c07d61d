package certlint

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// culprits returns a command that fails when any of the files is there.
func culprits(files ...string) Command {
	return func(_ context.Context, dir string) (bool, error) {
		for _, f := range files {
			if _, err := os.Stat(filepath.Join(dir, f)); err == nil {
				return false, nil
			}
		}
		return true, nil
	}
}

func manyFiles(t *testing.T, n int) string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("t%04d.pem", i)] = "x"
	}
	return write(t, files)
}

// TestBisectInElevenRounds: one bad certificate of 1,024, wherever it lies.
func TestBisectInElevenRounds(t *testing.T) {
	dir := manyFiles(t, 1024)
	for _, bad := range []int{0, 1, 511, 512, 700, 1022, 1023} {
		file := fmt.Sprintf("t%04d.pem", bad)
		found, err := Bisect(t.Context(), dir, t.TempDir(), culprits(file), nil)
		if err != nil || !slices.Equal(found.Files, []string{file}) || !found.Alone {
			t.Fatalf("%s: found %v, %v", file, found.Files, err)
		}
		if n := len(found.Rounds); n > 11 {
			t.Errorf("%s: %d rounds", file, n)
		}
	}
}

func TestBisectOddNumbers(t *testing.T) {
	for n := 1; n <= 9; n++ {
		dir := manyFiles(t, n)
		for bad := range n {
			file := fmt.Sprintf("t%04d.pem", bad)
			found, err := Bisect(t.Context(), dir, t.TempDir(), culprits(file), nil)
			if err != nil || !slices.Equal(found.Files, []string{file}) {
				t.Errorf("%d of %d: found %v, %v", bad, n, found.Files, err)
			}
		}
	}
}

// TestBisectIsNotFooled: what is no single bad certificate is not called one.
func TestBisectIsNotFooled(t *testing.T) {
	dir := manyFiles(t, 16)
	always := func(context.Context, string) (bool, error) { return false, nil }
	never := func(context.Context, string) (bool, error) { return true, nil }
	together := func(_ context.Context, dir string) (bool, error) { // two that do not go together
		files, err := os.ReadDir(dir)
		return len(files) < 16, err
	}
	for name, tt := range map[string]struct {
		run  Command
		want error
	}{"always": {always, ErrAlwaysFails}, "never": {never, ErrNeverFails}, "together": {together, ErrNeverFails}} {
		if _, err := Bisect(t.Context(), dir, t.TempDir(), tt.run, nil); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// TestBisectKeepsThingsTogether: a key travels with its certificate, and what
// is no certificate is always there.
func TestBisectKeepsThingsTogether(t *testing.T) {
	dir := write(t, map[string]string{"a.pem": "x", "a.key": "x", "sub/b.pem": "x", "sub/b.key": "x", "c.pem": "x", "c.key": "x", "openssl.cnf": "x"})
	run := func(_ context.Context, d string) (bool, error) {
		var names []string
		err := filepath.WalkDir(d, func(path string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				rel, _ := filepath.Rel(d, path)
				names = append(names, rel)
			}
			return err
		})
		for _, n := range []string{"a", "sub/b", "c"} {
			if slices.Contains(names, n+".pem") != slices.Contains(names, n+".key") {
				t.Errorf("torn apart: %q", names)
			}
		}
		if !slices.Contains(names, "openssl.cnf") {
			t.Errorf("missing: %q", names)
		}
		return !slices.Contains(names, "sub/b.pem"), err
	}
	found, err := Bisect(t.Context(), dir, t.TempDir(), run, nil)
	if slices.Sort(found.Files); err != nil || strings.Join(found.Files, " ") != "sub/b.key sub/b.pem" {
		t.Errorf("found %q, %v", found.Files, err)
	}
}
