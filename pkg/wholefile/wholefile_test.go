package wholefile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

func TestReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path+wholefile.Suffix, []byte("what a crash left, and longer"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"first", "second, longer", "", "3"} {
		put := wholefile.Replace
		if i%2 == 1 {
			put = wholefile.Put
		}
		if err := put(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("read %q, %v: want %q", got, err, want)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	alone(t, path)
}

// A file that cannot be replaced stays, and nothing lies beside it.
func TestReplaceThatFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "place")
	if err := os.MkdirAll(filepath.Join(path, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := wholefile.Replace(path, []byte("x")); err == nil {
		t.Error("a directory was replaced by a file")
	}
	if _, err := os.Stat(filepath.Join(path, "taken")); err != nil {
		t.Error(err)
	}
	alone(t, path)
	if err := wholefile.Replace(filepath.Join(path, "missing", "file"), []byte("x")); err == nil {
		t.Error("a file was put into a directory that is not there")
	}
}

func TestReplaceAs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path+wholefile.Suffix, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o644, 0o600} {
		if err := wholefile.ReplaceAs(path, []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("mode %v, %v, want %v", info.Mode(), err, mode)
		}
	}
	alone(t, path)
}

// What is not filled to its end changes nothing and leaves nothing, and nobody sees
// the half of it.
func TestFill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write := func(text string, err error) error {
		return wholefile.Fill(path, func(f *os.File) error {
			if _, err := f.WriteString(text); err != nil {
				return err
			}
			if had, rerr := os.ReadFile(path); rerr == nil && string(had) == text {
				t.Errorf("%q has its name already", text)
			}
			return err
		})
	}
	if err := write("first", nil); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("what arrived is not whole")
	if err := write("second", refused); !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
	alone(t, path)
	if got, err := os.ReadFile(path); err != nil || string(got) != "first" {
		t.Errorf("read %q, %v", got, err)
	}
	if err := write("third", nil); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 5 {
		t.Errorf("%v, %v", info, err)
	}
	alone(t, path)
}

func TestSyncDir(t *testing.T) {
	if err := wholefile.SyncDir(t.TempDir()); err != nil {
		t.Error(err)
	}
	if err := wholefile.SyncDir(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a directory that is not there was synced")
	}
}

// alone checks that nothing is left beside path.
func alone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d entries beside %s, %v", len(entries), path, err)
	}
}
