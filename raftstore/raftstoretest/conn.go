package raftstoretest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// errRefused is what a closed port answers.
const errRefused = syscall.ECONNREFUSED

// conn is one end of a connection.
type conn struct {
	in, out       *half
	local, remote name
}

// pair returns the two ends of a new connection.
func (n *Network) pair(from, to string) (near, far *conn) {
	there := &half{network: n, from: from, to: to, changed: make(chan struct{})}
	back := &half{network: n, from: to, to: from, changed: make(chan struct{})}
	return &conn{in: back, out: there, local: name(from), remote: name(to)},
		&conn{in: there, out: back, local: name(to), remote: name(from)}
}

// half is one direction of a connection.
type half struct {
	network  *Network
	from, to string

	mu sync.Mutex
	// guarded by mu:
	segments []segment
	lastDue  time.Time
	finished bool // the writer has closed
	dead     bool // the reader has closed
	deadline time.Time
	changed  chan struct{} // closed and replaced at every change
}

// segment is what one Write sent.
type segment struct {
	due  time.Time
	data []byte
}

// touch must be called with mu held.
func (h *half) touch() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// end lets the reader see the end after what was sent.
func (h *half) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.finished {
		h.finished = true
		h.touch()
	}
}

func (h *half) write(p []byte) (int, error) {
	transit := h.network.transit()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.finished {
		return 0, net.ErrClosed
	}
	if h.dead {
		return 0, syscall.EPIPE
	}
	due := time.Now().Add(transit)
	if due.Before(h.lastDue) {
		due = h.lastDue
	}
	h.lastDue = due
	h.segments = append(h.segments, segment{due, append([]byte(nil), p...)})
	h.touch()
	return len(p), nil
}

func (h *half) read(p []byte) (int, error) {
	for {
		blocked, healed := h.network.blocked(h.from, h.to)
		h.mu.Lock()
		now := time.Now()
		var wait time.Duration // 0: no timer
		switch {
		case h.dead:
			h.mu.Unlock()
			return 0, net.ErrClosed
		case !h.deadline.IsZero() && !now.Before(h.deadline):
			h.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		case !blocked && len(h.segments) > 0 && !now.Before(h.segments[0].due):
			n := copy(p, h.segments[0].data)
			if h.segments[0].data = h.segments[0].data[n:]; len(h.segments[0].data) == 0 {
				h.segments = h.segments[1:]
			}
			h.mu.Unlock()
			return n, nil
		case !blocked && len(h.segments) > 0:
			wait = h.segments[0].due.Sub(now)
		case !blocked && h.finished:
			h.mu.Unlock()
			return 0, io.EOF
		}
		if !h.deadline.IsZero() && (wait == 0 || h.deadline.Sub(now) < wait) {
			wait = h.deadline.Sub(now)
		}
		changed := h.changed
		h.mu.Unlock()
		pause(wait, changed, healed)
	}
}

// pause waits for the time, if it is not 0, or one of the channels.
func pause(d time.Duration, a, b <-chan struct{}) {
	var expired <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		expired = t.C
	}
	select {
	case <-expired:
	case <-a:
	case <-b:
	}
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) { return c.in.read(p) }

// Write implements net.Conn. It never blocks.
func (c *conn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close implements net.Conn.
func (c *conn) Close() error {
	c.out.end()
	c.in.mu.Lock()
	if !c.in.dead {
		c.in.dead = true
		c.in.touch()
	}
	c.in.mu.Unlock()
	return nil
}

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.in.deadline = t
	c.in.touch()
	return nil
}

// SetWriteDeadline implements net.Conn. Writes never block.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
