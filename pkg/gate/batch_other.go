//go:build !linux

package gate

import (
	"net"
	"syscall"
)

// batch is one packet at a time where the kernel has no better.
type batch struct {
	conn    *net.UDPConn
	packets [1]packet
	buf     []byte
}

func newBatch(conn *net.UDPConn) (*batch, error) {
	return &batch{conn: conn, buf: make([]byte, 65535)}, nil
}

// read waits for a packet. It is valid until the next read.
func (b *batch) read() ([]packet, error) {
	n, src, err := b.conn.ReadFromUDPAddrPort(b.buf)
	if err != nil {
		return nil, err
	}
	b.packets[0].in, b.packets[0].src = b.buf[:n], src
	return b.packets[:1], nil
}

// write sends the answers.
func (b *batch) write(packets []packet) {
	for i := range packets {
		if p := &packets[i]; len(p.out) > 0 && p.to.Port() != 0 {
			_, _ = b.conn.WriteToUDPAddrPort(p.out, p.to)
		}
	}
}

const canShare = false

// canFreeBind says that a socket may have an address that the machine has not.
const canFreeBind = false

func socketOptions(_, _ bool) func(network, address string, rc syscall.RawConn) error {
	return func(string, string, syscall.RawConn) error { return nil }
}
