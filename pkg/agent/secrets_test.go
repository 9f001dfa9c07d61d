package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"good": 0o600, "open": 0o640, "empty": 0o600} {
		text := "secret of " + name + "\r\n"
		if name == "empty" {
			text = "\n"
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	env := func(name string) string {
		return map[string]string{"SIPSTEER_SECRET_FROM_ENV": "e", "SIPSTEER_SECRET_BOTH": "b"}[name]
	}
	for _, tt := range []struct {
		secrets           Secrets
		name, want, fails string
	}{
		{Secrets{Dir: dir}, "good", "secret of good", ""},
		{Secrets{Dir: dir}, "open", "", "chmod 0600"},
		{Secrets{Dir: dir}, "empty", "", "is empty"},
		{Secrets{Dir: dir}, "absent", "", "write " + filepath.Join(dir, "absent") + ", or set SIPSTEER_SECRET_ABSENT"},
		{Secrets{}, "good", "", "set secrets_dir"},
		{Secrets{Getenv: env}, "from-env", "e", ""},
		{Secrets{Dir: dir}, "../" + filepath.Base(dir) + "/good", "secret of good", ""}, // never leaves the directory
	} {
		got, err := tt.secrets.lookup(tt.name)
		switch {
		case tt.fails == "" && (err != nil || got != tt.want):
			t.Errorf("%s: %q, %v", tt.name, got, err)
		case tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails) || strings.Contains(err.Error(), "secret of")):
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.fails)
		}
	}
}
