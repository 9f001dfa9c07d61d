package dnsserver

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
)

// inherited are sockets that somebody else has opened, by their addresses.
type inherited struct {
	tcp map[netip.AddrPort]*os.File
	udp map[netip.AddrPort][]*os.File
}

// inherit looks what the sockets are.
func inherit(files []*os.File) (*inherited, error) {
	in := &inherited{tcp: map[netip.AddrPort]*os.File{}, udp: map[netip.AddrPort][]*os.File{}}
	for _, f := range files {
		if l, err := net.FileListener(f); err == nil { // a copy, closed again
			addr, ok := l.Addr().(*net.TCPAddr)
			_ = l.Close()
			if !ok {
				return nil, fmt.Errorf("take over socket %s: it is %s, not TCP or UDP", f.Name(), l.Addr().Network())
			}
			in.tcp[plainAddr(addr.AddrPort())] = f
			continue
		}
		c, err := net.FilePacketConn(f)
		if err != nil {
			return nil, fmt.Errorf("take over socket %s: %w", f.Name(), err)
		}
		addr, ok := c.LocalAddr().(*net.UDPAddr)
		_ = c.Close()
		if !ok {
			return nil, fmt.Errorf("take over socket %s: it is neither TCP nor UDP", f.Name())
		}
		key := plainAddr(addr.AddrPort())
		in.udp[key] = append(in.udp[key], f)
	}
	return in, nil
}

func plainAddr(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// take uses the sockets of an address; ok is false if there are none.
func (in *inherited) take(addr netip.AddrPort, conf *Config) (s sockets, ok bool, err error) {
	tcp, udp := in.tcp[addr], in.udp[addr]
	if tcp == nil && udp == nil {
		return s, false, nil
	}
	if tcp == nil || udp == nil {
		return s, false, fmt.Errorf("take over sockets of %s: one for TCP and one for UDP are needed", addr)
	}
	delete(in.tcp, addr)
	delete(in.udp, addr)
	l, err := net.FileListener(tcp)
	if err != nil {
		return s, false, fmt.Errorf("take over tcp %s: %w", addr, err)
	}
	s = sockets{addr: addr, tcp: l.(*net.TCPListener)}
	if s.udp, err = inheritUDP(udp, addr, conf); err != nil {
		return sockets{}, false, errors.Join(fmt.Errorf("take over udp %s: %w", addr, err), l.Close())
	}
	return s, true, nil
}

// left reports a socket of an address that is not served: it would take
// questions and answer none.
func (in *inherited) left() error {
	for addr := range in.tcp {
		return fmt.Errorf("socket for tcp %s is handed on, and not among the addresses to listen on", addr)
	}
	for addr := range in.udp {
		return fmt.Errorf("socket for udp %s is handed on, and not among the addresses to listen on", addr)
	}
	return nil
}
