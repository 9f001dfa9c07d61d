package certlint

import (
	"errors"
	"fmt"
)

// Malformed is returned when a certificate is not DER (X.690 §8, §10), or not
// of the form of RFC 5280 §4.1. It says where.
type Malformed struct {
	Offset  int    // octets from the start of the certificate
	Field   string // "tbsCertificate.validity.notAfter"
	Problem string
}

func (m *Malformed) Error() string {
	return fmt.Sprintf("octet %d, %s: %s", m.Offset, m.Field, m.Problem)
}

// walker reads one certificate from front to back and remembers the first
// thing that is wrong; after that nothing is read any more.
type walker struct {
	der   []byte
	err   *Malformed
	notes []Finding // odd, but read by everybody
}

func (w *walker) fail(at int, field, format string, args ...any) {
	if w.err == nil {
		w.err = &Malformed{Offset: at, Field: field, Problem: fmt.Sprintf(format, args...)}
	}
}

func (w *walker) note(at int, field, format string, args ...any) {
	if w.err == nil {
		w.notes = append(w.notes, Finding{Severity: Warn, Rule: "encoding", Offset: &at, Field: field, Text: fmt.Sprintf(format, args...)})
	}
}

// scope is the inside of one constructed element, not read yet from at on.
type scope struct {
	w       *walker
	at, end int
	field   string
}

// element is one tag, length and value.
type element struct {
	tag        byte
	start, at  int // of the tag, of the value
	end        int
	field      string
	incomplete bool // the walker has failed
}

// Tags that certificates use (X.690 §8.1.2, universal class).
const (
	tagBoolean   = 0x01
	tagInteger   = 0x02
	tagBitString = 0x03
	tagOctets    = 0x04
	tagNull      = 0x05
	tagOID       = 0x06
	tagUTF8      = 0x0c
	tagPrintable = 0x13
	tagTeletex   = 0x14
	tagIA5       = 0x16
	tagUTCTime   = 0x17
	tagTime      = 0x18
	tagUniversal = 0x1c
	tagBMP       = 0x1e
	tagSequence  = 0x30
	tagSet       = 0x31

	constructed = 0x20
	contextual  = 0x80
)

// more reports whether there is anything left to read.
func (s *scope) more() bool { return s.w.err == nil && s.at < s.end }

// is reports whether the next element has the tag.
func (s *scope) is(tag byte) bool { return s.more() && s.w.der[s.at] == tag }

// next reads one element of any tag. Lengths must be definite, as short as they
// can be, and inside what holds them (X.690 §10.1).
func (s *scope) next(field string) element {
	if s.field != "" {
		field = s.field + "." + field
	}
	e := element{field: field, start: s.at, incomplete: true}
	w := s.w
	switch {
	case w.err != nil:
		return e
	case s.at >= s.end:
		w.fail(s.at, field, "missing: what holds it has ended")
		return e
	case w.der[s.at]&0x1f == 0x1f:
		w.fail(s.at, field, "a tag of more than one octet, which no certificate has")
		return e
	}
	e.tag = w.der[s.at]
	length, at, err := derLength(w.der[:s.end], s.at+1)
	if err != nil {
		w.fail(s.at+1, field, "%s", err)
		return e
	}
	if length > s.end-at {
		w.fail(s.at+1, field, "the length says %d octets, but only %d are left", length, s.end-at)
		return e
	}
	e.at, e.end, e.incomplete = at, at+length, false
	s.at = e.end
	return e
}

var (
	errIndefinite = errors.New("a length without an end, which is BER and not DER")
	errCut        = errors.New("cut short in the length")
	errHuge       = errors.New("a length of more than four octets")
	errPadded     = errors.New("a length in more octets than it needs, which is BER and not DER")
)

// derLength reads the length octets at at and returns where the value begins.
func derLength(der []byte, at int) (length, value int, err error) {
	if at >= len(der) {
		return 0, 0, errCut
	}
	first := der[at]
	if first < 0x80 {
		return int(first), at + 1, nil
	}
	n := int(first & 0x7f)
	switch {
	case n == 0:
		return 0, 0, errIndefinite
	case n > 4:
		return 0, 0, errHuge
	case at+1+n > len(der):
		return 0, 0, errCut
	}
	for _, b := range der[at+1 : at+1+n] {
		length = length<<8 | int(b)
	}
	if length < 0x80 || der[at+1] == 0 {
		return 0, 0, errPadded
	}
	return length, at + 1 + n, nil
}

// expect reads an element that must have the tag.
func (s *scope) expect(field string, tag byte) element {
	e := s.next(field)
	if !e.incomplete && e.tag != tag {
		s.w.fail(e.start, e.field, "tag 0x%02x instead of 0x%02x (%s)", e.tag, tag, tagName(tag))
		e.incomplete = true
	}
	return e
}

// open reads a constructed element and returns its inside.
func (s *scope) open(field string, tag byte) *scope { return s.w.inside(s.expect(field, tag)) }

func (w *walker) inside(e element) *scope {
	return &scope{w: w, at: e.at, end: e.end, field: e.field}
}

// close ends a scope in which nothing may be left.
func (s *scope) close() {
	if s.more() {
		s.w.fail(s.at, s.field, "%d octets left over at its end", s.end-s.at)
	}
}

func (w *walker) value(e element) []byte {
	if w.err != nil || e.incomplete {
		return nil
	}
	return w.der[e.at:e.end]
}

func tagName(tag byte) string {
	switch tag {
	case tagBoolean:
		return "BOOLEAN"
	case tagInteger:
		return "INTEGER"
	case tagBitString:
		return "BIT STRING"
	case tagOctets:
		return "OCTET STRING"
	case tagOID:
		return "OBJECT IDENTIFIER"
	case tagSequence:
		return "SEQUENCE"
	case tagSet:
		return "SET"
	}
	return "context tag"
}
