package softswitch

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

const (
	maxDatagram  = 65535
	idleTimeout  = 5 * time.Minute
	writeTimeout = 2 * time.Second
	shakeTimeout = 5 * time.Second
)

// open binds every transport again at the address that it had. It is called
// with mu held. On an error nothing stays open.
func (s *Softswitch) open() error {
	if s.ctx.Err() != nil || len(s.sockets) > 0 {
		return s.ctx.Err()
	}
	for _, t := range []fleet.Transport{fleet.TCP, fleet.UDP, fleet.TLS} {
		if _, has := s.addrs[t]; !has {
			continue
		}
		if err := s.bind(t); err != nil {
			s.close()
			return fmt.Errorf("listen on %s %s: %w", t, s.addrs[t], err)
		}
	}
	return nil
}

func (s *Softswitch) bind(t fleet.Transport) error {
	addr := s.addrs[t]
	if t == fleet.UDP {
		if tcp := s.addrs[fleet.TCP]; addr.Port() == 0 && tcp.IsValid() && tcp.Addr() == addr.Addr() {
			addr = tcp // one port for both, as usual
		}
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
		if err != nil {
			return err
		}
		s.addrs[t] = c.LocalAddr().(*net.UDPAddr).AddrPort()
		s.sockets = append(s.sockets, c)
		s.work.Go(func() { s.serveUDP(c) })
		return nil
	}
	ln, err := net.Listen("tcp", addr.String())
	if err != nil {
		return err
	}
	s.addrs[t] = ln.Addr().(*net.TCPAddr).AddrPort()
	s.sockets = append(s.sockets, ln)
	s.work.Go(func() { s.accept(ln, t) })
	return nil
}

// close closes every socket and connection. It is called with mu held.
func (s *Softswitch) close() {
	for _, c := range s.sockets {
		if tc, ok := c.(*conn); ok {
			tc.reset()
		}
		c.Close()
	}
	s.sockets = nil
}

// closeTLS cuts the TLS connections. It is called with mu held.
func (s *Softswitch) closeTLS() {
	for _, c := range s.sockets {
		if tc, ok := c.(*conn); ok && tc.transport == fleet.TLS {
			tc.Close()
		}
	}
}

// conn is one accepted connection.
type conn struct {
	net.Conn  // the TCP connection; under TLS, too
	transport fleet.Transport
}

// reset lets the peer see a reset and not a polite end, as a process that dies
// with unread data does.
func (c *conn) reset() {
	if tc, ok := c.Conn.(*net.TCPConn); ok {
		_ = tc.SetLinger(0)
	}
}

func (s *Softswitch) serveUDP(c *net.UDPConn) {
	buf := make([]byte, maxDatagram)
	for {
		n, src, err := c.ReadFromUDPAddrPort(buf)
		if isClosed(err) {
			return
		}
		if err != nil {
			continue // an ICMP error of an earlier answer
		}
		msg, err := sip.ParseMessage(append([]byte{}, buf[:n]...))
		req, ok := msg.(*sip.Request)
		if err != nil || !ok {
			continue
		}
		s.handle(req, fleet.UDP, func(res *sip.Response) {
			_, _ = c.WriteToUDPAddrPort([]byte(res.String()), replyAddr(req, src))
		})
	}
}

// replyAddr is where a response over UDP goes (RFC 3261 §18.2.2, RFC 3581 §4).
func replyAddr(req *sip.Request, src netip.AddrPort) netip.AddrPort {
	via := req.Via()
	if via == nil {
		return src
	}
	if _, rport := via.Params.Get("rport"); rport {
		return src
	}
	port := via.Port
	if port == 0 {
		port = 5060
	}
	return netip.AddrPortFrom(src.Addr(), uint16(port))
}

func (s *Softswitch) accept(ln net.Listener, t fleet.Transport) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		tc := &conn{c, t}
		s.mu.Lock()
		if s.ctx.Err() != nil || len(s.sockets) == 0 {
			s.mu.Unlock()
			c.Close()
			continue
		}
		s.sockets = append(s.sockets, tc)
		s.mu.Unlock()
		s.work.Go(func() {
			defer s.forget(tc)
			s.serveConn(tc)
		})
	}
}

func (s *Softswitch) forget(c *conn) {
	c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, x := range s.sockets {
		if x == closer(c) {
			s.sockets = append(s.sockets[:i], s.sockets[i+1:]...)
			return
		}
	}
}

// serveConn answers on one connection until it ends.
func (s *Softswitch) serveConn(c *conn) {
	var stream net.Conn = c.Conn
	if c.transport == fleet.TLS {
		if stream = s.handshake(c.Conn); stream == nil {
			return
		}
	}
	parser := sip.NewParser().NewSIPStream()
	defer parser.Close()
	buf := make([]byte, 16<<10)
	for {
		_ = stream.SetReadDeadline(time.Now().Add(idleTimeout))
		n, err := stream.Read(buf)
		if err != nil {
			return
		}
		if isPing(buf[:n]) { // RFC 5626 §4.4.1
			if !s.mute(c.transport) {
				_, _ = stream.Write([]byte("\r\n"))
			}
			continue
		}
		err = parser.ParseSIPStream(buf[:n], func(m sip.Message) {
			if req, ok := m.(*sip.Request); ok {
				s.handle(req, c.transport, func(res *sip.Response) {
					_ = stream.SetWriteDeadline(time.Now().Add(writeTimeout))
					_, _ = stream.Write([]byte(res.String()))
				})
			}
		})
		if err != nil && err != sip.ErrParseSipPartial {
			return
		}
	}
}

func isPing(b []byte) bool { return string(b) == "\r\n\r\n" }

// handshake ends the TLS handshake, unless the fault is that it does not.
func (s *Softswitch) handshake(c net.Conn) net.Conn {
	fault := s.Fault()
	if fault == TLSHang || fault == Hang {
		s.holdSilent(c)
		return nil
	}
	cfg := s.cfg.TLS
	if fault == TLSBadCert {
		cfg = s.cfg.BadTLS
	}
	t := tls.Server(c, cfg)
	ctx, cancel := context.WithTimeout(s.ctx, shakeTimeout)
	defer cancel()
	if t.HandshakeContext(ctx) != nil {
		return nil
	}
	return t
}

// holdSilent reads what comes and says nothing, until the peer gives up.
func (s *Softswitch) holdSilent(c net.Conn) {
	buf := make([]byte, 4096)
	for {
		_ = c.SetReadDeadline(time.Now().Add(idleTimeout))
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

// mute reports whether nothing at all is said on the transport.
func (s *Softswitch) mute(t fleet.Transport) bool {
	f := s.Fault()
	return f == Hang || (f == TLSHang && t == fleet.TLS)
}
