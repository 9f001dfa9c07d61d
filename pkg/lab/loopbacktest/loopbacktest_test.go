package loopbacktest

import (
	"net"
	"net/netip"
	"testing"
)

func TestAddressIsNobodysElse(t *testing.T) {
	a := Address(t, 5060)
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 5060)))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := unused(a, []uint16{5060}); err == nil {
		t.Errorf("%s is taken, and is given away", l.Addr())
	}
	if err := unused(a, []uint16{5062}); err != nil {
		t.Errorf("port 5062 of %s is free: %v", a, err)
	}
	if p := Fixed(t).Port(); p >= 32768 {
		t.Errorf("port %d may be a client's", p)
	}
	if b := Address(t, 5060); a == b {
		t.Errorf("%s is given away twice", a)
	}
}
