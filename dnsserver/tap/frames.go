package tap

import (
	"context"
	"fmt"
	"net"
	"time"

	dnstap "github.com/dnstap/golang-dnstap"
	framestream "github.com/farsightsec/golang-framestream"
	"google.golang.org/protobuf/proto"
)

// flushEvery bounds how long a sample waits for more.
const flushEvery = 200 * time.Millisecond

// write writes samples as frames, with the handshake of Frame Streams, so that a
// collector that speaks something else is noticed.
func (t *Tap) write(ctx context.Context, c net.Conn) error {
	w, err := framestream.NewWriter(c, &framestream.WriterOptions{
		ContentTypes: [][]byte{dnstap.FSContentType}, Bidirectional: true, Timeout: ioTimeout,
	})
	if err != nil {
		return fmt.Errorf("greet collector: %w", err)
	}
	flush := time.NewTicker(flushEvery)
	defer flush.Stop()
	for {
		select {
		case <-ctx.Done():
			return w.Close() // with what is written so far
		case <-flush.C:
			if err := w.Flush(); err != nil {
				return err
			}
		case x := <-t.full:
			frame, err := t.frame(x)
			t.free <- x
			if err != nil {
				return err
			}
			if _, err := w.WriteFrame(frame); err != nil {
				t.lost.Add(1)
				return err
			}
			t.sent.Add(1)
		}
	}
}

// frame is one sample as an AUTH_RESPONSE, with the question in it.
func (t *Tap) frame(x *exchange) ([]byte, error) {
	kind, message := dnstap.Dnstap_MESSAGE, dnstap.Message_AUTH_RESPONSE
	family, protocol := dnstap.SocketFamily_INET, dnstap.SocketProtocol_UDP
	addr := x.client.Addr().Unmap()
	if addr.Is6() {
		family = dnstap.SocketFamily_INET6
	}
	switch x.transport {
	case TCP:
		protocol = dnstap.SocketProtocol_TCP
	case TLS:
		protocol = dnstap.SocketProtocol_DOT
	}
	port, sec, nsec := uint32(x.client.Port()), uint64(x.at.Unix()), uint32(x.at.Nanosecond())
	m := &dnstap.Message{
		Type: &message, SocketFamily: &family, SocketProtocol: &protocol, QueryAddress: addr.AsSlice(), QueryPort: &port,
		QueryTimeSec: &sec, QueryTimeNsec: &nsec, ResponseTimeSec: &sec, ResponseTimeNsec: &nsec, QueryMessage: x.query[:x.queryN],
	}
	if x.answerN > 0 {
		m.ResponseMessage = x.answer[:x.answerN]
	}
	out, err := proto.Marshal(&dnstap.Dnstap{Type: &kind, Identity: []byte(t.cfg.Identity), Version: []byte(t.cfg.Version), Message: m})
	if err != nil {
		return nil, fmt.Errorf("encode sample: %w", err)
	}
	return out, nil
}
