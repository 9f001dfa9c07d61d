package dnsserver

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

// acceptTCP accepts until the listener is closed; secure is nil without TLS.
func (s *Server) acceptTCP(l *net.TCPListener, count *counters, secure *tls.Config) {
	for {
		plain, err := l.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.log.Warn().Err(err).Msg("accepting a DNS connection failed")
			if !s.pause(socketPause) {
				return
			}
			continue
		}
		c, via := net.Conn(plain), TCP
		if secure != nil {
			c, via = tls.Server(plain, secure), TLS // the handshake comes with the first read, in its time
		}
		e := s.conns.add(plain)
		if e == nil {
			return
		}
		s.running.Go(func() { // ended by its deadlines, or by Stop through conns
			defer s.conns.remove(e)
			r := s.responder(count)
			r.peer = c.RemoteAddr().(*net.TCPAddr).AddrPort()
			r.client = r.peer.Addr()
			s.serveTCP(c, e, r, via)
			_ = c.Close() // over TLS it says so to the client
		})
	}
}

// readBuffer holds what a connection has sent; questions are not longer,
// unless somebody tries.
const readBuffer = 1024

// serveTCP answers messages in their order (RFC 7766 §6.2.1: a client may send
// many without waiting) until the client ends, or is too slow.
func (s *Server) serveTCP(c net.Conn, e *conn, r *responder, via transport) {
	x := &exchange{s: s, r: r, via: via, conn: e, in: bufio.NewReaderSize(c, readBuffer), out: bufio.NewWriterSize(c, 2048)}
	wait := s.conf.TCPMessage // the first question counts from the start
	for {
		_ = c.SetDeadline(time.Now().Add(wait))
		if _, err := x.peek(1); err != nil {
			s.conns.countCut(err)
			return
		}
		_ = c.SetDeadline(time.Now().Add(s.conf.TCPMessage))
		if err := x.next(); err != nil {
			s.conns.countCut(err)
			return
		}
		s.conns.touch(e)
		wait = s.conf.TCPIdle
	}
}

// exchange is the talk on one connection.
type exchange struct {
	s    *Server
	r    *responder
	via  transport
	conn *conn
	in   *bufio.Reader
	out  *bufio.Writer
}

// errNoAnswer ends a connection whose client sends what is no question: there
// is no other way to say so.
var errNoAnswer = errors.New("message deserves no answer")

// next reads one message and writes its answer. Room for the answer is
// borrowed only when the question is there, so that a client which does not
// end its question holds little.
func (x *exchange) next() error {
	head, err := x.peek(2)
	if err != nil {
		return err
	}
	n := int(u16(head))
	if n > readBuffer-2 {
		return x.long(n)
	}
	msg, err := x.peek(2 + n)
	if err != nil {
		return err
	}
	if err := x.answer(msg[2:]); err != nil {
		return err
	}
	_, err = x.in.Discard(2 + n)
	return err
}

// peek returns the next n octets. Answers that are ready are sent first if
// there is to be a wait: none waits for its client to go on.
func (x *exchange) peek(n int) ([]byte, error) {
	if x.in.Buffered() < n {
		if err := x.out.Flush(); err != nil {
			return nil, err
		}
	}
	return x.in.Peek(n)
}

// long answers a message longer than the buffer, in memory that grows as the
// message comes.
func (x *exchange) long(n int) error {
	if err := x.out.Flush(); err != nil {
		return err
	}
	var msg bytes.Buffer
	if _, err := io.CopyN(&msg, x.in, int64(2+n)); err != nil {
		return err
	}
	return x.answer(msg.Bytes()[2:])
}

func (x *exchange) answer(msg []byte) error {
	buf := x.s.answers.Get().(*[maxMessage]byte)
	defer x.s.answers.Put(buf)
	read := time.Now()
	x.r.now = uint32(read.Unix())
	if done, err := x.transfer(msg); done || err != nil {
		return err
	}
	answer := x.r.respond(buf[:], msg, x.via)
	if answer == nil {
		return errors.Join(errNoAnswer, x.out.Flush())
	}
	x.r.sample(x.via, x.r.peer, msg, answer)
	x.r.slow(read, 1) // before it is sent: a slow client is no slow answer
	return x.send(answer)
}

// send writes a message behind its length.
func (x *exchange) send(answer []byte) error {
	if _, err := x.out.Write([]byte{byte(len(answer) >> 8), byte(len(answer))}); err != nil {
		return err
	}
	_, err := x.out.Write(answer)
	return err
}
