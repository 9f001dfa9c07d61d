package certlint

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// integer checks that a number is written in as few octets as it needs
// (X.690 §8.3.2).
func (s *scope) integer(field string) []byte {
	e := s.expect(field, tagInteger)
	v := s.w.value(e)
	switch {
	case e.incomplete:
	case len(v) == 0:
		s.w.fail(e.start, e.field, "a number without octets")
	case len(v) > 1 && (v[0] == 0 && v[1] < 0x80 || v[0] == 0xff && v[1] >= 0x80):
		s.w.fail(e.at, e.field, "a number with an octet too many in front, which is BER and not DER")
	}
	return v
}

// boolean checks that a truth value is 00 or FF (X.690 §11.1).
func (s *scope) boolean(field string) bool {
	e := s.expect(field, tagBoolean)
	v := s.w.value(e)
	switch {
	case e.incomplete:
		return false
	case len(v) != 1 || v[0] != 0 && v[0] != 0xff:
		s.w.fail(e.at, e.field, "a truth value other than 00 or FF")
		return false
	case v[0] == 0:
		s.w.note(e.start, e.field, "FALSE is written out although it is the default, which DER forbids")
	}
	return v[0] == 0xff
}

// oid returns an object identifier in dotted form.
func (s *scope) oid(field string) string {
	e := s.expect(field, tagOID)
	v := s.w.value(e)
	if e.incomplete {
		return ""
	}
	if len(v) == 0 || v[len(v)-1]&0x80 != 0 {
		s.w.fail(e.at, e.field, "an object identifier cut short")
		return ""
	}
	var b strings.Builder
	arc, fresh := uint64(0), true
	for i, o := range v {
		if fresh && o == 0x80 {
			s.w.fail(e.at+i, e.field, "an arc of an object identifier with an octet too many in front")
			return ""
		}
		if arc >= 1<<56 {
			s.w.fail(e.at+i, e.field, "an arc of an object identifier beyond all bounds")
			return ""
		}
		arc, fresh = arc<<7|uint64(o&0x7f), false
		if o&0x80 != 0 {
			continue
		}
		if b.Len() == 0 {
			first := min(arc/40, 2)
			b.WriteString(strconv.FormatUint(first, 10))
			arc -= first * 40
		}
		b.WriteString("." + strconv.FormatUint(arc, 10))
		arc, fresh = 0, true
	}
	return b.String()
}

// bitString checks the count of unused bits and that they are zero
// (X.690 §8.6.2, §11.2.1).
func (s *scope) bitString(field string) element {
	e := s.expect(field, tagBitString)
	s.w.bits(e)
	return e
}

func (w *walker) bits(e element) {
	v := w.value(e)
	switch {
	case e.incomplete:
	case len(v) == 0:
		w.fail(e.at, e.field, "a bit string without its first octet")
	case v[0] > 7 || v[0] > 0 && len(v) == 1:
		w.fail(e.at, e.field, "a bit string with %d unused bits", v[0])
	case v[0] > 0 && v[len(v)-1]&(1<<v[0]-1) != 0:
		w.fail(e.end-1, e.field, "unused bits of a bit string that are not zero")
	}
}

// The two forms of dates (RFC 5280 §4.1.2.5): in UTC, with seconds.
const (
	utcLayout  = "060102150405Z"
	longLayout = "20060102150405Z"
)

func (s *scope) date(field string) {
	e := s.next(field)
	v := string(s.w.value(e))
	layout := utcLayout
	switch {
	case e.incomplete:
		return
	case e.tag == tagTime:
		layout = longLayout
	case e.tag != tagUTCTime:
		s.w.fail(e.start, e.field, "tag 0x%02x instead of a date", e.tag)
		return
	}
	t, err := time.Parse(layout, v)
	switch {
	case err != nil || len(v) != len(layout):
		s.w.fail(e.at, e.field, "the date %s is not of the form %s", quoted(v), strings.Map(digits, layout))
	case e.tag == tagTime && t.Year() < 2050 && t.Year() >= 1950:
		s.w.note(e.start, e.field, "a date before 2050 as GeneralizedTime; RFC 5280 section 4.1.2.5 wants UTCTime")
	}
}

func digits(r rune) rune {
	if r >= '0' && r <= '9' {
		return '9'
	}
	return r
}

// text checks that a string holds what its tag allows.
func (w *walker) text(e element) {
	v := w.value(e)
	if e.incomplete {
		return
	}
	for i, c := range v {
		bad := false
		switch e.tag {
		case tagPrintable:
			bad = !printable(c)
		case tagIA5:
			bad = c >= 0x80
		}
		if bad {
			if e.tag == tagPrintable && (c == '*' || c == '@' || c == '&' || c == '_') {
				w.note(e.at+i, e.field, "%q is not allowed in a PrintableString", c)
				return
			}
			w.fail(e.at+i, e.field, "octet 0x%02x is not allowed in a string of this kind", c)
			return
		}
	}
	if e.tag == tagUTF8 && !utf8.Valid(v) {
		w.fail(e.at, e.field, "not UTF-8")
	}
	if e.tag == tagBMP && len(v)%2 != 0 {
		w.fail(e.at, e.field, "a BMPString with an odd number of octets")
	}
}

func printable(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(" '()+,-./:=?", c) >= 0
}
