package config

import (
	"fmt"
	"strings"
)

// Located is one problem at its place in a file.
type Located struct {
	File    string `json:"file"`
	Line    int    `json:"line"`   // from 1; 0 when the problem is with the file as a whole
	Column  int    `json:"column"` // from 1
	Path    string `json:"path"`   // $.sites[1].name
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Snippet string `json:"snippet,omitempty"` // the line itself
}

// Error holds everything that is wrong with a file.
type Error struct{ problems []Located }

// Problems returns the problems in the order of the file.
func (e *Error) Problems() []Located { return e.problems }

// Error prints each problem with its line, a mark under the place, and a hint.
func (e *Error) Error() string {
	var b strings.Builder
	for i, p := range e.problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		p.write(&b)
	}
	return b.String()
}

func (p Located) write(b *strings.Builder) {
	if p.Line == 0 {
		fmt.Fprintf(b, "%s: %s", p.File, p.Message)
	} else {
		fmt.Fprintf(b, "%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	}
	if p.Snippet != "" {
		fmt.Fprintf(b, "\n    %s\n    %s^", p.Snippet, strings.Repeat(" ", max(0, p.Column-1)))
	}
	if p.Hint != "" {
		fmt.Fprintf(b, "\n    hint: %s", p.Hint)
	}
}

func fileError(file, hint, format string, args ...any) *Error {
	return &Error{problems: []Located{{File: file, Message: fmt.Sprintf(format, args...), Hint: hint}}}
}
