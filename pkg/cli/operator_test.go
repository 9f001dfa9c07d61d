package cli

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
)

// A new token ends the one before, so none is made that cannot be kept; and what
// others could read before they cannot read after.
func TestTokenIsKeptOrNotMade(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "token")
	made := 0
	set := func() (api.OperatorToken, error) {
		made++
		return api.OperatorToken{Operator: api.Operator{Name: "alice"}, Token: "secret"}, nil
	}

	if _, err := saveToken(filepath.Join(dir, "missing", "token"), set); err == nil || made != 0 {
		t.Errorf("%d tokens made for a directory that is not there: %v", made, err)
	}
	if err := os.WriteFile(path, []byte("older\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	if _, err := saveToken(path, func() (api.OperatorToken, error) { return api.OperatorToken{}, refused }); !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "older\n" {
		t.Errorf("the file holds %q after a refusal, %v", text, err)
	}
	got, err := saveToken(path, set)
	if err != nil || got.Name != "alice" || got.Token != "" {
		t.Errorf("%+v, %v", got, err)
	}
	text, err := os.ReadFile(path)
	info, serr := os.Stat(path)
	if err != nil || serr != nil || string(text) != "secret\n" || info.Mode().Perm() != 0o600 {
		t.Errorf("the file holds %q, %v, mode %v, %v", text, err, info.Mode(), serr)
	}
}
