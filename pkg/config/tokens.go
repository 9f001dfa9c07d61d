package config

import (
	"github.com/goccy/go-yaml/token"
)

const (
	// maxDepth bounds how deep values may be nested.
	maxDepth = 32
	// maxKeys bounds the keys of one mapping; ours have twenty at most.
	maxKeys = 200
)

// tokenCheck refuses what is not read here, before a tree is built of it: the
// library's parser takes time with the square of the depth, of a mapping's
// keys and of errors, and aliases can stand for more text than a machine holds.
type tokenCheck struct {
	*document
	last      *token.Token // not a comment
	documents int
	ended     bool        // by the mark of a document's end
	depth     int         // of brackets
	line      int         // of the last token
	dashes    int         // of lists begun on that line
	keys      map[int]int // of the open mappings, by the column they stand in
}

func (d *document) checkTokens(tokens token.Tokens) {
	c := &tokenCheck{document: d, keys: map[int]int{}}
	for _, t := range tokens {
		if t.Position == nil {
			continue
		}
		if !c.next(t) || len(d.problems) >= maxProblems {
			return
		}
	}
}

// next looks at one token and reports whether to go on.
func (c *tokenCheck) next(t *token.Token) bool {
	if t.Position.Line != c.line {
		c.line, c.dashes = t.Position.Line, 0
	}
	stop := func(hint, format string, args ...any) bool {
		c.problem("$", t.Position, hint, format, args...)
		return false
	}
	if c.ended && t.Type != token.CommentType {
		return stop("one file holds one document: delete what follows the first", "a second document")
	}
	switch t.Type {
	case token.CommentType:
		return true
	case token.DocumentEndType:
		c.ended = true
		return true
	case token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType:
		c.problem("$", t.Position, "write the value out", "anchors, aliases, tags and merge keys are not read")
	case token.DirectiveType:
		return stop("delete the line", "directives are not read")
	case token.MappingKeyType:
		return stop("write KEY: VALUE, without the question mark", "keys that are not one word are not read")
	case token.DocumentHeaderType:
		if c.documents++; c.last != nil || c.documents > 1 {
			return stop("one file holds one document: delete the line, or what follows it", "a second document")
		}
		return true
	case token.SequenceStartType, token.MappingStartType:
		c.depth++
	case token.SequenceEndType, token.MappingEndType:
		c.depth--
	case token.SequenceEntryType:
		c.dashes++
		c.closeBelow(t.Position.Column)
	case token.CollectEntryType:
		if c.last != nil && c.last.Type == token.CollectEntryType {
			return stop("delete one of them", "a comma after a comma")
		}
	case token.MappingValueType:
		if !c.key() {
			return stop("is it the right file?", "more than %d keys in one mapping", maxKeys)
		}
	}
	if c.depth > maxDepth || c.dashes > maxDepth {
		return stop("", "nested more than %d deep", maxDepth)
	}
	c.last = t
	return true
}

// key counts the key before a colon to its mapping, unless that is in brackets,
// and reports whether there are not too many.
func (c *tokenCheck) key() bool {
	if c.depth > 0 || c.last == nil {
		return true
	}
	column := c.last.Position.Column
	c.closeBelow(column)
	c.keys[column]++
	return c.keys[column] <= maxKeys
}

// closeBelow forgets the mappings that are indented deeper than a column.
func (c *tokenCheck) closeBelow(column int) {
	for open := range c.keys {
		if open > column {
			delete(c.keys, open)
		}
	}
}
