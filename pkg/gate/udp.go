package gate

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// udpSocket is one socket with its loop.
type udpSocket struct {
	g     *Gate
	local *local
	conn  *net.UDPConn
	w     *worker
}

func (g *Gate) listenUDP(addr netip.AddrPort) (*udpSocket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("listen udp: %w", err)
	}
	w := newWorker(g.key, g.newCounters())
	return &udpSocket{g: g, local: newLocal(1, conn.LocalAddr().(*net.UDPAddr).AddrPort()), conn: conn, w: w}, nil
}

// run reads until the socket is closed.
func (s *udpSocket) run() {
	in := make([]byte, 65536)
	out := make([]byte, 0, 65536)
	for {
		n, src, err := s.conn.ReadFromUDPAddrPort(in)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP message for an earlier packet of ours
		}
		answer, to := s.w.datagram(s.g.rules.Load(), s.local, in[:n], src, out[:0])
		if len(answer) > 0 {
			s.conn.WriteToUDPAddrPort(answer, to) // a lost packet is the phone's to send again
		}
	}
}
