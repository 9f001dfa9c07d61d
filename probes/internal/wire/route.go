package wire

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
)

func isSyscall(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno)
}

// HasRoute reports whether this machine knows a way to addr. It asks the
// routing table by connecting a UDP socket, which sends nothing.
func HasRoute(addr netip.Addr) bool {
	if !addr.IsValid() {
		return false
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 9)))
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
