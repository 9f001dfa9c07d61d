//go:build !linux

package gate

import (
	"net/netip"
	"testing"
)

func socketStorm(b *testing.B, _ netip.AddrPort) {
	b.Skip("measures with recvmmsg and per-thread processor times of Linux")
}
