package dnsserver

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// plainSocket answers with one system call for each datagram: where batches
// are not available.
type plainSocket struct {
	conn *net.UDPConn
	// read returns also which address was asked, if the socket is bound to all,
	// and write sends from there.
	read  func(b []byte) (n int, client netip.AddrPort, asked net.IP, err error)
	write func(b []byte, client netip.AddrPort, asked net.IP) error
}

func listenPlain(addr netip.AddrPort) (udpSocket, error) {
	network := "udp6"
	if addr.Addr().Is4() {
		network = "udp4"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	return plainOn(conn, addr)
}

// inheritPlain reads from a copy of a socket that somebody else has opened.
func inheritPlain(file *os.File, addr netip.AddrPort) (udpSocket, error) {
	c, err := net.FilePacketConn(file)
	if err != nil {
		return nil, err
	}
	conn, ok := c.(*net.UDPConn)
	if !ok {
		return nil, errors.Join(errors.New("not a UDP socket"), c.Close())
	}
	return plainOn(conn, addr)
}

func plainOn(conn *net.UDPConn, addr netip.AddrPort) (udpSocket, error) {
	var err error
	p := &plainSocket{conn: conn}
	switch {
	case !addr.Addr().IsUnspecified():
		p.bound()
	case addr.Addr().Is4():
		err = p.any4(ipv4.NewPacketConn(conn))
	default:
		err = p.any6(ipv6.NewPacketConn(conn))
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return p, nil
}

func (p *plainSocket) bound() {
	p.read = func(b []byte) (int, netip.AddrPort, net.IP, error) {
		n, client, err := p.conn.ReadFromUDPAddrPort(b)
		return n, client, nil, err
	}
	p.write = func(b []byte, client netip.AddrPort, _ net.IP) error {
		_, err := p.conn.WriteToUDPAddrPort(b, client)
		return err
	}
}

func (p *plainSocket) any4(c *ipv4.PacketConn) error {
	p.read = func(b []byte) (n int, client netip.AddrPort, asked net.IP, err error) {
		n, cm, from, err := c.ReadFrom(b)
		if cm != nil {
			asked = cm.Dst
		}
		return n, addrPortOf(from), asked, err
	}
	p.write = func(b []byte, client netip.AddrPort, asked net.IP) error {
		_, err := c.WriteTo(b, &ipv4.ControlMessage{Src: asked}, net.UDPAddrFromAddrPort(client))
		return err
	}
	return c.SetControlMessage(ipv4.FlagDst, true)
}

func (p *plainSocket) any6(c *ipv6.PacketConn) error {
	p.read = func(b []byte) (n int, client netip.AddrPort, asked net.IP, err error) {
		n, cm, from, err := c.ReadFrom(b)
		if cm != nil {
			asked = cm.Dst
		}
		return n, addrPortOf(from), asked, err
	}
	p.write = func(b []byte, client netip.AddrPort, asked net.IP) error {
		_, err := c.WriteTo(b, &ipv6.ControlMessage{Src: asked}, net.UDPAddrFromAddrPort(client))
		return err
	}
	return c.SetControlMessage(ipv6.FlagDst, true)
}

func addrPortOf(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		return u.AddrPort()
	}
	return netip.AddrPort{}
}

func (p *plainSocket) close() error { return p.conn.Close() }

func (p *plainSocket) abandon() error { return p.conn.Close() }

func (p *plainSocket) serve(s *Server, r *responder) {
	in, out := make([]byte, maxQuestion), make([]byte, maxUDPSize)
	for {
		n, client, asked, err := p.read(in)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			if !s.pause(socketPause) {
				return
			}
			continue
		}
		read := time.Now()
		if answer := s.answerUDP(r, out, in[:n], client, uint32(read.Unix())); answer != nil {
			_ = p.write(answer, client, asked) // if it is lost the client asks again
			r.slow(read, 1)
		}
	}
}
