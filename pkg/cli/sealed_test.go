package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Nobody is told to change the mode of a file that is not there.
func TestPassphraseFileIsRefused(t *testing.T) {
	wide := filepath.Join(t.TempDir(), "wide")
	if err := os.WriteFile(wide, []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(wide, 0o640); err != nil {
		t.Fatal(err)
	}
	for path, hint := range map[string]string{wide: "chmod 600 " + wide, wide + "r": "look at the name"} {
		s := sealing{passphrase: path}
		_, err := s.readPassphrase()
		var usage *usageError
		if !errors.As(err, &usage) || !strings.Contains(usage.hint, hint) || !strings.Contains(usage.Error(), path) {
			t.Errorf("%s: %v (%+v), want the hint %q", path, err, usage, hint)
		}
	}
}
