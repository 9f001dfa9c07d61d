package certlint

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// pemBlock is one block of a PEM file.
type pemBlock struct {
	kind      string // "CERTIFICATE"
	line      int    // of its BEGIN, from 1
	octets    []byte
	encrypted bool // a key under a password in the old way (RFC 1421)
}

// pemFault is what is wrong with a PEM file, and where.
type pemFault struct {
	line int
	text string
}

const (
	pemBegin = "-----BEGIN "
	pemEnd   = "-----END "
	pemTail  = "-----"
)

// readPEM reads all blocks strictly: what a lenient reader skips in silence is
// a certificate that is missing when it is needed. Text between blocks is
// allowed (RFC 7468 §2).
func readPEM(text []byte) ([]pemBlock, []pemFault) {
	r := &pemReader{}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	for n, line := range bytes.Split(text, []byte("\n")) {
		r.line(n+1, strings.TrimRight(string(line), " \t\r"))
	}
	if r.open {
		r.fault(r.block.line, "the block "+quoted(r.block.kind)+" that begins here has no end")
	}
	return r.blocks, r.faults
}

type pemReader struct {
	blocks []pemBlock
	faults []pemFault
	open   bool
	block  pemBlock
	body   strings.Builder
	broken bool // the open block has a fault already
}

func (r *pemReader) fault(line int, text string) {
	r.faults = append(r.faults, pemFault{line, text})
	r.broken = true
}

func (r *pemReader) line(n int, s string) {
	kind, begins := between(s, pemBegin)
	closing, ends := between(s, pemEnd)
	switch {
	case begins:
		if r.open {
			r.fault(n, "a block begins inside the block "+quoted(r.block.kind)+" of line "+itoa(r.block.line))
		}
		r.open, r.broken, r.block = true, false, pemBlock{kind: kind, line: n}
		r.body.Reset()
	case ends && !r.open:
		r.fault(n, "an end without a beginning")
	case ends:
		r.end(n, closing)
	case strings.HasPrefix(s, "--") && strings.Contains(s, "BEGIN"), strings.HasPrefix(s, "--") && strings.Contains(s, "END"):
		r.fault(n, "a damaged boundary: "+quoted(s))
	case r.open && strings.Contains(s, ": "):
		r.block.encrypted = r.block.encrypted || strings.HasPrefix(s, "Proc-Type:") && strings.Contains(s, "ENCRYPTED")
	case r.open:
		r.base64(n, s)
	}
}

// base64 takes one line of a block.
func (r *pemReader) base64(n int, s string) {
	s = strings.TrimLeft(s, " \t")
	if i := strings.IndexFunc(s, notBase64); i >= 0 && !r.broken {
		r.fault(n, "character "+quoted(s[i:i+1])+" in column "+itoa(i+1)+" is not base64")
	}
	r.body.WriteString(s)
}

func notBase64(c rune) bool {
	return !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '=')
}

func (r *pemReader) end(n int, kind string) {
	r.open = false
	if kind != r.block.kind {
		r.fault(n, "a block that begins as "+quoted(r.block.kind)+" ends as "+quoted(kind))
	}
	if r.broken {
		return
	}
	octets, err := base64.StdEncoding.Strict().DecodeString(r.body.String())
	switch {
	case err != nil:
		r.fault(r.block.line, "the base64 of the block that begins here is cut or padded wrongly")
	case len(octets) == 0:
		r.fault(r.block.line, "an empty block")
	default:
		r.block.octets = octets
		r.blocks = append(r.blocks, r.block)
	}
}

// between returns what stands between a boundary's dashes.
func between(s, head string) (string, bool) {
	rest, ok := strings.CutPrefix(s, head)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, pemTail)
}
