package dnsserver

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// sockets are those of one address.
type sockets struct {
	addr netip.AddrPort
	tcp  *net.TCPListener
	udp  []udpSocket
}

// portTries is how often a port free for both TCP and UDP is looked for.
const portTries = 20

// bind opens TCP first: where several UDP sockets share an address by
// SO_REUSEPORT, the TCP listener, which does not share, is what keeps a second
// server off the same address.
func bind(addr netip.AddrPort, conf *Config, given *inherited) (sockets, error) {
	if s, ok, err := given.take(addr, conf); ok || err != nil {
		return s, err
	}
	var errs error
	for range portTries {
		s, err := bindOnce(addr, conf)
		if err == nil {
			return s, nil
		}
		errs = err
		if addr.Port() != 0 {
			break
		}
	}
	return sockets{}, errs
}

func bindOnce(addr netip.AddrPort, conf *Config) (sockets, error) {
	network := "tcp6"
	if addr.Addr().Is4() {
		network = "tcp4"
	}
	tcp, err := net.ListenTCP(network, net.TCPAddrFromAddrPort(addr))
	if err != nil {
		return sockets{}, fmt.Errorf("listen on tcp %s: %w", addr, err)
	}
	port := tcp.Addr().(*net.TCPAddr).AddrPort().Port()
	s := sockets{addr: netip.AddrPortFrom(addr.Addr(), port), tcp: tcp}
	if s.udp, err = listenUDP(s.addr, conf); err != nil {
		return sockets{}, errors.Join(fmt.Errorf("listen on udp %s: %w", s.addr, err), tcp.Close())
	}
	return s, nil
}
