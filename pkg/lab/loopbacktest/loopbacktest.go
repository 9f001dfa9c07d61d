// Package loopbacktest starts foreign programs for tests, and gives them addresses
// of this host.
package loopbacktest

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
)

// tries bounds the search: 127.64.0.0/10 has four million addresses, so a second
// try is already rare.
const tries = 64

// Address returns an address of 127.64.0.0/10 on which nobody uses the ports, by
// UDP or by TCP. A program that gets its ports as an argument must not be given
// free ports of 127.0.0.1: between the search and its start any client may be
// given the same port by the kernel. Clients never get this address by
// themselves. The test is skipped where the host answers for 127.0.0.1 only.
func Address(t testing.TB, ports ...uint16) netip.Addr {
	t.Helper()
	var err error
	for range tries {
		a := netip.AddrFrom4([4]byte{127, byte(64 + rand.IntN(64)), byte(rand.IntN(256)), byte(1 + rand.IntN(254))})
		if err = unused(a, append([]uint16{0}, ports...)); err == nil {
			return a
		}
	}
	t.Skipf("no address of 127.64.0.0/10 to be had: %v", err)
	return netip.Addr{}
}

// AddrPort returns a port of an address as Address gives them.
func AddrPort(t testing.TB, port uint16) netip.AddrPort {
	t.Helper()
	return netip.AddrPortFrom(Address(t, port), port)
}

// Fixed returns a port of 127.0.0.1 that is below those that the kernel gives to
// clients, for programs that listen on addresses of interfaces only (BIND).
func Fixed(t testing.TB) netip.AddrPort {
	t.Helper()
	host := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	var err error
	for range tries {
		p := uint16(12000 + rand.IntN(18000)) // the kernel's begin at 32768 (49152 by RFC 6335)
		if err = unused(host, []uint16{p}); err == nil {
			return netip.AddrPortFrom(host, p)
		}
	}
	t.Fatalf("no port of %s to be had: %v", host, err)
	return netip.AddrPort{}
}

func unused(a netip.Addr, ports []uint16) error {
	for _, p := range ports {
		at := netip.AddrPortFrom(a, p)
		u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err != nil {
			return err
		}
		u.Close()
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
		if err != nil {
			return err
		}
		l.Close()
	}
	return nil
}
