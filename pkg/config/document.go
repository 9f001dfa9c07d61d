package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// maxProblems bounds how many problems are told of one file.
	maxProblems = 50
	// maxMessage bounds the length of a message, in characters: it may quote
	// what is written.
	maxMessage = 300
)

// document is one file, read and parsed, and what was found wrong with it.
type document struct {
	file     string
	lines    []string
	root     ast.Node
	places   map[string]*token.Position // of each value by its path
	problems []Located
	more     int  // problems that are not in problems
	lost     bool // a value could not be read: what hangs on it cannot be judged
}

// parse reads the text of one document. The error is an *Error.
func parse(file string, data []byte) (d *document, err error) {
	d = &document{file: file, places: map[string]*token.Position{}}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	if len(data) > maxFile {
		return nil, tooLarge(file)
	}
	d.lines = strings.Split(string(data), "\n")
	if d.checkText(); len(d.problems) > 0 {
		return nil, d.err()
	}
	tokens := lexer.Tokenize(string(data))
	if d.checkTokens(tokens); len(d.problems) > 0 {
		return nil, d.err()
	}
	defer func() { // the library's parser is not ours to trust with any text
		if r := recover(); r != nil {
			d, err = nil, fileError(file, "", "the YAML parser gave up: %v", r)
		}
	}()
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.syntax(err)
		return nil, d.err()
	}
	docs := slices.DeleteFunc(slices.Clone(f.Docs), func(n *ast.DocumentNode) bool {
		_, comment := n.Body.(*ast.CommentGroupNode)
		return n.Body == nil || comment
	})
	if len(docs) == 0 {
		return nil, fileError(file, "see the sample in examples/three-sites", "the file is empty")
	}
	if len(docs) > 1 {
		return nil, fileError(file, "one file holds one document", "%d documents in one file", len(docs))
	}
	d.root = docs[0].Body
	return d, nil
}

// syntax tells what the parser said.
func (d *document) syntax(err error) {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil {
		d.problem("$", y.GetToken().Position, "look at indentation, quotes and brackets here and in the lines before", "%s", y.GetMessage())
		return
	}
	d.problem("$", nil, "", "%v", err)
}

// problem notes one problem at a position. Beyond a number that nobody reads
// it only counts.
func (d *document) problem(path string, at *token.Position, hint, format string, args ...any) {
	if len(d.problems) >= 10*maxProblems {
		d.more++
		return
	}
	p := Located{File: d.file, Path: clean(path), Message: short(clean(fmt.Sprintf(format, args...))), Hint: clean(hint)}
	if at != nil {
		p.Line, p.Column = min(max(1, at.Line), len(d.lines)), max(1, at.Column)
	}
	d.problems = append(d.problems, p)
}

// at notes a problem at the value with that path, or at the nearest thing
// around it that is in the file.
func (d *document) at(path, hint, format string, args ...any) {
	d.problem(path, d.place(path), hint, format, args...)
}

// place is where the value with that path is, or the nearest thing around it;
// nil when that is the file.
func (d *document) place(path string) *token.Position {
	for path != "" {
		if pos, ok := d.places[path]; ok {
			return pos
		}
		path = path[:max(strings.LastIndexByte(path, '.'), strings.LastIndexByte(path, '['), 0)]
	}
	return nil
}

// err returns the problems as an error, in the order of the file, or nil.
func (d *document) err() error {
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b Located) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	told := d.problems[:min(len(d.problems), maxProblems)]
	for i := range told {
		if p := &told[i]; p.Line > 0 {
			line := []rune(d.lines[p.Line-1])
			p.Column = min(p.Column, len(line)+1)
			p.Snippet, p.Mark = snippet(line, p.Column)
		}
	}
	return &Error{problems: told, more: d.more + len(d.problems) - len(told)}
}
