package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// TestChecksAreDocumented holds docs/checks.md current: every kind, and every
// setting of checks.
func TestChecksAreDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "checks.md"))
	if err != nil {
		t.Fatal(err)
	}
	words := append(append([]string{}, fleet.CheckKinds...), fleet.ExtraKinds...)
	words = append(words, keysOf(reflect.TypeFor[fleet.Checks]())...)
	for _, w := range words {
		if !strings.Contains(string(text), "`"+w+"`") && !strings.Contains(string(text), "`"+w+":") {
			t.Errorf("docs/checks.md has no word about %s", w)
		}
	}
}
