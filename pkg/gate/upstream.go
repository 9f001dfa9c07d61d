package gate

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// upstream is a phone's connection to the softswitch.
type upstream struct {
	p       *phone
	addr    netip.AddrPort
	conn    net.Conn
	framer  framer
	done    chan struct{} // closed when the reader has ended
	writing sync.Mutex    // held for one write
}

func (p *phone) upstream() *upstream {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up
}

// connect makes the upstream: to the softswitch that the request belongs to, or
// to another one if that cannot be reached. It is called by the phone's reader
// only, so the phone's further messages wait their turn.
func (p *phone) connect(w *worker, upstreams []netip.AddrPort) *upstream {
	first := w.choose(p.local, upstreams)
	conn, framer, addr := p.try(first)
	for i := 0; conn == nil && i < len(upstreams); i++ {
		if upstreams[i] != first {
			conn, framer, addr = p.try(upstreams[i])
		}
	}
	if conn == nil {
		return nil
	}
	if tcp, ok := p.raw.(*net.TCPConn); ok {
		_ = tcp.SetKeepAlive(true) // the phone is registered through it: know when it has gone
	}
	up := &upstream{p: p, addr: addr, conn: conn, framer: framer, done: make(chan struct{})}
	p.mu.Lock()
	p.up = up
	p.mu.Unlock()
	go up.run() // ends when its connection is closed; the phone's end waits
	return up
}

// try dials one softswitch, unless it is known not to answer.
func (p *phone) try(addr netip.AddrPort) (net.Conn, framer, netip.AddrPort) {
	h := hop{p.local.transport, addr}
	if !p.c.reach.worthTrying(h, time.Now()) {
		return nil, nil, addr
	}
	conn, framer, err := p.dial(addr)
	if err != nil {
		p.c.reach.failed(h, time.Now(), err)
		return nil, nil, addr
	}
	p.c.reach.reached(h)
	return conn, framer, addr
}

// dial connects, with all handshakes that the transport has.
func (p *phone) dial(addr netip.AddrPort) (net.Conn, framer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), p.g.cfg.DialTimeout)
	defer cancel()
	stop := p.c.onStop(cancel)
	defer stop()
	conn, err := p.dialStream(ctx, addr)
	if err != nil {
		return nil, nil, err
	}
	if p.web == nil {
		return conn, sipwire.NewFramer(firstBuffer, p.g.cfg.MaxMessage), nil
	}
	early, err := p.web.ask(ctx, conn, p.tls != nil)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	f := newWebFramer(ws.StateClientSide, p.g.cfg.MaxMessage)
	f.Wrote(copy(f.Space(), early)) // both have the library's size of buffer
	return conn, f, nil
}

func (p *phone) dialStream(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	if own := p.local.addr.Addr(); own.Is4() == addr.Addr().Is4() {
		d.LocalAddr = &net.TCPAddr{IP: own.AsSlice()} // the softswitch sees the address that it knows
	}
	conn, err := d.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return nil, fmt.Errorf("connect to softswitch: %w", err)
	}
	if p.tls == nil {
		return conn, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if p.g.cfg.UpstreamTLS != nil {
		cfg = p.g.cfg.UpstreamTLS.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = addr.Addr().String()
	}
	secure := tls.Client(conn, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("shake hands with softswitch: %w", err)
	}
	return secure, nil
}

// run reads from the softswitch until either side ends. When the softswitch
// ends, the phone's connection is closed too: that is how the phone learns, at
// once, that it must go elsewhere.
func (u *upstream) run() {
	defer close(u.done)
	defer u.p.raw.Close()
	defer u.conn.Close()
	for u.frames() {
		n, err := u.conn.Read(u.framer.Space())
		u.framer.Wrote(n)
		if err != nil {
			u.frames()
			return
		}
	}
}

// frames handles all whole messages that were read. It reports false when the
// connection must end.
func (u *upstream) frames() bool {
	for {
		frame, b, err := u.framer.Next()
		if end, ok := errors.AsType[*webEnd](err); ok {
			u.send(end.frame)
		}
		switch {
		case err != nil:
			return false
		case frame == sipwire.NoFrame:
			return true
		case frame == sipwire.PingFrame:
			if !u.send(pongOr(b)) {
				return false
			}
		case !u.message(b):
			return false
		}
	}
}

// message passes one message of the softswitch to the phone.
func (u *upstream) message(b []byte) bool {
	p := u.p
	w := p.c.workers.Get().(*worker)
	defer p.c.workers.Put(w)
	rs := p.g.rules.Load()
	w.now = time.Now()
	fault := w.m.Parse(b)
	action, ok := Drop, true
	switch {
	case fault != sipwire.None:
	case w.m.IsRequest():
		action, ok = u.request(w, rs)
	default:
		var good bool
		if w.out, _, good = w.response(rs, p.local, w.out[:0]); good {
			action, ok = Relay, p.write(w.out)
		}
	}
	w.count.add(p.local.transport, &w.m, fault, action)
	return ok
}

func (u *upstream) request(w *worker, rs *ruleset) (Action, bool) {
	p := u.p
	switch v := w.passable(p.local); v.action {
	case Refuse:
		w.out = w.reply(rs, v, reasonOf(v.status), u.addr, w.out[:0])
		return Refuse, u.write(w.out)
	case Relay:
		p.clock.traffic(&w.m, w.now)
		w.meter.InDialog(w.now, &w.m)
		w.out = w.forward(rs, p.local, u.addr, w.out[:0])
		return Relay, p.write(w.out)
	}
	return Drop, true
}

// write sends a message to the softswitch. After an error the phone's connection
// ends with this one.
func (u *upstream) write(b []byte) bool {
	if u.p.web != nil {
		b = webMessage(b, true)
	}
	return u.send(b)
}

// send sends octets to the softswitch.
func (u *upstream) send(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	u.writing.Lock()
	defer u.writing.Unlock()
	u.conn.SetWriteDeadline(time.Now().Add(u.p.g.cfg.WriteTimeout))
	if _, err := u.conn.Write(b); err != nil {
		u.conn.Close()
		return false
	}
	return true
}

func (u *upstream) close() {
	u.conn.Close()
	<-u.done
}
