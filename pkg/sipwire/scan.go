package sipwire

import "bytes"

// lineEnd is the length of the line end at i: 2 for CRLF, 1 for a bare LF (which
// RFC 3261 §7 forbids and many send), 0 for none.
func lineEnd(b []byte, i int) int {
	switch {
	case i < len(b) && b[i] == '\n':
		return 1
	case i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n':
		return 2
	}
	return 0
}

// unfold returns the offset after the line that begins at i, with the lines
// that continue it (RFC 3261 §7.3.1).
func unfold(b []byte, i int) int {
	for {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return len(b)
		}
		i += n + 1
		if i >= len(b) || (b[i] != ' ' && b[i] != '\t') {
			return i
		}
	}
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// skip returns the first offset from i that is no white space. Inside a value a
// fold is white space.
func skip(b []byte, i int) int {
	for i < len(b) && space(b[i]) {
		i++
	}
	return i
}

// trim narrows from:to by white space on both sides.
func trim(b []byte, from, to int) (int, int) {
	for from < to && space(b[from]) {
		from++
	}
	for to > from && space(b[to-1]) {
		to--
	}
	return from, to
}

func trimRight(b []byte) []byte {
	for len(b) > 0 && space(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// tokens marks the octets of a token (RFC 3261 §25.1).
var tokens = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-0x20] = true, true
	}
	for _, c := range "-.!%*_+`'~" {
		t[c] = true
	}
	return t
}()

func token(b []byte) bool {
	for _, c := range b {
		if !tokens[c] {
			return false
		}
	}
	return len(b) > 0
}

// tokenEnd returns the offset after the token that begins at i.
func tokenEnd(b []byte, i int) int {
	for i < len(b) && tokens[b[i]] {
		i++
	}
	return i
}

// quotedEnd returns the offset after the quoted string that begins at i, and
// false when it is never closed.
func quotedEnd(b []byte, i int) (int, bool) {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1, true
		}
	}
	return len(b), false
}

// number reads digits only, up to limit.
func number(b []byte, limit uint64) (uint64, bool) {
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
		if n > limit {
			return 0, false
		}
	}
	return n, len(b) > 0
}

// param is one ";name=value". Offsets are those of the ';' and of the end.
type param struct {
	name, value []byte
	start, end  int
}

// nextParam reads the parameter whose ';' stands at or after white space at i,
// and returns the offset after it. Without one it reports false and returns
// where it looked: at the end, at a comma, or at what cannot be read.
func nextParam(b []byte, i int) (p param, next int, ok bool) {
	p.start = i
	semicolon := skip(b, i)
	if semicolon >= len(b) || b[semicolon] != ';' {
		return p, semicolon, false
	}
	i = skip(b, semicolon+1)
	end := tokenEnd(b, i)
	if end == i {
		return p, semicolon, false
	}
	p.name, p.end = b[i:end], end
	i = skip(b, end)
	if i >= len(b) || b[i] != '=' {
		return p, p.end, true
	}
	i = skip(b, i+1)
	end = i
	if i < len(b) && b[i] == '"' {
		if end, ok = quotedEnd(b, i); !ok {
			return p, semicolon, false
		}
	} else {
		for end < len(b) && !space(b[end]) && b[end] != ';' && b[end] != ',' {
			end++
		}
	}
	if end == i {
		return p, semicolon, false
	}
	p.value, p.end = b[i:end], end
	return p, end, true
}
