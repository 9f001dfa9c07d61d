package config_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew; look at the difference before you commit it")

// golden compares got with the file, or writes it.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./pkg/config -update writes it)", err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s is not current (go test ./pkg/config -update):\n--- have\n%s\n--- want\n%s", path, want, got)
	}
}
