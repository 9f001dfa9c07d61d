package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"charm.land/lipgloss/v2"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// palette colours words by meaning. Every word says the same without colour.
type palette struct{ on bool }

func (p palette) paint(colour, s string) string {
	if !p.on {
		return s
	}
	return lipgloss.NewStyle().Foreground(lipgloss.Color(colour)).Render(s)
}

func (p palette) good(s string) string { return p.paint("2", s) }
func (p palette) bad(s string) string  { return p.paint("1", s) }
func (p palette) warn(s string) string { return p.paint("3", s) }
func (p palette) dim(s string) string  { return p.paint("8", s) }

func (p palette) bold(s string) string {
	if !p.on {
		return s
	}
	return lipgloss.NewStyle().Bold(true).Render(s)
}

// word colours a status word.
func (p palette) word(s string) string {
	switch s {
	case "up", "active", "open", "yes":
		return p.good(s)
	case "down", "closed", "no":
		return p.bad(s)
	case "draining", "drained", "unknown":
		return p.warn(s)
	}
	return s
}

// table prints rows in columns; the first row is the heading. Cells may hold
// colours.
func table(w io.Writer, p palette, rows [][]string) {
	var width []int
	for _, row := range rows {
		for i, cell := range row {
			if i >= len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], lipgloss.Width(cell))
		}
	}
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-lipgloss.Width(cell)+2))
			}
		}
		line := strings.TrimRight(b.String(), " ")
		if n == 0 {
			line = p.dim(line)
		}
		fmt.Fprintln(w, line)
	}
}

// clean takes control characters out of text that came from elsewhere.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '�'
		}
		return r
	}, s)
}

// meant is the first line of a hint when the word is like one of the right
// ones.
func meant(word string, right []string) string {
	if near := fleet.Nearest(word, right); near != "" {
		return "did you mean " + near + "?\n"
	}
	return ""
}
