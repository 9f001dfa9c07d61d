package dnsserver

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// listenUDP opens as many sockets for the address as there are workers. The
// kernel gives each client to one of them (SO_REUSEPORT).
func listenUDP(addr netip.AddrPort, conf *Config) ([]udpSocket, error) {
	if conf.Portable {
		s, err := listenPlain(addr)
		if err != nil {
			return nil, err
		}
		return []udpSocket{s}, nil
	}
	var out []udpSocket
	for range conf.Workers {
		s, err := listenBatch(addr)
		if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // a sandbox
			if s, err := listenPlain(addr); err == nil && len(out) == 0 {
				return []udpSocket{s}, nil
			}
		}
		if err != nil {
			for _, s := range out {
				err = errors.Join(err, s.abandon())
			}
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// receiveBuffer is what the kernel is asked to hold for a socket, in octets:
// a burst of questions while the worker is not running. The kernel may give
// less.
const receiveBuffer = 4 << 20

// listenBatch opens one socket that reads and writes many datagrams in one
// system call.
func listenBatch(addr netip.AddrPort) (*batchSocket, error) {
	family, sa, err := sockaddr(addr)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	err = setOptions(fd, family, addr.Addr().IsUnspecified())
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, sa))
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	b, err := newBatchSocket(fd, addr.Addr().IsUnspecified())
	if err != nil {
		return nil, err
	}
	if _, err := b.receive(unix.MSG_DONTWAIT); err != nil && !errors.Is(err, unix.EAGAIN) {
		return nil, errors.Join(os.NewSyscallError("recvmmsg", err), b.abandon())
	}
	return b, nil
}

func setOptions(fd, family int, anyAddress bool) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return os.NewSyscallError("setsockopt SO_REUSEPORT", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	if family == unix.AF_INET6 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return os.NewSyscallError("setsockopt IPV6_V6ONLY", err)
		}
	}
	return packetInfo(fd, family, anyAddress)
}

func packetInfo(fd, family int, anyAddress bool) error {
	if !anyAddress {
		return nil
	}
	// The address that was asked comes with each datagram, and the answer
	// leaves from it (RFC 2181 §4.1).
	level, option := unix.IPPROTO_IP, unix.IP_PKTINFO
	if family == unix.AF_INET6 {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO
	}
	return os.NewSyscallError("setsockopt PKTINFO", unix.SetsockoptInt(fd, level, option, 1))
}

func sockaddr(addr netip.AddrPort) (family int, sa unix.Sockaddr, err error) {
	ip := addr.Addr()
	if ip.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: ip.As4()}, nil
	}
	sa6 := &unix.SockaddrInet6{Port: int(addr.Port()), Addr: ip.As16()}
	if ip.Zone() != "" {
		i, err := net.InterfaceByName(ip.Zone())
		if err != nil {
			return 0, nil, fmt.Errorf("find interface of %s: %w", ip, err)
		}
		sa6.ZoneId = uint32(i.Index)
	}
	return unix.AF_INET6, sa6, nil
}

// inheritUDP lets every worker read from a copy of a socket: of its own if
// there are as many, else of a shared one.
func inheritUDP(files []*os.File, addr netip.AddrPort, conf *Config) ([]udpSocket, error) {
	if conf.Portable {
		s, err := inheritPlain(files[0], addr)
		return []udpSocket{s}, err
	}
	var out []udpSocket
	for i := range max(conf.Workers, len(files)) {
		s, err := inheritBatch(files[i%len(files)], addr)
		if err != nil {
			for _, s := range out {
				err = errors.Join(err, s.abandon())
			}
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func inheritBatch(file *os.File, addr netip.AddrPort) (*batchSocket, error) {
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	family := unix.AF_INET6
	if addr.Addr().Is4() {
		family = unix.AF_INET
	}
	if err := packetInfo(fd, family, addr.Addr().IsUnspecified()); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return newBatchSocket(fd, addr.Addr().IsUnspecified())
}
