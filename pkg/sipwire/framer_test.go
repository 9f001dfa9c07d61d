package sipwire

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// frames feeds the stream in pieces of n octets and returns what comes out:
// the messages, "ping", and the error at the end.
func frames(stream []byte, n, most int) (out []string) {
	f := NewFramer(16, most)
	for {
		for {
			frame, b, err := f.Next()
			if err != nil {
				return append(out, "error: "+err.Error())
			}
			if frame == NoFrame {
				break
			}
			if frame == PingFrame {
				b = []byte("ping")
			}
			out = append(out, string(b))
		}
		if len(stream) == 0 {
			return out
		}
		piece := copy(f.Space(), stream[:min(n, len(stream))])
		f.Wrote(piece)
		stream = stream[piece:]
	}
}

// TestFramer: what comes out does not depend on how the octets arrive.
func TestFramer(t *testing.T) {
	const plain = "OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"
	const body = "MESSAGE sip:a SIP/2.0\r\nL :\r\n 7\r\nX: y\r\n\r\nabc\r\n\r\n"
	const bare = "INFO sip:a SIP/2.0\nl: 1\n\n\n"
	noLength, tooLong := "error: "+ErrNoLength.Error(), "error: "+ErrTooLong.Error()
	for _, c := range []struct {
		name, stream string
		want         []string
	}{
		{"one", plain, []string{plain}},
		{"two and blank lines", plain + "\r\n" + body + "\r\n" + bare + plain, []string{plain, body, bare, plain}},
		{"ping", "\r\n\r\n" + plain + "\r\n\r\n\r\n\r\n" + body, []string{"ping", plain, "ping", "ping", body}},
		{"pong", "\r\n" + plain + "\r\n", []string{plain}},
		{"part", plain + body[:len(body)-1], []string{plain}},
		{"no length", "OPTIONS sip:a SIP/2.0\r\nX: y\r\n\r\n" + plain, []string{noLength}},
		{"two lengths", "OPTIONS sip:a SIP/2.0\r\nl: 0\r\nContent-Length: 0\r\n\r\n", []string{noLength}},
		{"bad length", "OPTIONS sip:a SIP/2.0\r\nl: 1 0\r\n\r\n", []string{noLength}},
		{"endless header", "OPTIONS sip:a SIP/2.0\r\n" + strings.Repeat("X: y\r\n", 300), []string{tooLong}},
		{"endless line", strings.Repeat("x", 2000), []string{tooLong}},
		{"long body", plain + "OPTIONS sip:a SIP/2.0\r\nl: 2000\r\n\r\n", []string{plain, tooLong}},
		{"huge number", "OPTIONS sip:a SIP/2.0\r\nl: 99999999999999999999\r\n\r\n", []string{noLength}},
	} {
		for _, n := range []int{1, 2, 3, 7, 10000} {
			if got := frames([]byte(c.stream), n, 1000); !slices.Equal(got, c.want) {
				t.Errorf("%s in pieces of %d:\n got %q\nwant %q", c.name, n, got, c.want)
			}
		}
	}
}

// TestFramerPartial: blank lines are no message that has begun; a peer that
// sends only those is not slow.
func TestFramerPartial(t *testing.T) {
	f := NewFramer(64, 1000)
	for _, c := range []struct {
		text string
		want bool
	}{{"\r\n", false}, {"\r", false}, {"\nO", true}} {
		f.Wrote(copy(f.Space(), c.text))
		if _, _, err := f.Next(); err != nil {
			t.Fatal(err)
		}
		for { // pings
			if frame, _, _ := f.Next(); frame == NoFrame {
				break
			}
		}
		if f.Partial() != c.want {
			t.Errorf("after %q: %v", c.text, !c.want)
		}
	}
}

// TestFramerMemory: a long message costs memory while it is there only.
func TestFramerMemory(t *testing.T) {
	f := NewFramer(64, 70000)
	text := append([]byte("MESSAGE sip:a SIP/2.0\r\nl: 60000\r\n\r\n"), bytes.Repeat([]byte("x"), 60000)...)
	for len(text) > 0 {
		n := copy(f.Space(), text)
		f.Wrote(n)
		text = text[n:]
		if _, _, err := f.Next(); err != nil && !errors.Is(err, ErrTooLong) {
			t.Fatal(err)
		}
	}
	if f.Space(); len(f.buf) != 64 {
		t.Errorf("%d octets kept", len(f.buf))
	}
}
