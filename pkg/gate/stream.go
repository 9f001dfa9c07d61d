package gate

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// streamListener accepts phones on every transport but UDP.
type streamListener struct {
	g     *Gate
	local *local
	l     net.Listener
	tls   *tls.Config // nil for tcp and ws
}

func (g *Gate) listenStream(l Listener) (*streamListener, error) {
	// Keep-alive costs four system calls, which a phone that is refused need not
	// cost: it is set when a connection is to stay.
	lc := net.ListenConfig{KeepAlive: -1, Control: socketOptions(false, g.cfg.FreeBind)}
	nl, err := lc.Listen(context.Background(), "tcp", l.Address.String())
	if err != nil {
		return nil, err
	}
	s := &streamListener{g: g, l: nl, local: newLocal(l.Transport, nl.Addr().(*net.TCPAddr).AddrPort())}
	if l.Transport.Secure() {
		s.tls = g.serverTLS()
	}
	return s, nil
}

// run accepts until the listener is closed.
func (s *streamListener) run() {
	for {
		conn, err := s.l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptors left: those that are open must end first
			s.g.log.Error().Err(err).Str("transport", s.local.transport.String()).Msg("cannot accept a connection")
			if !s.g.conns.pause(100 * time.Millisecond) {
				return
			}
			continue
		}
		s.g.conns.serve(s, conn)
	}
}

// connections are the phones' connections of a gate.
type connections struct {
	g         *Gate
	handshake *handshakes
	workers   sync.Pool
	framers   sync.Pool
	counters  *counters
	reach     *reach

	stop chan struct{}
	wg   sync.WaitGroup

	mu       sync.Mutex // held for the three below
	all      map[*phone]struct{}
	bySource map[netip.Addr]int
	closed   bool
}

func newConnections(g *Gate) *connections {
	c := &connections{g: g, handshake: newHandshakes(g.cfg.Handshakes), bySource: map[netip.Addr]int{}, reach: newReach(g.log), stop: make(chan struct{}), all: map[*phone]struct{}{}, counters: g.newCounters()}
	c.workers.New = func() any { return g.newWorker(c.counters) }
	c.framers.New = func() any { return sipwire.NewFramer(firstBuffer, g.cfg.MaxMessage) }
	return c
}

// serve starts the goroutine of a connection, or closes it when there are too
// many.
func (c *connections) serve(s *streamListener, conn net.Conn) {
	p := newPhone(c, s, conn)
	c.mu.Lock()
	source := p.src.Addr()
	crowd := c.bySource[source] >= c.g.cfg.MaxPerSource && !c.g.sources.free(source)
	full := c.closed || len(c.all) >= c.g.cfg.MaxConnections || crowd
	if !full {
		c.all[p] = struct{}{}
		c.bySource[source]++
		c.wg.Add(1)
	}
	c.mu.Unlock()
	if full {
		if crowd {
			c.g.sources.blame(source, time.Now())
		}
		conn.Close()
		return
	}
	go func() { // ends with the connection, which closeAll closes; wait waits
		defer c.wg.Done()
		p.run()
		c.mu.Lock()
		delete(c.all, p)
		if c.bySource[source]--; c.bySource[source] == 0 {
			delete(c.bySource, source)
		}
		c.mu.Unlock()
	}()
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}

func (c *connections) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	close(c.stop)
	for p := range c.all {
		p.raw.Close()
	}
}

func (c *connections) wait() { c.wg.Wait() }

// pause waits; it reports false when the gate stops.
func (c *connections) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.stop:
		return false
	}
}

// policyChanged lets every connection look at its time to close again.
func (c *connections) policyChanged() {
	rs := c.g.rules.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := range c.all {
		p.policyChanged(rs)
	}
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// onStop calls f when the gate stops, until the returned function is called.
func (c *connections) onStop(f func()) (cancel func()) {
	done := make(chan struct{})
	c.wg.Go(func() {
		select {
		case <-c.stop:
			f()
		case <-done:
		}
	})
	return func() { close(done) }
}
