package wire

import (
	"strings"
	"unicode"
)

// maxText bounds what a peer can make us write down.
const maxText = 160

// Clean makes text from a peer fit for a log line and a terminal: control
// characters, invalid UTF-8 and what reorders text become '?', and the rest is
// cut after 160 characters.
func Clean(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == maxText {
			b.WriteString("…")
			break
		}
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}
