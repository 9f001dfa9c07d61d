package rules

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link     = regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)
	testName = regexp.MustCompile(`\b(Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]*\b`)
)

// TestDocumentsPointToWhatExists checks the links between documents, the files
// in backquotes that look like paths, and every test that is named.
func TestDocumentsPointToWhatExists(t *testing.T) {
	functions := map[string]bool{}
	for _, p := range tree(t) {
		for _, f := range p.files {
			for _, d := range f.ast.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && f.test {
					functions[fn.Name.Name] = true
				}
			}
		}
	}
	for _, name := range tracked(t) {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if !exists(filepath.Join(root, filepath.Dir(name), m[1])) {
				t.Errorf("%s: link to %s, which does not exist", name, m[1])
			}
		}
		for _, m := range backquoted.FindAllStringSubmatch(string(text), -1) {
			if place := m[1]; looksLikePath(place) && !exists(filepath.Join(root, place)) && !exists(filepath.Join(root, filepath.Dir(name), place)) {
				t.Errorf("%s: names %s, which does not exist", name, place)
			}
			for _, fn := range testName.FindAllString(m[1], -1) {
				if !functions[fn] {
					t.Errorf("%s: names the test %s, which does not exist", name, fn)
				}
			}
		}
	}
}

// looksLikePath reports whether a word is a path of this tree.
func looksLikePath(s string) bool {
	if strings.ContainsAny(s, " <>*…:=") || !strings.Contains(s, "/") {
		return false
	}
	top, _, _ := strings.Cut(s, "/")
	return exists(filepath.Join(root, top))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
