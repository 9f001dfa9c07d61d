package sipwire

import (
	"bytes"
	"errors"
)

// Errors of a stream that cannot be framed any further.
var (
	// ErrTooLong is returned when a message is longer than the limit.
	ErrTooLong = errors.New("message longer than the limit")
	// ErrNoLength is returned when the end of a message cannot be found: its
	// Content-Length is missing, repeated or no number (RFC 3261 §18.3). Next
	// returns the header with it, for an answer before the stream is closed.
	ErrNoLength = errors.New("message without a good Content-Length in a stream")
)

// Frame is what a Framer found.
type Frame uint8

// The frames.
const (
	NoFrame      Frame = iota // more octets are needed
	MessageFrame              // one whole message
	PingFrame                 // CRLFCRLF between messages, asks for one CRLF (RFC 5626 §4.4.1)
)

// Framer cuts a stream (TCP, TLS) into messages. It does not read by itself and
// knows no time: its user reads into Space, and cuts a peer off that takes too
// long for one message.
type Framer struct {
	buf         []byte
	r, w        int
	scanned     int // octets from r in which no header end was found
	need        int // length of the message at r when known, else 0
	first, most int
}

// NewFramer returns a framer for messages of up to most octets. It starts with
// a buffer of first octets, so an idle connection costs no more than that.
func NewFramer(first, most int) *Framer {
	return &Framer{buf: make([]byte, min(first, most)), first: min(first, most), most: most}
}

// Reset makes the framer ready for another stream, with the memory that it has.
func (f *Framer) Reset() {
	f.r, f.w, f.scanned, f.need = 0, 0, 0, 0
	if len(f.buf) > f.first {
		f.buf = make([]byte, f.first)
	}
}

// Space returns where to read to. It is never empty, unless Next returned
// ErrTooLong.
func (f *Framer) Space() []byte {
	if f.r == f.w {
		f.r, f.w = 0, 0
		if len(f.buf) > f.first { // a long message has gone: give its memory back
			f.buf = make([]byte, f.first)
		}
	}
	if f.w == len(f.buf) && f.r > 0 {
		f.w = copy(f.buf, f.buf[f.r:f.w])
		f.r = 0
	}
	if f.w == len(f.buf) {
		grown := make([]byte, min(max(2*len(f.buf), f.need), f.most))
		copy(grown, f.buf[:f.w])
		f.buf = grown
	}
	return f.buf[f.w:]
}

// Wrote tells how many octets were read into Space.
func (f *Framer) Wrote(n int) { f.w += n }

// Partial reports whether a message has begun and not ended. Blank lines, which
// phones send to keep a connection, are no beginning.
func (f *Framer) Partial() bool { return f.r < f.w && f.buf[f.r] != '\r' && f.buf[f.r] != '\n' }

// Next returns the next frame. The message is valid until Space is called. After
// an error the stream is of no more use.
func (f *Framer) Next() (Frame, []byte, error) {
	if f.need == 0 && f.scanned == 0 {
		if ping, done := f.skipBlank(); ping {
			return PingFrame, nil, nil
		} else if done {
			return NoFrame, nil, nil
		}
	}
	if f.need == 0 {
		head := f.headEnd()
		if head == 0 {
			return NoFrame, nil, f.tooLong(f.w - f.r)
		}
		n, ok := contentLength(f.buf[f.r : f.r+head])
		if !ok {
			return NoFrame, f.buf[f.r : f.r+head], ErrNoLength
		}
		f.need = head + n
		if err := f.tooLong(f.need - 1); err != nil {
			return NoFrame, nil, err
		}
	}
	if f.w-f.r < f.need {
		return NoFrame, nil, nil
	}
	msg := f.buf[f.r : f.r+f.need]
	f.r, f.need, f.scanned = f.r+f.need, 0, 0
	return MessageFrame, msg, nil
}

func (f *Framer) tooLong(n int) error {
	if n >= f.most {
		return ErrTooLong
	}
	return nil
}

// skipBlank takes off line ends before a message. It is done when nothing else
// is there.
func (f *Framer) skipBlank() (ping, done bool) {
	for f.r < f.w {
		b := f.buf[f.r:f.w]
		switch {
		case len(b) >= 4 && string(b[:4]) == "\r\n\r\n":
			f.r += 4
			return true, false
		case b[0] == '\n':
			f.r++
		case b[0] != '\r':
			return false, false
		case len(b) < 4 && string(b) == "\r\n\r"[:len(b)]: // a ping may be under way
			return false, true
		case b[1] == '\n':
			f.r += 2
		default:
			return false, false
		}
	}
	return false, true
}

// headEnd returns the length of the header with its empty line, 0 if it is not
// there yet. It looks at each octet once, but for the last two: an empty line
// may be half there.
func (f *Framer) headEnd() int {
	b := f.buf[f.r:f.w]
	for i := f.scanned; ; {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			if f.scanned+2 < len(b) || i == f.scanned {
				f.scanned = len(b)
			}
			return 0
		}
		f.scanned = i + n
		i += n + 1
		if m := lineEnd(b, i); m > 0 {
			return i + m
		}
	}
}

// contentLength finds the length in a header. It must be there exactly once.
func contentLength(head []byte) (int, bool) {
	length, found := 0, false
	i := bytes.IndexByte(head, '\n') + 1
	for i < len(head) && lineEnd(head, i) == 0 {
		next := unfold(head, i)
		colon := bytes.IndexByte(head[i:next], ':')
		if colon > 0 && headerOf(trimRight(head[i:i+colon])) == HeaderContentLength {
			from, to := trim(head, i+colon+1, next)
			n, ok := number(head[from:to], 1<<30)
			if !ok || found {
				return 0, false
			}
			length, found = int(n), true
		}
		i = next
	}
	return length, found
}
