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

// checkTokens refuses what is not read here, before a tree is built of it: the
// parser takes time with the square of the depth, and aliases can stand for
// more text than a machine holds.
func (d *document) checkTokens(tokens token.Tokens) {
	depth, dashes, line, documents := 0, 0, 0, 0
	content := false
	var last *token.Token
	for _, t := range tokens {
		if t.Position == nil {
			continue
		}
		if t.Position.Line != line {
			line, dashes = t.Position.Line, 0
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType:
			d.problem("$", t.Position, "write the value out", "anchors, aliases, tags and merge keys are not read")
		case token.DirectiveType:
			d.problem("$", t.Position, "delete the line", "directives are not read")
		case token.MappingKeyType:
			d.problem("$", t.Position, "write KEY: VALUE, without the question mark", "keys that are not one word are not read")
		case token.DocumentHeaderType:
			if documents++; content || documents > 1 {
				d.problem("$", t.Position, "one file holds one document: delete the line, or what follows it", "a second document")
				return
			}
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.SequenceEntryType:
			dashes++
		case token.CollectEntryType:
			if last != nil && last.Type == token.CollectEntryType {
				d.problem("$", t.Position, "delete one of them", "a comma after a comma")
				return
			}
		}
		if depth > maxDepth || dashes > maxDepth {
			d.problem("$", t.Position, "", "nested more than %d deep", maxDepth)
			return
		}
		if t.Type != token.CommentType && t.Type != token.DocumentHeaderType {
			content = true
			last = t
		}
		if len(d.problems) >= maxProblems {
			return
		}
	}
}
