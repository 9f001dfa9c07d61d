package config

import (
	"fmt"
	"strings"
	"unicode"
)

// Located is one problem at its place in a file.
type Located struct {
	File    string `json:"file"`
	Line    int    `json:"line"`   // from 1; 0 when the problem is with the file as a whole
	Column  int    `json:"column"` // in characters, from 1
	Path    string `json:"path"`   // $.sites[1].name
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`    // what would be right
	Snippet string `json:"snippet,omitempty"` // the line itself, or the part of a long one around Column
	Mark    int    `json:"mark,omitempty"`    // place of Column in Snippet, from 1
}

// Error holds everything that is wrong with a file.
type Error struct {
	problems []Located
	more     int // found and not told
}

// Problems returns the problems in the order of the file, fifty at most.
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
	if e.more > 0 {
		fmt.Fprintf(&b, "\nand %d more", e.more)
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
		fmt.Fprintf(b, "\n    %s\n    %s^", p.Snippet, strings.Repeat(" ", p.Mark-1))
	}
	if p.Hint != "" {
		fmt.Fprintf(b, "\n    hint: %s", p.Hint)
	}
}

// fileError is a problem with a file as a whole.
func fileError(file, hint, format string, args ...any) *Error {
	return &Error{problems: []Located{{File: file, Message: clean(fmt.Sprintf(format, args...)), Hint: hint}}}
}

// snippetWidth is how much of a long line is shown, in characters.
const snippetWidth = 100

// snippet returns the part of a line around a column, and where the column is
// in it.
func snippet(runes []rune, column int) (text string, mark int) {
	from := max(0, min(column-1-snippetWidth/2, len(runes)-snippetWidth))
	to := min(len(runes), from+snippetWidth)
	text, mark = clean(string(runes[from:to])), column-from
	if from > 0 {
		text, mark = "… "+text, mark+2
	}
	if to < len(runes) {
		text += " …"
	}
	return text, mark
}

// short ends a text that is too long to be read.
func short(s string) string {
	if runes := []rune(s); len(runes) > maxMessage {
		return string(runes[:maxMessage/2]) + " … " + string(runes[len(runes)-maxMessage/2:])
	}
	return s
}

// clean takes control characters out of what is shown, one for one, so that
// columns stay true.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, s)
}
