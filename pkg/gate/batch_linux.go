package gate

import (
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchSize is how many packets one system call takes. More gains little and
// makes the first packet of a batch wait.
const batchSize = 64

// maxPacket is the longest UDP payload.
const maxPacket = 65535

// batch reads and writes packets many at a time by recvmmsg(2) and sendmmsg(2),
// without allocating. The package net spends more on one packet than we do on
// its answer.
type batch struct {
	rc      syscall.RawConn
	v6      bool
	packets [batchSize]packet
	bufs    [batchSize][]byte

	in, out         [batchSize]mmsghdr
	inVec, outVec   [batchSize]unix.Iovec
	inName, outName [batchSize]unix.RawSockaddrInet6 // room for both families

	// doRead and doWrite are made once: closures would be allocated each time.
	doRead, doWrite func(fd uintptr) bool
	from, to        int // messages of out still to be sent
	n               int
	errno           syscall.Errno
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

func newBatch(conn *net.UDPConn) (*batch, error) {
	rc, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	b := &batch{rc: rc, v6: !conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Is4()}
	for i := range batchSize {
		b.bufs[i] = make([]byte, maxPacket)
		b.inVec[i].Base = &b.bufs[i][0]
		b.inVec[i].SetLen(maxPacket)
		link(&b.in[i], &b.inName[i], &b.inVec[i])
		link(&b.out[i], &b.outName[i], &b.outVec[i])
	}
	b.doRead = func(fd uintptr) bool {
		for i := range b.in {
			b.in[i].hdr.Namelen = unix.SizeofSockaddrInet6
		}
		b.n, b.errno = mmsg(unix.SYS_RECVMMSG, fd, b.in[:])
		return b.errno != unix.EAGAIN
	}
	b.doWrite = func(fd uintptr) bool {
		b.n, b.errno = mmsg(unix.SYS_SENDMMSG, fd, b.out[b.from:b.to])
		return b.errno != unix.EAGAIN
	}
	return b, nil
}

func link(m *mmsghdr, name *unix.RawSockaddrInet6, vec *unix.Iovec) {
	m.hdr.Name = (*byte)(unsafe.Pointer(name))
	m.hdr.Iov = vec
	m.hdr.SetIovlen(1)
}

func mmsg(trap, fd uintptr, msgs []mmsghdr) (int, syscall.Errno) {
	for {
		n, _, errno := unix.Syscall6(trap, fd, uintptr(unsafe.Pointer(&msgs[0])), uintptr(len(msgs)), unix.MSG_DONTWAIT, 0, 0)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

// read waits for packets and returns those that are there. They are valid until
// the next read.
func (b *batch) read() ([]packet, error) {
	if err := b.rc.Read(b.doRead); err != nil {
		return nil, err
	}
	if b.errno != 0 {
		return nil, b.errno
	}
	for i := range b.n {
		p := &b.packets[i]
		p.in = b.bufs[i][:b.in[i].len]
		p.src, p.zone = b.source(i)
	}
	return b.packets[:b.n], nil
}

func (b *batch) source(i int) (netip.AddrPort, uint32) {
	name := &b.inName[i]
	if name.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), ntohs(v4.Port)), 0
	}
	return netip.AddrPortFrom(netip.AddrFrom16(name.Addr).Unmap(), ntohs(name.Port)), name.Scope_id
}

// write sends the answers. A packet that the kernel refuses is left out, the
// others go.
func (b *batch) write(packets []packet) {
	b.to = 0
	for i := range packets {
		p := &packets[i]
		if len(p.out) == 0 || p.to.Port() == 0 || !b.address(b.to, p) {
			continue
		}
		b.outVec[b.to].Base = &p.out[0]
		b.outVec[b.to].SetLen(len(p.out))
		b.to++
	}
	for b.from = 0; b.from < b.to; {
		if err := b.rc.Write(b.doWrite); err != nil {
			return // closed
		}
		if b.errno != 0 || b.n == 0 {
			b.n = 1 // the first one is the culprit
		}
		b.from += b.n
	}
}

// address writes where a packet goes in the form that the socket wants.
func (b *batch) address(i int, p *packet) bool {
	name, addr := &b.outName[i], p.to.Addr()
	if !b.v6 {
		if !addr.Is4() {
			return false
		}
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		*v4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: ntohs(p.to.Port()), Addr: addr.As4()}
		b.out[i].hdr.Namelen = unix.SizeofSockaddrInet4
		return true
	}
	*name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: ntohs(p.to.Port()), Addr: addr.As16()}
	if addr == p.src.Addr() {
		name.Scope_id = p.zone
	}
	b.out[i].hdr.Namelen = unix.SizeofSockaddrInet6
	return true
}

// ntohs turns a port from network order into the machine's, and back.
func ntohs(n uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], n)
	return binary.BigEndian.Uint16(b[:])
}

const canShare = true

// canFreeBind says that a socket may have an address that the machine has not.
const canFreeBind = true

// socketOptions sets what a socket needs before it gets its address: share lets
// several have one (SO_REUSEPORT), free lets it have one that comes to this
// machine later (IP_FREEBIND, for IPv6 too).
func socketOptions(shared, free bool) func(network, address string, rc syscall.RawConn) error {
	return func(_, _ string, rc syscall.RawConn) error {
		var failed error
		if err := rc.Control(func(fd uintptr) {
			if shared {
				failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			}
			if free && failed == nil {
				failed = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_FREEBIND, 1)
			}
		}); err != nil {
			return err
		}
		return failed
	}
}
