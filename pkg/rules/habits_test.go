package rules

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"testing"
)

// loud matches what package log does without being asked for an error.
var loud = regexp.MustCompile(`^(Fatal|Panic|Print)`)

// Limits of size, in lines.
const (
	maxFile     = 500
	maxFunction = 90
)

func TestNobodySleepsOutsideVirtualTime(t *testing.T) {
	for _, p := range tree(t) {
		for _, f := range p.files {
			virtual := f.bubbles()
			f.calls(func(pkg, function string, pos token.Pos) {
				inside := f.test && (f.imports("testing/synctest") || virtual(pos))
				if pkg == "time" && function == "Sleep" && !inside {
					t.Errorf("%s: time.Sleep: wait for what is to happen, with a context, or use a bubble of testing/synctest", position(pos))
				}
			})
		}
	}
}

// bubbles reports whether a position lies in a call of bubble, as test packages
// name their helper around synctest.Test.
func (s *source) bubbles() func(token.Pos) bool {
	var calls []*ast.CallExpr
	ast.Inspect(s.ast, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "bubble" {
				calls = append(calls, call)
			}
		}
		return true
	})
	return func(pos token.Pos) bool {
		return slices.ContainsFunc(calls, func(c *ast.CallExpr) bool { return c.Pos() <= pos && pos < c.End() })
	}
}

func TestOneExit(t *testing.T) {
	for _, p := range tree(t) {
		for _, f := range p.files {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				if fn, ok := n.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					t.Errorf("%s: an init function runs before anybody asked for it", position(fn.Pos()))
				}
				return true
			})
			f.calls(func(pkg, function string, pos token.Pos) {
				exit := pkg == "os" && function == "Exit" || pkg == "log" && loud.MatchString(function) || pkg == "syscall" && function == "Exit"
				if exit && !f.test && f.ast.Name.Name != "main" {
					t.Errorf("%s: %s.%s: return an error; the process has one exit", position(pos), pkg, function)
				}
			})
		}
	}
}

// TestErrorsAreNotComparedByText finds the comparisons that break with the next
// release of a library.
func TestErrorsAreNotComparedByText(t *testing.T) {
	for _, p := range tree(t) {
		for _, f := range p.files {
			if f.test {
				continue
			}
			ast.Inspect(f.ast, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || !selects(call.Fun, "strings", "Contains", "HasPrefix", "HasSuffix", "EqualFold") {
					return true
				}
				if arg, ok := call.Args[0].(*ast.CallExpr); ok {
					if sel, ok := arg.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Error" && len(arg.Args) == 0 {
						t.Errorf("%s: an error compared by its text: use errors.Is or errors.As", position(call.Pos()))
					}
				}
				return true
			})
		}
	}
}

func selects(x ast.Expr, pkg string, names ...string) bool {
	sel, ok := x.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	if !ok || id.Name != pkg {
		return false
	}
	for _, n := range names {
		if sel.Sel.Name == n {
			return true
		}
	}
	return false
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, p := range tree(t) {
		for _, f := range p.files {
			if n := f.lines(); n > maxFile {
				t.Errorf("%s has %d lines, at most %d: split it by concept", f.name, n, maxFile)
			}
			for _, d := range f.ast.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok || f.test {
					continue
				}
				if n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1; n > maxFunction {
					t.Errorf("%s: %s has %d lines, at most %d", position(fn.Pos()), fn.Name.Name, n, maxFunction)
				}
			}
		}
	}
}

// TestPackagesSayWhatTheyKnow looks for one package comment in each folder.
func TestPackagesSayWhatTheyKnow(t *testing.T) {
	for _, p := range tree(t) {
		comments, code := 0, false
		for _, f := range p.files {
			if f.test {
				continue
			}
			code = true
			if f.ast.Doc != nil {
				comments++
			}
		}
		if code && comments != 1 {
			t.Errorf("%s: %d package comments, want one", p.path, comments)
		}
	}
}
