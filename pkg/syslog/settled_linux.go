package syslog

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// tcpEstablished is the state of a connection that both ends keep open (TCP_ESTABLISHED
// of the kernel).
const tcpEstablished = 1

// settled reports whether every octet that was written has been acknowledged.
func settled(c net.Conn) (bool, error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return true, nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false, err
	}
	var info *unix.TCPInfo
	var infoErr error
	if err := raw.Control(func(fd uintptr) { info, infoErr = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); err != nil {
		return false, err
	}
	switch {
	case infoErr != nil:
		return false, infoErr
	case info.State != tcpEstablished:
		return false, ErrGone
	}
	return info.Unacked == 0 && info.Notsent_bytes == 0, nil
}
