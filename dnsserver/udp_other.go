//go:build !linux

package dnsserver

import "net/netip"

// listenUDP opens one socket: only Linux spreads clients over several.
func listenUDP(addr netip.AddrPort, _ *Config) ([]udpSocket, error) {
	s, err := listenPlain(addr)
	if err != nil {
		return nil, err
	}
	return []udpSocket{s}, nil
}
