package links

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
)

// Replies of a SOCKS5 server (RFC 1928 §6).
const (
	succeeded            = 0
	hostUnreachable      = 4
	connectionRefused    = 5
	commandNotSupported  = 7
	addressTypeNotServed = 8
)

// request reads a SOCKS5 greeting and CONNECT (RFC 1928 §3, §4). What it does
// not serve it answers with the reason before it returns the error: names are
// not resolved here, nobody needs to log in, and only CONNECT is served.
func request(c io.ReadWriter) (netip.AddrPort, error) {
	if err := greeting(c); err != nil {
		return netip.AddrPort{}, err
	}
	var head [4]byte // version, command, reserved, address type
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return netip.AddrPort{}, fmt.Errorf("read request: %w", err)
	}
	size := map[byte]int{1: 4, 4: 16}[head[3]]
	switch {
	case head[0] != 5:
		return netip.AddrPort{}, fmt.Errorf("read request: version %d", head[0])
	case head[1] != 1:
		_, _ = c.Write(reply(commandNotSupported))
		return netip.AddrPort{}, fmt.Errorf("read request: command %d", head[1])
	case size == 0:
		_, _ = c.Write(reply(addressTypeNotServed))
		return netip.AddrPort{}, fmt.Errorf("read request: address type %d", head[3])
	}
	rest := make([]byte, size+2)
	if _, err := io.ReadFull(c, rest); err != nil {
		return netip.AddrPort{}, fmt.Errorf("read address: %w", err)
	}
	addr, _ := netip.AddrFromSlice(rest[:size])
	return netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(rest[size:])), nil
}

// greeting agrees on no authentication, the only method served.
func greeting(c io.ReadWriter) error {
	var head [2]byte // version, number of methods
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return fmt.Errorf("read greeting: %w", err)
	}
	if head[0] != 5 {
		return fmt.Errorf("read greeting: version %d", head[0])
	}
	methods := make([]byte, head[1])
	if _, err := io.ReadFull(c, methods); err != nil {
		return fmt.Errorf("read methods: %w", err)
	}
	if !bytes.Contains(methods, []byte{0}) {
		_, _ = c.Write([]byte{5, 0xff})
		return fmt.Errorf("read methods: none of %v is served", methods)
	}
	if _, err := c.Write([]byte{5, 0}); err != nil {
		return fmt.Errorf("write method: %w", err)
	}
	return nil
}

func reply(code byte) []byte { return []byte{5, code, 0, 1, 0, 0, 0, 0, 0, 0} }
