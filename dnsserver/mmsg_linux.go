package dnsserver

import (
	"encoding/binary"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchSize is how many datagrams one system call may bring or take.
const batchSize = 32

// mmsghdr is struct mmsghdr of recvmmsg(2); Go pads it as C does.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// datagram is the room for one question and its answer.
type datagram struct {
	_       [0]uint64 // control data begin with a word
	peer    unix.RawSockaddrAny
	control [controlSize]byte
	in      [maxQuestion]byte
	out     [maxUDPSize]byte
}

// controlSize has room for the larger of in_pktinfo and in6_pktinfo.
const controlSize = 64

// batchSocket answers many datagrams with two system calls. The addresses and
// control data that the kernel wrote beside a question go back to it, as they
// are, beside the answer.
type batchSocket struct {
	fd     int
	shared bool // somebody else has it too, and keeps it
	anyIP  bool // bound to all addresses: control data tell which was asked
	slots  []datagram
	rx, tx [batchSize]mmsghdr
	rxv    [batchSize]unix.Iovec
	txv    [batchSize]unix.Iovec
}

func newBatchSocket(fd int, anyIP bool) *batchSocket {
	b := &batchSocket{fd: fd, anyIP: anyIP, slots: make([]datagram, batchSize)}
	for i := range b.slots {
		d := &b.slots[i]
		b.rxv[i].Base = &d.in[0]
		b.rxv[i].SetLen(maxQuestion)
		b.rx[i].hdr.Name = (*byte)(unsafe.Pointer(&d.peer))
		b.rx[i].hdr.Iov = &b.rxv[i]
		b.rx[i].hdr.SetIovlen(1)
		b.tx[i].hdr.Iov = &b.txv[i]
		b.tx[i].hdr.SetIovlen(1)
	}
	return b
}

// close ends serve, which then closes the descriptor: closing it here could
// let serve read from whatever gets the same number next. An unconnected
// socket is woken although shutdown says that it is not connected.
func (b *batchSocket) close() error {
	if b.shared {
		return nil // its receive timeout lets serve end
	}
	if err := unix.Shutdown(b.fd, unix.SHUT_RDWR); err != nil && err != unix.ENOTCONN {
		return os.NewSyscallError("shutdown", err)
	}
	return nil
}

func (b *batchSocket) abandon() error { return os.NewSyscallError("close", unix.Close(b.fd)) }

// serve waits in recvmmsg itself, not in Go's poller: half the system calls
// when questions come one by one.
func (b *batchSocket) serve(s *Server, r *responder) {
	defer func() { _ = unix.Close(b.fd) }()
	for {
		n, err := b.receive(unix.MSG_WAITFORONE)
		select {
		case <-s.ending:
			return
		default:
		}
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if err != nil {
			if !s.pause(socketPause) {
				return
			}
			continue
		}
		b.answer(s, r, n)
	}
}

// receive waits for at least one datagram, unless flags say otherwise.
func (b *batchSocket) receive(flags int) (int, error) {
	for i := range b.rx {
		h := &b.rx[i].hdr
		h.Namelen = unix.SizeofSockaddrAny
		if b.anyIP {
			h.Control = &b.slots[i].control[0]
			h.SetControllen(controlSize)
		}
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(b.fd), uintptr(unsafe.Pointer(&b.rx[0])), batchSize, uintptr(flags), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// answer answers the first n datagrams received.
func (b *batchSocket) answer(s *Server, r *responder, n int) {
	read := time.Now()
	now := uint32(read.Unix())
	ready := 0
	for i := range n {
		d := &b.slots[i]
		out := s.answerUDP(r, d.out[:], d.in[:min(b.rx[i].len, maxQuestion)], d.client(), now)
		if out == nil {
			continue
		}
		h := &b.tx[ready].hdr
		b.txv[ready].Base = &out[0]
		b.txv[ready].SetLen(len(out))
		h.Name, h.Namelen = b.rx[i].hdr.Name, b.rx[i].hdr.Namelen
		if b.anyIP {
			d.forgetInterface()
			h.Control, h.Controllen = b.rx[i].hdr.Control, b.rx[i].hdr.Controllen
		}
		ready++
	}
	b.send(ready)
	r.slow(read, ready)
}

// send sends the first n answers; one that the kernel does not take is left
// out, and its client asks again.
func (b *batchSocket) send(n int) {
	for done := 0; done < n; {
		k, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(b.fd), uintptr(unsafe.Pointer(&b.tx[done])), uintptr(n-done), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			done++
		default:
			done += int(k)
		}
	}
}

// client is where the question came from.
func (d *datagram) client() netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&d.peer.Addr.Data[0]))[:])
	switch d.peer.Addr.Family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(&d.peer)).Addr), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16((*unix.RawSockaddrInet6)(unsafe.Pointer(&d.peer)).Addr), port)
	}
	return netip.AddrPort{}
}

// forgetInterface lets the answer leave by the interface that routing chooses,
// from the address that was asked; the way back need not be the way in. Link-
// local addresses keep theirs.
func (d *datagram) forgetInterface() {
	switch h := (*unix.Cmsghdr)(unsafe.Pointer(&d.control)); {
	case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO:
		(*unix.Inet4Pktinfo)(unsafe.Pointer(&d.control[unix.CmsgLen(0)])).Ifindex = 0
	case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO:
		info := (*unix.Inet6Pktinfo)(unsafe.Pointer(&d.control[unix.CmsgLen(0)]))
		if !netip.AddrFrom16(info.Addr).IsLinkLocalUnicast() {
			info.Ifindex = 0
		}
	}
}
