package config_test

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzParse feeds any text to every kind of file: never a panic, and each
// error names a place inside the text.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{filepath.Join("testdata", "*", "*.yaml"), filepath.Join("testdata", "*.yaml"), filepath.Join(samples, "*.yaml")} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("seeds: %v %v", files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	for _, text := range []string{"", "---\n...\n", "a: 1\n...\nb: 2\n", "? a\n: b\n", "a: |\n  x\n y", "{a: [}", "%YAML 1.2\n---\na: 1", "a: \"\\u0000\"", "- - -", "a:\n  - b\n c"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, parse := range parsers {
			if err := parse("file", text); err != nil {
				wellFormed(t, err, text)
				_ = err.Error()
			}
		}
	})
}
