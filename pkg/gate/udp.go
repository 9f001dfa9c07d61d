package gate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// socketBuffer is what the kernel may queue for one socket, in octets, if it
// lets us: about a second of a storm.
const socketBuffer = 4 << 20

// packet is one place of a batch.
type packet struct {
	in   []byte // what was received; its capacity is the place's buffer
	src  netip.AddrPort
	zone uint32 // scope of a link-local src
	out  []byte // the answer; empty for none
	to   netip.AddrPort
}

// udpSocket is one socket with its loop. Several may share an address; the
// kernel spreads the phones over them by their addresses.
type udpSocket struct {
	g     *Gate
	local *local
	conn  *net.UDPConn
	io    *batch
	w     *worker
}

// listenUDP opens the sockets of one address. It is called with g.mu held.
func (g *Gate) listenUDP(addr netip.AddrPort) error {
	n := 1
	if canShare && g.cfg.UDPSockets > 1 {
		// A shared address is open to any process of ours, so a second gate
		// would not be noticed: ask first without sharing.
		lc := net.ListenConfig{Control: socketOptions(false, g.cfg.FreeBind)}
		conn, err := lc.ListenPacket(context.Background(), "udp", addr.String())
		if err != nil {
			return err
		}
		conn.Close()
		n = g.cfg.UDPSockets
	}
	for range n {
		lc := net.ListenConfig{Control: socketOptions(n > 1, g.cfg.FreeBind)}
		pc, err := lc.ListenPacket(context.Background(), "udp", addr.String())
		if err != nil {
			return err
		}
		conn := pc.(*net.UDPConn)
		addr = conn.LocalAddr().(*net.UDPAddr).AddrPort() // port 0: the first socket decides for all
		s := &udpSocket{g: g, conn: conn, local: newLocal(fleet.UDP, addr), w: g.newWorker(g.newCounters())}
		g.udp = append(g.udp, s)
		if s.io, err = newBatch(conn); err != nil {
			return fmt.Errorf("prepare socket: %w", err)
		}
		// The kernel may allow less; then a storm loses packets that the
		// phones send again.
		_ = conn.SetReadBuffer(socketBuffer)
		_ = conn.SetWriteBuffer(socketBuffer)
	}
	return nil
}

// run handles packets until the socket is closed.
func (s *udpSocket) run() {
	for {
		packets, err := s.io.read()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP message for an earlier packet of ours
		}
		s.w.now = time.Now()
		for i := range packets {
			p := &packets[i]
			p.out, p.to = s.w.datagram(s.g.rules.Load(), s.local, p.in, p.src, p.out[:0])
		}
		s.io.write(packets) // what is lost here, the phones send again
	}
}
