package dnsserver

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// listenUDP opens the address.
func listenUDP(addr netip.AddrPort, _ int) ([]*net.UDPConn, error) {
	u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	return []*net.UDPConn{u}, nil
}

// serveUDP answers until the socket is closed.
func (s *Server) serveUDP(u *net.UDPConn, r *responder) {
	in, out := make([]byte, maxMessage), make([]byte, maxUDPSize)
	for {
		n, client, err := u.ReadFromUDPAddrPort(in)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if !s.pause(socketPause) {
				return
			}
			continue
		}
		if answer := s.answerUDP(r, out, in[:n], client, uint32(time.Now().Unix())); answer != nil {
			_, _ = u.WriteToUDPAddrPort(answer, client) // the client asks again
		}
	}
}

// answerUDP answers within the rate limit; nil means silence.
func (s *Server) answerUDP(r *responder, out, msg []byte, client netip.AddrPort, now uint32) []byte {
	answer := r.respond(out, msg, UDP)
	if answer == nil || client.Port() == 0 {
		return nil
	}
	switch s.limiter.check(client.Addr(), r.subject, now) {
	case hold:
		r.count.limited.Add(1)
		return nil
	case slip:
		r.count.slipped.Add(1)
		return truncate(answer)
	}
	return answer
}
