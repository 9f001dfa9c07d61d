package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/config"
)

// TestAccessKey reads an access key as the AWS tools write it, of nobody else
// than its owner, and never tells it in an error.
func TestAccessKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "aws.key")
	for name, tc := range map[string]struct {
		text string
		mode os.FileMode
		want config.Access
	}{
		"one":         {"[default]\naws_access_key_id = AKID\naws_secret_access_key=abc/def+=\n", 0o600, config.Access{ID: "AKID", Secret: "abc/def+="}},
		"the first":   {"aws_access_key_id=A\naws_secret_access_key=B\naws_session_token = T\n[two]\naws_access_key_id=C\n", 0o400, config.Access{ID: "A", Secret: "B", Session: "T"}},
		"half":        {"aws_secret_access_key = abcdef\n", 0o600, config.Access{}},
		"for all":     {"aws_access_key_id=A\naws_secret_access_key=abcdef\n", 0o644, config.Access{}},
		"another key": {"abcdef\n", 0o600, config.Access{}},
	} {
		if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, tc.mode); err != nil {
			t.Fatal(err)
		}
		got, err := config.Route53{KeyFile: file}.Key()
		if got != tc.want || (err == nil) != (tc.want.ID != "") || err != nil && strings.Contains(err.Error(), "abcdef") {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}
