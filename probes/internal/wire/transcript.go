package wire

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Directions of a line.
const (
	Sent     = "sent"
	Received = "received"
	Said     = "note"
)

// Line is one thing that happened on the wire.
type Line struct {
	At        time.Duration // since the transcript began
	Direction string
	Text      string // lines end with \n; other control characters are '?'
}

// Transcript keeps what one probe sent and received, for people to read.
type Transcript struct {
	begin time.Time

	mu    sync.Mutex
	lines []Line // guarded by mu
	size  int
}

// maxTranscript bounds what is kept.
const maxTranscript = 64 << 10

type transcriptKey struct{}

// Record returns a context under which connections opened by this package are
// written down.
func Record(ctx context.Context) (context.Context, *Transcript) {
	t := &Transcript{begin: time.Now()}
	return context.WithValue(ctx, transcriptKey{}, t), t
}

func transcriptOf(ctx context.Context) *Transcript {
	t, _ := ctx.Value(transcriptKey{}).(*Transcript)
	return t
}

// Lines returns what was written down so far.
func (t *Transcript) Lines() []Line {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Line(nil), t.lines...)
}

func (t *Transcript) add(direction, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.size += len(text); t.size > maxTranscript {
		return
	}
	t.lines = append(t.lines, Line{At: time.Since(t.begin), Direction: direction, Text: readable(text)})
}

// Remark writes a line of our own down, if anybody records.
func Remark(ctx context.Context, format string, args ...any) {
	if t := transcriptOf(ctx); t != nil {
		t.add(Said, fmt.Sprintf(format, args...))
	}
}

// Tap returns conn, written down if anybody records. One of datagrams stays one,
// also to who looks for that, such as a DNS client that frames what is none.
func Tap(ctx context.Context, conn net.Conn) net.Conn {
	t := transcriptOf(ctx)
	if t == nil {
		return conn
	}
	if packets, ok := conn.(net.PacketConn); ok {
		return &tappedPackets{tapped{conn, t}, packets}
	}
	return &tapped{conn, t}
}

// tappedPackets is a connected socket of datagrams. Whom one goes to or comes from
// is known, so Read and Write are what probes use, and are written down.
type tappedPackets struct {
	tapped
	packets net.PacketConn
}

// ReadFrom implements net.PacketConn.
func (c *tappedPackets) ReadFrom(b []byte) (int, net.Addr, error) { return c.packets.ReadFrom(b) }

// WriteTo implements net.PacketConn.
func (c *tappedPackets) WriteTo(b []byte, to net.Addr) (int, error) { return c.packets.WriteTo(b, to) }

type tapped struct {
	net.Conn
	transcript *Transcript
}

func (c *tapped) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.transcript.add(Received, string(b[:n]))
	}
	return n, err
}

func (c *tapped) Write(b []byte) (int, error) {
	c.transcript.add(Sent, string(b))
	return c.Conn.Write(b)
}

// proof is the answer to a challenge. With it and the challenge a weak password
// can be guessed, so it is not shown.
var proof = regexp.MustCompile(`(?i)(response=")[^"]*`)

// readable keeps lines as lines, and hides what octets could do to a terminal.
func readable(text string) string {
	if bytes.IndexByte([]byte(text), 0) >= 0 {
		return fmt.Sprintf("%d octets: % x", len(text), text[:min(len(text), 64)])
	}
	text = proof.ReplaceAllString(strings.ReplaceAll(text, "\r\n", "\n"), "${1}hidden")
	var b strings.Builder
	for _, r := range text {
		if r == '\n' || r == '\t' || r >= ' ' && Clean(string(r)) == string(r) {
			b.WriteRune(r)
		} else {
			b.WriteByte('?')
		}
	}
	return b.String()
}
