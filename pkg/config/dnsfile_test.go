package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/config"
)

// A secret is read from a file that nobody else may read, and is never told.
func TestSecret(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		mode os.FileMode
		want string // of the error
	}{
		"good":            {"c2VjcmV0IHRoYXQgaGFzIDMyIG9jdGV0cyBpbiBpdCE=\n", 0o600, ""},
		"others may read": {"c2VjcmV0IHRoYXQgaGFzIDMyIG9jdGV0cyBpbiBpdCE=", 0o644, "chmod 600"},
		"short":           {"c2VjcmV0", 0o600, "at least 16 octets"},
		"no base64":       {"a secret in plain text!", 0o600, "at least 16 octets"},
	} {
		file := filepath.Join(t.TempDir(), "transfer.key")
		if err := os.WriteFile(file, []byte(tc.text), tc.mode); err != nil {
			t.Fatal(err)
		}
		secret, err := config.TSIGKey{Name: "k", SecretFile: file}.Secret()
		switch {
		case tc.want == "" && (err != nil || string(secret) != "secret that has 32 octets in it!"):
			t.Errorf("%s: %q, %v", name, secret, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), strings.TrimSpace(tc.text))):
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (config.TSIGKey{SecretFile: "/does/not/exist"}).Secret(); err == nil {
		t.Error("a secret out of nothing")
	}
}
