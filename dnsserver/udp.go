package dnsserver

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// udpSocket is one socket that answers. Several may share an address.
type udpSocket interface {
	addr() netip.AddrPort
	// serve answers until the socket is closed.
	serve(s *Server, r *responder)
	// close ends serve, or makes it end at once when it begins.
	close() error
	// abandon frees a socket that will never serve.
	abandon() error
}

// maxQuestion is the longest UDP message read; what is behind is lost, which
// makes the message malformed.
const maxQuestion = 2048

// plainSocket answers with one system call for each datagram: where batches
// are not available.
type plainSocket struct{ conn *net.UDPConn }

func listenPlain(addr netip.AddrPort) (udpSocket, error) {
	network := "udp6"
	if addr.Addr().Is4() {
		network = "udp4"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	return plainSocket{conn}, nil
}

func (p plainSocket) addr() netip.AddrPort {
	return p.conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func (p plainSocket) close() error { return p.conn.Close() }

func (p plainSocket) abandon() error { return p.conn.Close() }

func (p plainSocket) serve(s *Server, r *responder) {
	in, out := make([]byte, maxQuestion), make([]byte, maxUDPSize)
	for {
		n, client, err := p.conn.ReadFromUDPAddrPort(in)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			if !s.pause(socketPause) {
				return
			}
			continue
		}
		if answer := s.answerUDP(r, out, in[:n], client, uint32(time.Now().Unix())); answer != nil {
			_, _ = p.conn.WriteToUDPAddrPort(answer, client) // if it is lost the client asks again
		}
	}
}

// answerUDP answers within the rate limit; nil means silence.
func (s *Server) answerUDP(r *responder, out, msg []byte, client netip.AddrPort, now uint32) []byte {
	if client.Port() == 0 { // nobody can ask from there
		r.count.dropped.Add(1)
		return nil
	}
	answer := r.respond(out, msg, UDP)
	if answer == nil {
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
