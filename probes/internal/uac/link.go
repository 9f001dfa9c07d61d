package uac

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// link is a connection over which SIP messages come and go, requests and
// answers alike. One goroutine uses it.
type link struct {
	conn   net.Conn
	udp    bool // what is lost must be sent again
	framed bool // each Read brings one whole message
	parser *sip.Parser
	octets []byte // of a stream: what came in and is no whole message yet
	buf    []byte
	odd    string // the last thing that came in and was no SIP
}

func newLink(conn net.Conn) *link {
	_, udp := conn.LocalAddr().(*net.UDPAddr)
	return &link{conn: conn, udp: udp, framed: wire.Framed(conn), parser: newParser(), buf: make([]byte, maxDatagram)}
}

// errLater is returned when the moment came before a message did.
var errLater = errors.New("no message yet")

// next returns the next message; errLater when none came until then, the zero
// time meaning never. Datagrams that are no SIP are passed over; a stream that
// is none cannot be cut any more, and is malformed.
func (l *link) next(ctx context.Context, until time.Time) (sip.Message, error) {
	stop := context.AfterFunc(ctx, func() { _ = l.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		if !l.framed && len(l.octets) > 0 {
			msg, rest, err := takeMessage(l.parser, l.octets)
			if l.octets = rest; err == nil {
				return msg, nil
			} else if !errors.Is(err, errMore) {
				return nil, &wire.Fault{Cause: health.CauseMalformed, Detail: "not SIP: " + wire.Clean(err.Error())}
			}
		}
		if err := l.conn.SetReadDeadline(until); err != nil {
			return nil, err
		}
		// After the deadline is set, or the end of ctx between the two would be
		// overwritten and missed.
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		n, err := l.conn.Read(l.buf)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, errLater
		case err != nil:
			return nil, err
		case !l.framed:
			l.octets = append(l.octets, l.buf[:n]...)
			continue
		}
		msg, err := l.parser.ParseSIP(l.buf[:n])
		if err == nil {
			return msg, nil
		}
		l.odd = "not SIP: " + wire.Clean(err.Error())
	}
}

func (l *link) send(msg sip.Message) error {
	_ = l.conn.SetWriteDeadline(time.Now().Add(T2))
	_, err := l.conn.Write([]byte(msg.String()))
	return err
}

// fault is what an error of next or send means.
func (l *link) fault(while string, err error) *wire.Fault {
	var f *wire.Fault
	if errors.As(err, &f) {
		return f
	}
	f = wire.Classify(while, err)
	if f.Cause == health.CauseTimeout {
		f.Detail = while + ": no answer in time"
		if l.odd != "" {
			f.Cause, f.Detail = health.CauseMalformed, l.odd
		}
	}
	return f
}
