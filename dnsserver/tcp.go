package dnsserver

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// acceptTCP accepts until the listener is closed.
func (s *Server) acceptTCP(l *net.TCPListener, count *counters) {
	for {
		c, err := l.AcceptTCP()
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
		e := s.conns.add(c)
		if e == nil {
			return
		}
		s.running.Go(func() { // ended by its deadlines, or by Stop through conns
			defer s.conns.remove(e)
			s.serveTCP(c, e, &responder{conf: &s.conf, zone: &s.zone, count: count})
		})
	}
}

// tcpBuffers are lent to a connection only while it answers, so that an idle
// one holds little.
type tcpBuffers struct{ in, out []byte }

func newTCPBuffers() *sync.Pool {
	return &sync.Pool{New: func() any {
		return &tcpBuffers{in: make([]byte, maxMessage), out: make([]byte, maxMessage)}
	}}
}

// serveTCP answers messages in their order (RFC 7766 §6.2.1: a client may send
// many without waiting) until the client ends, or is too slow.
func (s *Server) serveTCP(c net.Conn, e *conn, r *responder) {
	in, out := bufio.NewReaderSize(c, 1024), bufio.NewWriterSize(c, 2048)
	for {
		if in.Buffered() == 0 {
			if out.Flush() != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(s.conf.TCPIdle))
			if _, err := in.Peek(1); err != nil {
				s.conns.countCut(err)
				return
			}
		}
		_ = c.SetDeadline(time.Now().Add(s.conf.TCPMessage))
		if err := s.exchange(in, out, r); err != nil {
			s.conns.countCut(err)
			return
		}
		s.conns.touch(e)
	}
}

var errNoAnswer = errors.New("message deserves no answer")

// exchange reads one message and writes its answer.
func (s *Server) exchange(in *bufio.Reader, out *bufio.Writer, r *responder) error {
	var size [2]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return err
	}
	b := s.buffers.Get().(*tcpBuffers)
	defer s.buffers.Put(b)
	msg := b.in[:u16(size[:])]
	if _, err := io.ReadFull(in, msg); err != nil {
		return err
	}
	answer := r.respond(b.out, msg, TCP)
	if answer == nil {
		return errNoAnswer // no DNS client: RFC 7766 has no other way to say so
	}
	putU16(size[:], uint16(len(answer)))
	if _, err := out.Write(size[:]); err != nil {
		return err
	}
	_, err := out.Write(answer)
	return err
}
