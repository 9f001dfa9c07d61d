package dnsserver

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The next possible name, where the plain way would be too long (RFC 4471).
func TestNextName(t *testing.T) {
	apex, err := packName(origin)
	if err != nil {
		t.Fatal(err)
	}
	long := func(first string, size int) []byte { // a name of so many octets
		rest := slices.Clone(apex)
		for size-1-len(first)-len(rest) > 1 {
			n := min(63, size-2-len(first)-len(rest))
			if left := size - 2 - len(first) - len(rest) - n; left == 1 {
				n--
			}
			rest = wireName(bytes.Repeat([]byte{'m'}, n), rest)
		}
		return wireName([]byte(first), rest)
	}
	ones := strings.Repeat("\xff", 10)
	for _, tc := range []struct {
		name []byte
		want string // begins the next one
	}{
		{apex, "\x01\x00\x05voice"},
		{long("aa", 253), "\x01\x00\x02aa"},
		{long("aa", 254), "\x03aa\x00"},
		{long("aa", 255), "\x02ab"},
		{long("a@", 255), "\x02a["},
		{long("a"+ones, 255), "\x01b"},
		{long(ones, 255), "\x20" + strings.Repeat("m", 31) + "n"},
	} {
		next := nextName(tc.name, apex)
		if !bytes.HasPrefix(next, []byte(tc.want)) || len(next) > maxName || nameLen(next) != len(next) {
			t.Errorf("behind %q comes %q, want %q", tc.name, next, tc.want)
		}
	}
}

// The bits of types in several windows (RFC 4034 §4.3).
func TestBitmap(t *testing.T) {
	got := appendBitmap(nil, []uint16{1234, 1, 47, 46, 15})
	want := append([]byte{0, 6, 0x40, 0x01, 0, 0, 0, 0x03, 4, 27}, make([]byte, 26)...)
	if want = append(want, 0x20); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestRecentIsBounded(t *testing.T) {
	r := newRecent[int](1000)
	for i := range 100_000 {
		r.put(fmt.Append(nil, i), i)
	}
	if n := r.len(); n > 1100 || n < 400 {
		t.Errorf("%d values kept", n)
	}
	if _, ok := r.get([]byte("99999")); !ok {
		t.Error("the last one is forgotten")
	}
	if _, ok := r.get([]byte("5000")); ok {
		t.Error("an old one is kept")
	}
}

// BenchmarkSigned is what an answer with signatures costs: one that was made
// before, and one whose name is new.
func BenchmarkSigned(b *testing.B) {
	z := withKeys(zoneOf(b, 7, labRecords), testKey(b, true))
	r := newSigningResponder(b, z)
	out := make([]byte, maxUDPSize)
	m := question("_sip._udp.west."+origin, "SRV")
	m.SetEdns0(1232, true)
	msg, err := m.Pack()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("made-before", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.respond(out, msg, UDP)
		}
	})
	b.Run("new-name", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			name, err := packName(fmt.Sprintf("n%d.%s", i, origin))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := r.zones.Load().steered.signedSection(name, 1, testNow/signPeriod); err != nil {
				b.Fatal(err)
			}
		}
	})
}
