package rules

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// pure lists the packages whose functions depend on their arguments alone.
// Live agents, plan and the simulator run the same code of theirs.
var pure = []string{"pkg/fleet", "pkg/health", "pkg/srv", "pkg/steer", "pkg/plan", "pkg/runbook", "pkg/sim", "pkg/incident"}

// impure says what a pure package may not import itself, and why.
var impure = map[string]string{
	"os":           "files and environment",
	"io/fs":        "files",
	"log":          "output; the core returns events",
	"log/slog":     "output; the core returns events",
	"context":      "pure functions cannot block",
	"sync":         "pure functions share nothing",
	"sync/atomic":  "pure functions share nothing",
	"time/tzdata":  "depends on the machine",
	"math/rand":    "seeded by the process; use math/rand/v2 with a source that was passed in",
	"crypto/rand":  "random",
	"unsafe":       "not needed",
	"hash/maphash": "seeded by the process",
}

// clock lists what reads or waits for the machine's clock.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Local", "LoadLocation"}

// seeded lists what math/rand/v2 offers without the process's own source.
var seeded = []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "PCG", "ChaCha8", "Zipf"}

func isPure(path string) bool {
	return slices.Contains(pure, path)
}

func TestPurePackagesDependOnTheirArgumentsAlone(t *testing.T) {
	checked := 0
	for _, p := range tree(t) {
		if !isPure(p.path) {
			continue
		}
		checked++
		for _, f := range p.files {
			if f.test {
				continue
			}
			pureImports(t, f)
			ast.Inspect(f.ast, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s: a go statement in a pure package", position(n.Pos()))
				case *ast.SelectStmt:
					t.Errorf("%s: a select statement in a pure package", position(n.Pos()))
				case *ast.ChanType:
					t.Errorf("%s: a channel in a pure package", position(n.Pos()))
				}
				return true
			})
			f.calls(func(pkg, function string, pos token.Pos) {
				if pkg == "time" && slices.Contains(clock, function) {
					t.Errorf("%s: time.%s in a pure package: time is an argument", position(pos), function)
				}
				if pkg == "rand" && !slices.Contains(seeded, function) {
					t.Errorf("%s: rand.%s takes the process's own seed: pass a source", position(pos), function)
				}
			})
		}
	}
	if checked < 5 {
		t.Fatalf("only %d pure packages found", checked)
	}
}

func pureImports(t *testing.T, f *source) {
	t.Helper()
	for _, i := range f.ast.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		if why, bad := impure[path]; bad {
			t.Errorf("%s: a pure package imports %s: %s", position(i.Pos()), path, why)
		}
	}
}

// lent are modules of others that a pure package may use, and why.
var lent = map[string]string{
	"github.com/expr-lang/expr": "the language of a runbook's conditions: values in, a value out; it has no dependency of its own",
}

// TestPurePackagesReachNoNetwork looks at everything below: no package net, and
// no module of others but those that are lent.
func TestPurePackagesReachNoNetwork(t *testing.T) {
	for _, p := range load(t, packages.NeedName|packages.NeedImports|packages.NeedDeps) {
		seen := map[string]bool{}
		var walk func(q *packages.Package, chain string)
		walk = func(q *packages.Package, chain string) {
			if seen[q.PkgPath] {
				return
			}
			seen[q.PkgPath] = true
			first, _, _ := strings.Cut(q.PkgPath, "/")
			foreign := strings.Contains(first, ".") && !strings.HasPrefix(q.PkgPath, module) && !slices.ContainsFunc(slices.Collect(maps.Keys(lent)), func(m string) bool { return within(q.PkgPath, m) })
			if q.PkgPath == "net" || foreign {
				t.Errorf("%s reaches %s: %s", p.PkgPath, q.PkgPath, chain)
			}
			for _, i := range q.Imports {
				walk(i, chain+" > "+i.PkgPath)
			}
		}
		walk(p, p.PkgPath)
	}
}

// TestPurePackagesRangeInOrder finds loops over maps: their order differs from
// run to run, so two agents could take two decisions. A loop whose result does
// not depend on the order says so in a comment on its line or the one above
// that begins with "any order:".
func TestPurePackagesRangeInOrder(t *testing.T) {
	for _, p := range load(t, packages.NeedName|packages.NeedSyntax|packages.NeedTypes|packages.NeedTypesInfo) {
		for _, f := range p.Syntax {
			excused := map[int]bool{}
			for _, g := range f.Comments {
				for _, c := range g.List {
					if strings.HasPrefix(c.Text, "// any order:") {
						line := p.Fset.Position(c.End()).Line
						excused[line], excused[line+1] = true, true
					}
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				loop, ok := n.(*ast.RangeStmt)
				if !ok {
					return true
				}
				at := p.Fset.Position(loop.Pos())
				if unordered(p.TypesInfo, loop.X) && !excused[at.Line] {
					t.Errorf("%s: a loop over a map in a pure package: sort the keys, or say // any order: why", at)
				}
				return true
			})
		}
	}
}

// unordered reports whether an expression is a map, or an iterator over one.
func unordered(info *types.Info, x ast.Expr) bool {
	if _, is := info.TypeOf(x).Underlying().(*types.Map); is {
		return true
	}
	call, ok := x.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	fn, ok := info.Uses[sel.Sel].(*types.Func)
	return ok && fn.Pkg() != nil && fn.Pkg().Path() == "maps"
}

// load reads the pure packages, without their tests.
func load(t *testing.T, need packages.LoadMode) []*packages.Package {
	t.Helper()
	var patterns []string
	for _, p := range tree(t) {
		if isPure(p.path) {
			patterns = append(patterns, "./"+p.path)
		}
	}
	out, err := packages.Load(&packages.Config{Mode: need, Dir: root}, patterns...)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range out {
		for _, e := range p.Errors {
			t.Fatal(e)
		}
	}
	if len(out) != len(patterns) {
		t.Fatalf("loaded %d of %d packages", len(out), len(patterns))
	}
	return out
}
