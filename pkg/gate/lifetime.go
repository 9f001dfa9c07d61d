package gate

import (
	"net"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// lifetime decides how long a connection from a phone stays open.
type lifetime struct {
	cfg *Config

	mu      sync.Mutex // held for all below, and while the read deadline is set
	first   bool       // a whole message has come
	start   time.Time  // of the connection, then of the message under way
	partial bool
	last    time.Time // last message or keep-alive
	busy    time.Time // a call may use the connection until then
	closing time.Time // idle connections of a drained site end then; zero: no
	armed   time.Time // the read deadline that is set
}

// slack is how much earlier than its end a connection may be looked at: a
// deadline that moves with every message costs a thirtieth of what the message
// does, and one that comes too early is only set again.
const slack = 5 * time.Second

func (t *lifetime) init(cfg *Config, now time.Time) {
	t.cfg, t.start, t.last = cfg, now, now
}

// arm sets the read deadline for the next read. It reports false when the
// connection is over.
func (t *lifetime) arm(conn net.Conn, partial bool) bool {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first && partial && !t.partial {
		t.start = now
	}
	t.partial = partial
	end := t.end()
	if !now.Before(end) {
		return false
	}
	if late := end.Sub(t.armed); late < 0 || late > slack || !now.Before(t.armed) {
		t.set(conn, end)
	}
	return true
}

// set sets the read deadline. It is called with mu held.
func (t *lifetime) set(conn net.Conn, end time.Time) {
	conn.SetReadDeadline(end)
	t.armed = end
}

// end is the earliest time at which the connection ends if nothing more comes.
func (t *lifetime) end() time.Time {
	end := t.last.Add(t.cfg.IdleTimeout)
	if !t.first || t.partial {
		end = earlier(end, t.start.Add(t.cfg.MessageTimeout))
	}
	if !t.closing.IsZero() {
		close := t.closing
		if t.busy.After(close) {
			close = t.busy
		}
		end = earlier(end, close)
	}
	return end
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (t *lifetime) message(now time.Time) {
	t.mu.Lock()
	t.first, t.partial, t.last = true, false, now
	t.mu.Unlock()
}

func (t *lifetime) ping(now time.Time) {
	t.mu.Lock()
	t.last = now
	t.mu.Unlock()
}

// traffic notes a request that was passed on, in either direction: a call keeps
// its connection also while the site drains.
func (t *lifetime) traffic(m *sipwire.Message, now time.Time) {
	if m.To().Tag == nil && !m.Is("INVITE") {
		return
	}
	t.mu.Lock()
	t.busy, t.last = now.Add(t.cfg.CallHold), now
	t.mu.Unlock()
}

// inUse reports whether a call may need the connection.
func (t *lifetime) inUse(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.busy.After(now)
}

// closeSoon sets the time to close, within the spread, unless one is set. place
// says where in the spread.
func (t *lifetime) closeSoon(conn net.Conn, place uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closing.IsZero() {
		t.closing = time.Now().Add(t.cfg.DrainSpread * time.Duration(place%1024) / 1024)
		t.set(conn, t.end())
	}
}

// stay takes the time to close back: the site is open again.
func (t *lifetime) stay(conn net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closing.IsZero() {
		t.closing = time.Time{}
		t.set(conn, t.end())
	}
}
