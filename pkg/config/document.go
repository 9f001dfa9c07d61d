package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// maxFile bounds a file; a fleet of a thousand services is far smaller.
	maxFile = 4 << 20
	// maxDepth bounds how deep values may be nested.
	maxDepth = 32
	// maxProblems bounds what is told of one file.
	maxProblems = 50
)

// document is one file, read and parsed, and what was found wrong with it.
type document struct {
	file     string
	lines    []string
	root     ast.Node
	places   map[string]*token.Position // of each value by its path
	problems []Located
}

// readFile reads a file within bounds.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fileError(path, "", "no such file")
	case err != nil:
		return nil, fileError(path, "", "%v", reason(err))
	case info.IsDir():
		return nil, fileError(path, "name the file in it", "is a directory")
	case info.Size() > maxFile:
		return nil, fileError(path, "", "%d octets are too many, at most %d", info.Size(), maxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fileError(path, "", "%v", reason(err))
	}
	return data, nil
}

// reason leaves the path out, which is told anyway.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// parse reads the text of one document. The error is an *Error.
func parse(file string, data []byte) (*document, error) {
	d := &document{file: file, places: map[string]*token.Position{}}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	d.lines = strings.Split(string(data), "\n")
	if err := d.checkText(data); err != nil {
		return nil, err
	}
	f, err := parser.ParseBytes(data, 0)
	if err != nil {
		d.syntax(err)
		return nil, &Error{d.problems}
	}
	docs := slices.DeleteFunc(slices.Clone(f.Docs), func(n *ast.DocumentNode) bool { return n.Body == nil })
	switch {
	case len(docs) == 0:
		return nil, fileError(file, "see the sample in examples/three-sites", "the file is empty")
	case len(docs) > 1:
		return nil, fileError(file, "keep one document, without ---", "%d documents in one file", len(docs))
	}
	d.root = docs[0].Body
	return d, nil
}

func (d *document) checkText(data []byte) error {
	if len(data) > maxFile {
		return fileError(d.file, "", "%d octets are too many, at most %d", len(data), maxFile)
	}
	for i, line := range d.lines {
		if !utf8.ValidString(line) {
			d.problem("$", &token.Position{Line: i + 1, Column: 1}, "save the file as UTF-8", "the line is not UTF-8")
			return &Error{d.problems}
		}
		if j := strings.IndexFunc(line, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }); j >= 0 {
			d.problem("$", &token.Position{Line: i + 1, Column: j + 1}, "delete it", "a control character %q", line[j])
			return &Error{d.problems}
		}
	}
	return nil
}

// syntax tells what the parser said.
func (d *document) syntax(err error) {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil {
		d.problem("$", y.GetToken().Position, "", "%s", y.GetMessage())
		return
	}
	d.problem("$", nil, "", "%v", err)
}

// problem notes one problem at a position.
func (d *document) problem(path string, at *token.Position, hint, format string, args ...any) {
	p := Located{File: d.file, Path: path, Message: clean(fmt.Sprintf(format, args...)), Hint: clean(hint)}
	if at != nil {
		p.Line, p.Column = min(max(1, at.Line), len(d.lines)), max(1, at.Column)
		p.Snippet = clean(d.lines[p.Line-1])
	}
	d.problems = append(d.problems, p)
}

// at notes a problem at the value with that path, or at the nearest thing
// around it that is in the file.
func (d *document) at(path, hint, format string, args ...any) {
	full := path
	for path != "" {
		if pos, ok := d.places[path]; ok {
			d.problem(full, pos, hint, format, args...)
			return
		}
		path = path[:max(strings.LastIndexByte(path, '.'), strings.LastIndexByte(path, '['), 0)]
	}
	d.problem(full, nil, hint, format, args...)
}

// err returns the problems as an error, in the order of the file, or nil.
func (d *document) err() error {
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b Located) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return &Error{d.problems[:min(len(d.problems), maxProblems)]}
}

// clean takes control characters out of what is shown.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
