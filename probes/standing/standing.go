// Package standing holds a TCP connection open to a softswitch, so that a
// process that dies is noticed in the moment its kernel closes the connection,
// not at the next question. It does not say that a softswitch is down: servers
// close idle connections politely too. It reports, and the runner asks.
package standing

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// Config of a Watcher.
type Config struct {
	// Interval between keep-alives, and the least time between two connections
	// that did not last. Below a second it would be a load. Default 5 s.
	Interval time.Duration
	// Timeout of connecting. Default 2 s.
	Timeout time.Duration
}

// Watcher holds connections.
type Watcher struct{ cfg Config }

// New returns a watcher.
func New(cfg Config) *Watcher {
	if cfg.Interval <= 0 {
		cfg.Interval = 5 * time.Second
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 2 * time.Second
	}
	return &Watcher{cfg: cfg}
}

// maxBackoff bounds, in intervals, the wait between connections that do not
// last.
const maxBackoff = 16

// keepAlive is the ping of RFC 5626 §3.5.1. A server answers with one CRLF or
// not at all; both are fine.
const keepAlive = "\r\n\r\n"

// Watch implements probes.Watcher. A connection that lasted an interval is
// opened again at once when it breaks, others after a wait that doubles: a
// server that accepts and closes must not be run against in a loop.
func (w *Watcher) Watch(ctx context.Context, spec probes.Spec, report func(probes.Result)) {
	wait := w.cfg.Interval
	for {
		start := time.Now()
		res := w.hold(ctx, spec, report)
		if ctx.Err() != nil {
			return
		}
		report(res)
		if time.Since(start) >= w.cfg.Interval {
			wait = w.cfg.Interval
			// The first try is at once: refused, it proves the death.
			continue
		}
		if !sleep(ctx, wait) {
			return
		}
		wait = min(2*wait, maxBackoff*w.cfg.Interval)
	}
}

// hold opens one connection and returns how it ended.
func (w *Watcher) hold(ctx context.Context, spec probes.Spec, report func(probes.Result)) probes.Result {
	dialCtx, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
	defer cancel()
	start := time.Now()
	conn, fault := wire.DialTCP(dialCtx, spec.Address)
	if fault != nil {
		return probes.Failed(fault.Cause, fault.Detail)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	report(probes.Succeeded(time.Since(start), "connected"))

	// TLS would take a keep-alive for a broken handshake: there the connection
	// is only held.
	speak := spec.Check.Transport != fleet.TLS && spec.Check.Transport != fleet.WSS
	fault = w.keep(conn, speak)
	return probes.Failed(fault.Cause, fault.Detail)
}

// maxTalk is how many octets a softswitch may send unasked in one interval
// before the connection is given up. Nothing but line ends is expected.
const maxTalk = 64 << 10

// keep reads until the connection breaks, with a keep-alive each interval. What
// the softswitch sends is thrown away.
func (w *Watcher) keep(conn net.Conn, speak bool) *wire.Fault {
	const held = "connection held open"
	buf := make([]byte, 4096)
	ping, talk := time.Now().Add(w.cfg.Interval), 0
	for {
		if err := conn.SetReadDeadline(ping); err != nil {
			return wire.Classify(held, err)
		}
		n, err := conn.Read(buf)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return wire.Classify(held, err)
		}
		if talk += n; talk > maxTalk {
			return &wire.Fault{Cause: health.CauseMalformed, Detail: held + ": the softswitch talks without end"}
		}
		if now := time.Now(); !now.Before(ping) {
			ping, talk = now.Add(w.cfg.Interval), 0
			if !speak {
				continue
			}
			// A peer that no longer reads would block the write one day.
			if err := conn.SetWriteDeadline(ping); err != nil {
				return wire.Classify(held, err)
			}
			if _, err := conn.Write([]byte(keepAlive)); err != nil {
				return wire.Classify(held, err)
			}
		}
	}
}

// sleep waits, or returns false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
