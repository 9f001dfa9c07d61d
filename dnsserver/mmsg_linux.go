package dnsserver

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"syscall"
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
	fd    int
	file  *os.File        // has fd in Go's poller
	raw   syscall.RawConn // of file
	anyIP bool            // bound to all addresses: control data tell which was asked
	// take receives what is there into taken and failure; false if that was
	// nothing. It is made once, not for each wait.
	take    func(uintptr) bool
	taken   int
	failure error
	last    time.Time // when datagrams came last
	streak  int       // how often they came close behind each other

	slots  []datagram
	rx, tx [batchSize]mmsghdr
	rxv    [batchSize]unix.Iovec
	txv    [batchSize]unix.Iovec
}

// newBatchSocket takes the descriptor over, also when it fails.
func newBatchSocket(fd int, anyIP bool) (*batchSocket, error) {
	wait := unix.NsecToTimeval(busyWait.Nanoseconds())
	err := errors.Join(
		os.NewSyscallError("setsockopt SO_RCVTIMEO", unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait)),
		os.NewSyscallError("fcntl", unix.SetNonblock(fd, true)), // else Go does not poll it
	)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	b := &batchSocket{fd: fd, anyIP: anyIP, file: os.NewFile(uintptr(fd), "udp"), slots: make([]datagram, batchSize)}
	raw, err := b.file.SyscallConn()
	err = errors.Join(err,
		b.file.SetReadDeadline(time.Time{}),                      // fails when it is not polled
		os.NewSyscallError("fcntl", unix.SetNonblock(fd, false)), // it may wait in the kernel, too
	)
	if err != nil {
		return nil, errors.Join(err, b.file.Close())
	}
	b.raw = raw
	b.take = func(uintptr) bool {
		b.taken, b.failure = b.receive(unix.MSG_DONTWAIT)
		return b.failure != unix.EAGAIN
	}
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
	return b, nil
}

// close ends serve, which then closes the descriptor: closing it here could
// let serve write to whatever gets the same number next.
func (b *batchSocket) close() error { return b.file.SetReadDeadline(time.Unix(1, 0)) }

func (b *batchSocket) abandon() error { return b.file.Close() }

func (b *batchSocket) serve(s *Server, r *responder) {
	defer b.file.Close()
	for {
		n, err := b.next()
		select {
		case <-s.ending:
			return
		default:
		}
		if err == unix.EINTR {
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

// A socket is busy when datagrams came busyStreak times within busyGap of those
// before: at a thousand questions a second the runtime looks often enough for
// processors to take back. One that waits in the kernel returns after busyWait
// at the latest.
const (
	busyGap    = time.Millisecond
	busyStreak = 16
	busyWait   = 4 * time.Millisecond
)

// next waits for datagrams. A socket that is busy waits in recvmmsg itself: half
// the system calls when questions come one by one. Any other waits in Go's
// poller: a goroutine in a system call keeps the processor that it had until the
// runtime takes it back, on a quiet agent up to 10 ms, in which nothing else
// runs there, the next decision included.
func (b *batchSocket) next() (n int, err error) {
	if b.streak >= busyStreak {
		n, err := b.receive(unix.MSG_WAITFORONE)
		if err != unix.EAGAIN {
			b.came(time.Now())
			return n, err
		}
		b.streak = 0
	}
	if err := b.raw.Read(b.take); err != nil {
		return 0, err
	}
	b.came(time.Now())
	return b.taken, b.failure
}

// came takes note of when there was something to read.
func (b *batchSocket) came(now time.Time) {
	if b.streak++; now.Sub(b.last) > busyGap {
		b.streak = 0
	}
	b.last = now
}

// receive takes the datagrams that are there. Without any it returns EAGAIN: at
// once with MSG_DONTWAIT, after busyWait with MSG_WAITFORONE.
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
