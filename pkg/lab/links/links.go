// Package links is the network between the lab's agents: a SOCKS5 proxy
// (RFC 1928) for each agent, through which it dials its peers. A link can be
// cut, which freezes what runs over it and lets new connections hang, as a
// network that drops packets does; and it can delay what it carries.
package links

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/lab/internal/pause"
)

const (
	handshakeTimeout = 5 * time.Second
	dialTimeout      = 5 * time.Second
	// cutTimeout is how long a dial over a cut link hangs before it fails, as a
	// kernel gives up in the end. Else the dials of a long cut would all reach
	// the peer at once when it heals.
	cutTimeout = 30 * time.Second
	bufferSize = 32 << 10
)

// Config says where a link listens.
type Config struct {
	Listen netip.AddrPort
	Logger zerolog.Logger
}

// Link carries one agent's connections to its peers.
type Link struct {
	cfg   Config
	ln    net.Listener
	group *Group

	ctx    context.Context // of the link's whole life; ended by Stop
	cancel context.CancelFunc
	work   sync.WaitGroup
}

// New prepares a link.
func New(cfg Config) (*Link, error) {
	if !cfg.Listen.IsValid() {
		return nil, errors.New("configure link: no address")
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Link{cfg: cfg, ctx: ctx, cancel: cancel}, nil
}

// Start listens.
func (l *Link) Start() error {
	if l.group == nil {
		return errors.New("start link: not in a group")
	}
	ln, err := net.Listen("tcp", l.cfg.Listen.String())
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	l.ln = ln
	l.work.Go(l.accept) // ends when Stop closes the listener
	return nil
}

// Addr returns where the link listens.
func (l *Link) Addr() netip.AddrPort {
	a, err := netip.ParseAddrPort(l.ln.Addr().String())
	if err != nil {
		return l.cfg.Listen
	}
	return a
}

// Stop ends the link and what it carries.
func (l *Link) Stop(ctx context.Context) error {
	l.cancel()
	if l.ln != nil {
		l.ln.Close()
	}
	done := make(chan struct{})
	go func() {
		l.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop link: %w", ctx.Err())
	}
}

func (l *Link) accept() {
	for {
		c, err := l.ln.Accept()
		if err != nil {
			return
		}
		l.work.Go(func() { l.serve(c) })
	}
}

// serve carries one connection.
func (l *Link) serve(c net.Conn) {
	defer c.Close()
	stop := context.AfterFunc(l.ctx, func() { c.Close() })
	defer stop()
	_ = c.SetDeadline(time.Now().Add(handshakeTimeout))
	to, err := request(c)
	if err != nil {
		l.cfg.Logger.Debug().Err(err).Msg("refused a connection")
		return
	}
	_ = c.SetDeadline(time.Time{})
	if l.waitToDial(to.Addr()) != nil { // a cut link lets a dial hang
		_, _ = c.Write(reply(hostUnreachable))
		return
	}
	out, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(l.ctx, "tcp", to.String())
	if err != nil {
		_, _ = c.Write(reply(connectionRefused))
		return
	}
	defer out.Close()
	stopOut := context.AfterFunc(l.ctx, func() { out.Close() })
	defer stopOut()
	if _, err := c.Write(reply(succeeded)); err != nil {
		return
	}
	l.carry(c, out, to.Addr())
}

func (l *Link) waitToDial(to netip.Addr) error {
	ctx, cancel := context.WithTimeout(l.ctx, cutTimeout)
	defer cancel()
	return l.group.wait(ctx, l, to)
}

// carry copies both ways until one side ends.
func (l *Link) carry(a, b net.Conn, to netip.Addr) {
	var both sync.WaitGroup
	one := func(dst, src net.Conn) {
		l.copy(dst, src, to)
		dst.Close()
		src.Close()
	}
	both.Go(func() { one(b, a) })
	both.Go(func() { one(a, b) })
	both.Wait()
}

// chunk is what was read, to be written when its delay is over.
type chunk struct {
	due  time.Time
	data []byte
}

// copy passes octets on in order, each after the delay of the link, and none
// while the link is cut.
func (l *Link) copy(dst io.Writer, src io.Reader, to netip.Addr) {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	queue := make(chan chunk, 256)
	var writer sync.WaitGroup
	writer.Go(func() {
		defer cancel()
		for c := range queue {
			if pause.Until(ctx, c.due) != nil || l.group.wait(ctx, l, to) != nil {
				return
			}
			if _, err := dst.Write(c.data); err != nil {
				return
			}
		}
	})
	defer writer.Wait()
	defer close(queue)
	buf := make([]byte, bufferSize)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			select {
			case queue <- chunk{time.Now().Add(l.group.delay()), append([]byte{}, buf[:n]...)}:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}
