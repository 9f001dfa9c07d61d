package uac

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// Timers of RFC 3261 §17.1.1.1 that a probe does use: a request over UDP is
// retransmitted after T1, doubling up to T2, as long as the caller waits.
const (
	T1 = 500 * time.Millisecond
	T2 = 4 * time.Second
)

// Exchanger is what questions share that are asked often: a parser, which is only
// read, and room for a message that is used again. It is for many goroutines.
type Exchanger struct {
	parser *sip.Parser
	rooms  sync.Pool // of *room
}

// room is for one exchange at a time. Nothing that is parsed points into it.
type room struct {
	request bytes.Buffer
	answer  [maxDatagram]byte
}

// NewExchanger returns one.
func NewExchanger() *Exchanger {
	return &Exchanger{parser: newParser(), rooms: sync.Pool{New: func() any { return new(room) }}}
}

// Exchange is that of an Exchanger for a single question.
func Exchange(ctx context.Context, conn net.Conn, req *sip.Request) (*sip.Response, *wire.Fault) {
	return NewExchanger().Exchange(ctx, conn, req)
}

// Exchange sends req over conn and returns the final answer to it. What comes
// in but is not the answer is remembered and waited past: over UDP anybody may
// send. If nothing better comes before ctx ends the fault is CauseMalformed
// instead of CauseTimeout; on a stream that no longer can be cut into messages
// it is CauseMalformed at once.
func (e *Exchanger) Exchange(ctx context.Context, conn net.Conn, req *sip.Request) (*sip.Response, *wire.Fault) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	use := e.rooms.Get().(*room)
	defer e.rooms.Put(use)
	use.request.Reset()
	req.StringWrite(&use.request)
	x := exchange{ctx: ctx, conn: conn, req: req, parser: e.parser, room: use}
	if _, udp := conn.LocalAddr().(*net.UDPAddr); udp {
		return x.overUDP()
	}
	if wire.Framed(conn) {
		return x.overFrames()
	}
	return x.overStream()
}

// exchange is one request and what has come in so far.
type exchange struct {
	ctx    context.Context // of the one call to Exchange that made this
	conn   net.Conn
	req    *sip.Request
	parser *sip.Parser
	room   *room
	odd    string // the last thing that came in and was no answer
}

func (x *exchange) overUDP() (*sip.Response, *wire.Fault) {
	buf := x.room.answer[:]
	wait, next := T1, time.Time{}
	for {
		if now := time.Now(); !now.Before(next) {
			if _, err := x.conn.Write(x.room.request.Bytes()); err != nil {
				return nil, x.fault("send", err)
			}
			next = now.Add(wait)
			wait = min(2*wait, T2)
		}
		if err := x.conn.SetReadDeadline(next); err != nil {
			return nil, x.fault("wait for the answer", err)
		}
		// After the deadline for this read is set, or the end of ctx between
		// the two would be overwritten and missed.
		if x.ctx.Err() != nil {
			return nil, x.fault("wait for the answer", x.ctx.Err())
		}
		n, err := x.conn.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) && x.ctx.Err() == nil {
			continue
		}
		if err != nil {
			return nil, x.fault("wait for the answer", err)
		}
		if res := x.whole(buf[:n]); res != nil {
			return res, nil
		}
	}
}

// overFrames is for a WebSocket: it brings whole messages, and loses none.
func (x *exchange) overFrames() (*sip.Response, *wire.Fault) {
	if _, err := x.conn.Write(x.room.request.Bytes()); err != nil {
		return nil, x.fault("send", err)
	}
	buf := make([]byte, maxMessage)
	for {
		n, err := x.conn.Read(buf)
		if err != nil {
			return nil, x.fault("wait for the answer", err)
		}
		if res := x.whole(buf[:n]); res != nil {
			return res, nil
		}
	}
}

func (x *exchange) overStream() (*sip.Response, *wire.Fault) {
	if _, err := x.conn.Write(x.room.request.Bytes()); err != nil {
		return nil, x.fault("send", err)
	}
	var octets []byte
	buf := x.room.answer[:4096]
	for {
		n, err := x.conn.Read(buf)
		octets = append(octets, buf[:n]...)
		for len(octets) > 0 {
			msg, rest, perr := takeMessage(x.parser, octets)
			octets = rest
			if errors.Is(perr, errMore) {
				break
			}
			if perr != nil {
				return nil, &wire.Fault{Cause: health.CauseMalformed, Detail: "not SIP: " + wire.Clean(perr.Error())}
			}
			if res := x.final(msg); res != nil {
				return res, nil
			}
		}
		if err != nil {
			if len(octets) > 0 && x.odd == "" {
				x.odd = "an answer cut short: " + wire.Clean(string(octets))
			}
			return nil, x.fault("wait for the answer", err)
		}
	}
}

// whole returns the final answer to the request if octets, which came in as one
// message, are it.
func (x *exchange) whole(octets []byte) *sip.Response {
	msg, err := x.parser.ParseSIP(octets)
	if err != nil {
		x.odd = "not SIP: " + wire.Clean(err.Error())
		return nil
	}
	return x.final(msg)
}

// final returns msg if it is the final answer to the request; a provisional one
// is waited past.
func (x *exchange) final(msg sip.Message) *sip.Response {
	if err := matches(x.req, msg); err != nil {
		x.odd = wire.Clean(err.Error())
		return nil
	}
	res, _ := msg.(*sip.Response)
	if res.IsProvisional() {
		return nil
	}
	return res
}

func (x *exchange) fault(while string, err error) *wire.Fault {
	if x.ctx.Err() != nil {
		err = x.ctx.Err() // not the deadline set in the past to wake us
	}
	f := wire.Classify(while, err)
	switch {
	case f.Cause == health.CauseLocal || f.Cause == health.CauseRefused:
	case x.odd != "":
		f.Cause, f.Detail = health.CauseMalformed, x.odd
	case f.Cause == health.CauseTimeout:
		f.Detail = while + ": no answer in time"
	case f.Cause == health.CauseReset:
		f.Detail = while + ": the connection was closed"
	}
	return f
}
