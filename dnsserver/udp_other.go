//go:build !linux

package dnsserver

import (
	"net/netip"
	"os"
)

// listenUDP opens one socket: only Linux spreads clients over several.
func listenUDP(addr netip.AddrPort, _ *Config) ([]udpSocket, error) {
	s, err := listenPlain(addr)
	if err != nil {
		return nil, err
	}
	return []udpSocket{s}, nil
}

// inheritUDP reads one socket: more are of no use here.
func inheritUDP(files []*os.File, addr netip.AddrPort, _ *Config) ([]udpSocket, error) {
	s, err := inheritPlain(files[0], addr)
	if err != nil {
		return nil, err
	}
	return []udpSocket{s}, nil
}
