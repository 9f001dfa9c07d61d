package gate

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// firstBuffer is what an idle connection's reading side costs, in octets.
const firstBuffer = 4096

// phone is one connection from a phone or trunk, with at most one connection of
// its own to the softswitch, so that the softswitch can call back through it.
type phone struct {
	g     *Gate
	c     *connections
	local *local
	src   netip.AddrPort
	raw   net.Conn // as accepted; to close and for deadlines, from any goroutine
	conn  net.Conn // raw, or TLS over it once the handshake is done
	tls   *tls.Config
	clock lifetime

	web    *web // nil without WebSocket; set before the first message
	parted bool // the end of the WebSocket was said; used by the reader only

	writing sync.Mutex // held for one write to conn, and for the line below
	until   time.Time  // the write deadline that is set

	mu sync.Mutex // held for up
	up *upstream  // nil before the first message was passed on
}

func newPhone(c *connections, s *streamListener, conn net.Conn) *phone {
	p := &phone{g: c.g, c: c, local: s.local, src: addrPort(conn.RemoteAddr()), raw: conn, conn: conn, tls: s.tls}
	p.clock.init(&c.g.cfg, time.Now())
	return p
}

// run reads until the connection ends, and takes the upstream down with it.
func (p *phone) run() {
	defer p.end()
	if !p.handshake() {
		return
	}
	if p.web != nil {
		p.read(newWebFramer(ws.StateServerSide, p.g.cfg.MaxMessage))
		return
	}
	framer := p.c.framers.Get().(*sipwire.Framer)
	framer.Reset()
	defer p.c.framers.Put(framer)
	p.read(framer)
}

func (p *phone) read(framer framer) {
	for {
		if !p.clock.arm(p.raw, framer.Partial()) {
			return
		}
		n, err := p.conn.Read(framer.Space())
		framer.Wrote(n)
		if n > 0 && !p.frames(framer) {
			return
		}
		if err != nil && !timeout(err) {
			return
		}
	}
}

// handshake does what comes before the first message.
func (p *phone) handshake() bool {
	if p.tls == nil && !overWeb(p.local.transport) {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.g.cfg.HandshakeTimeout)
	defer cancel()
	if p.tls != nil && !p.secure(ctx) {
		return false
	}
	return !overWeb(p.local.transport) || p.upgrade(ctx)
}

// secure does the TLS handshake when a place is free. Waiting counts.
func (p *phone) secure(ctx context.Context) bool {
	if !p.c.handshake.enter(ctx, p.c.stop, p.src.Addr()) {
		return false
	}
	defer p.c.handshake.leave()
	conn := tls.Server(p.conn, p.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		return false
	}
	p.conn = conn // no upstream is there yet that could write
	return true
}

// frames handles all whole messages that were read. It reports false when the
// connection must end.
func (p *phone) frames(f framer) bool {
	for {
		frame, b, err := f.Next()
		switch {
		case err != nil:
			if end, ok := errors.AsType[*webEnd](err); ok {
				p.parted = p.send(end.frame)
			} else {
				p.unframed(b)
			}
			return false
		case frame == sipwire.NoFrame:
			return true
		case frame == sipwire.PingFrame:
			p.clock.ping(time.Now())
			if !p.send(pongOr(b)) {
				return false
			}
		default:
			p.clock.message(time.Now())
			if !p.message(b) {
				return false
			}
		}
	}
}

// pong answers CRLFCRLF (RFC 5626 §4.4.1).
var pong = []byte("\r\n")

// pongOr is the answer to a keep-alive that came with b.
func pongOr(b []byte) []byte {
	if b == nil {
		return pong
	}
	return b
}

// unframed answers, if it can, the header of a message whose end cannot be
// found, before the connection is closed.
func (p *phone) unframed(head []byte) {
	w := p.c.workers.Get().(*worker)
	defer p.c.workers.Put(w)
	fault := w.m.Parse(head)
	action := Drop
	if w.m.Answerable() {
		if fault == sipwire.None || fault == sipwire.BodyTooShort {
			fault = sipwire.BadContentLength
		}
		var out []byte
		action, out = w.judge(p.g.rules.Load(), p.local, fault, p.src, nil)
		p.write(out)
	}
	w.count.add(p.local.transport, &w.m, max(fault, sipwire.NotSIP), action)
}

// message handles one message from the phone.
func (p *phone) message(b []byte) bool {
	w := p.c.workers.Get().(*worker)
	defer p.c.workers.Put(w)
	rs := p.g.rules.Load()
	w.now = time.Now()
	fault := w.m.Parse(b)
	action, ok := Drop, true
	switch {
	case w.m.IsRequest():
		action, ok = p.request(w, rs, fault)
	case fault == sipwire.None && w.asked(p.src.Addr()):
	case fault == sipwire.None:
		if up := p.upstream(); up != nil {
			if out, _, good := w.response(rs, p.local, w.out[:0]); good {
				w.out = out
				action, ok = Relay, up.write(out)
			}
		}
	}
	w.count.add(p.local.transport, &w.m, fault, action)
	return ok
}

func (p *phone) request(w *worker, rs *ruleset, fault sipwire.Fault) (Action, bool) {
	action, out := w.judge(rs, p.local, fault, p.src, w.out[:0])
	w.out = out
	switch action {
	case Relay:
		if p.pass(w, rs) {
			return Relay, true
		}
		if w.m.Is("ACK") {
			return Drop, true
		}
		w.out = w.reply(rs, unavailable, reasonOf(503), p.src, w.out[:0])
		return Refuse, p.write(w.out)
	case Refuse, Redirect:
		ok := p.write(out)
		if fault == sipwire.None && rs.transports[p.local.transport].lastPhase() {
			p.clock.closeSoon(p.raw, w.spread())
		}
		return action, ok
	case HangUp:
		return action, p.hangUp(w, rs)
	}
	return action, true
}

// hangUp refuses by ending the connection, unless a call uses it: then the
// phone gets 503. It reports false when the connection must end.
func (p *phone) hangUp(w *worker, rs *ruleset) bool {
	if p.clock.inUse(time.Now()) {
		w.out = w.reply(rs, unavailable, reasonOf(503), p.src, w.out[:0])
		return p.write(w.out)
	}
	if tcp, ok := p.raw.(*net.TCPConn); ok && p.tls == nil && p.web == nil {
		_ = tcp.SetLinger(0) // RST: some phones take a FIN for the end of an idle connection
	}
	return false
}

// pass sends the request to the softswitch, for which it may have to connect.
// An ACK and a response do not make a connection: nothing waits for them.
func (p *phone) pass(w *worker, rs *ruleset) bool {
	up := p.upstream()
	if up == nil {
		upstreams := rs.transports[p.local.transport].upstreams
		if w.m.Is("ACK") || len(upstreams) == 0 {
			return false
		}
		if up = p.connect(w, upstreams); up == nil {
			return false
		}
	}
	p.clock.traffic(&w.m, time.Now())
	w.out = w.forward(rs, p.local, p.src, w.out[:0])
	return up.write(w.out)
}

// write sends a message to the phone. It reports false when the phone takes nothing.
func (p *phone) write(b []byte) bool {
	if p.web != nil {
		b = webMessage(b, false)
	}
	return p.send(b)
}

// send sends octets to the phone.
func (p *phone) send(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	// A peer has between three quarters of WriteTimeout and all of it: what is
	// set for every message costs more than it is worth.
	if now := time.Now(); p.until.Sub(now) < p.g.cfg.WriteTimeout*3/4 {
		p.until = now.Add(p.g.cfg.WriteTimeout)
		p.conn.SetWriteDeadline(p.until)
	}
	if _, err := p.conn.Write(b); err != nil {
		p.raw.Close()
		return false
	}
	return true
}

func (p *phone) end() {
	p.goodbye()
	p.conn.Close()
	if up := p.upstream(); up != nil {
		up.close()
	}
}

func timeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}

// policyChanged gives an idle connection its time to close, or takes it back.
func (p *phone) policyChanged(rs *ruleset) {
	if rs.transports[p.local.transport].lastPhase() {
		p.clock.closeSoon(p.raw, uint64(p.src.Port())*2654435761>>8)
	} else {
		p.clock.stay(p.raw)
	}
}
