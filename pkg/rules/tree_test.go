package rules

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// root is the repository's root, seen from this package.
const root = "../.."

// source is one Go file.
type source struct {
	name string // from the root
	test bool
	text []byte
	ast  *ast.File
}

// imported is one import of a file.
type imported struct {
	path, pos string
	test      bool
}

// folder is one package's folder with all of its files, for every system.
type folder struct {
	path    string // from the root
	files   []*source
	imports []imported
}

var fset = token.NewFileSet()

// tree returns every folder with Go files.
var treeOnce = sync.OnceValues(func() ([]*folder, error) {
	byPath := map[string]*folder{}
	var out []*folder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "tools") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		src, err := read(path)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(src.name))
		if byPath[dir] == nil {
			byPath[dir] = &folder{path: dir}
			out = append(out, byPath[dir])
		}
		f := byPath[dir]
		f.files = append(f.files, src)
		for _, i := range src.ast.Imports {
			p, _ := strconv.Unquote(i.Path.Value)
			f.imports = append(f.imports, imported{p, position(i.Pos()), src.test})
		}
		return nil
	})
	return out, err
})

func tree(t *testing.T) []*folder {
	t.Helper()
	out, err := treeOnce()
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("found only %d packages below %s: these tests would prove nothing", len(out), root)
	}
	return out
}

func read(path string) (*source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	name, err := filepath.Rel(root, path)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(fset, filepath.ToSlash(name), text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	return &source{filepath.ToSlash(name), strings.HasSuffix(path, "_test.go"), text, file}, nil
}

func (s *source) lines() int { return bytes.Count(s.text, []byte("\n")) }

// imports reports whether the file imports a package.
func (s *source) imports(path string) bool {
	for _, i := range s.ast.Imports {
		if p, _ := strconv.Unquote(i.Path.Value); p == path {
			return true
		}
	}
	return false
}

// calls visits each call pkg.Func(…) of the file.
func (s *source) calls(visit func(pkg, function string, pos token.Pos)) {
	ast.Inspect(s.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok && id.Obj == nil {
				visit(id.Name, sel.Sel.Name, sel.Pos())
			}
		}
		return true
	})
}

func position(pos token.Pos) string {
	p := fset.Position(pos)
	return p.Filename + ":" + strconv.Itoa(p.Line)
}

var backquoted = regexp.MustCompile("`([^`]+)`")

// documentedPlaces returns the places in the first column of the table under
// "The tree".
func documentedPlaces(t *testing.T, doc string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, doc))
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "## The tree\n")
	if !ok {
		t.Fatalf("%s has no section The tree", doc)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var out []string
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, m := range backquoted.FindAllStringSubmatch(cells[1], -1) {
			out = append(out, m[1])
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s: no table under The tree", doc)
	}
	return out
}
