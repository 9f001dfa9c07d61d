package config

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

// checkText looks for what no text file holds.
func (d *document) checkText() {
	for i, line := range d.lines {
		if !utf8.ValidString(line) {
			d.problem("$", &token.Position{Line: i + 1, Column: 1 + validRunes(line)}, "save the file as UTF-8", "the line is not UTF-8")
			return
		}
		for j, r := range []rune(line) {
			if unicode.IsControl(r) && r != '\t' {
				d.problem("$", &token.Position{Line: i + 1, Column: j + 1}, "delete it", "a control character %q", r)
				return
			}
		}
		if text := strings.TrimLeft(line, " "); strings.HasPrefix(text, "\t") && strings.TrimSpace(text) != "" {
			d.problem("$", &token.Position{Line: i + 1, Column: len(line) - len(text) + 1}, "indent with spaces", "a tab in the indentation")
			return
		}
	}
}

// validRunes counts the runes before the first that is no UTF-8.
func validRunes(line string) int {
	n := 0
	for i, r := range line {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(line[i:]); size == 1 {
				break
			}
		}
		n++
	}
	return n
}
