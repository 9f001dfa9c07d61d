package wire

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// subprotocol of SIP over WebSocket (RFC 7118 §4.1).
const subprotocol = "sip"

// maxFrame bounds a message that a peer may send.
const maxFrame = 64 << 10

// dialWebSocket opens a WebSocket for SIP: TCP, for wss TLS over it, and the
// handshake of RFC 6455 that agrees on the subprotocol.
func dialWebSocket(ctx context.Context, to Peer) (net.Conn, *Fault) {
	conn, fault := DialTCP(ctx, to.Address)
	if fault != nil {
		return nil, fault
	}
	scheme := "ws"
	if to.Transport == fleet.WSS {
		scheme = "wss"
		var tc *tls.Conn
		if tc, fault = Handshake(ctx, conn, TLSConfig(to.ServerName)); fault != nil {
			return nil, fault
		}
		conn = tc
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	d := ws.Dialer{Protocols: []string{subprotocol}, ReadBufferSize: 4096, WriteBufferSize: 4096}
	br, hs, err := d.Upgrade(conn, &url.URL{Scheme: scheme, Host: cmp.Or(to.ServerName, to.Address.String()), Path: cmp.Or(to.Path, "/")})
	if err != nil {
		_ = conn.Close()
		return nil, upgradeFault(ctx, err)
	}
	if hs.Protocol != subprotocol {
		_ = conn.Close()
		return nil, &Fault{Cause: health.CauseMalformed, Detail: "WebSocket: the listener does not agree on the subprotocol sip (RFC 7118 section 4.1)"}
	}
	Remark(ctx, "WebSocket open, subprotocol %s", hs.Protocol)
	c := &webSocket{Conn: conn}
	if br != nil { // what came right behind the handshake
		early, _ := br.Peek(br.Buffered())
		c.raw = append(c.raw, early...)
		ws.PutReader(br)
	}
	return c, nil
}

func upgradeFault(ctx context.Context, err error) *Fault {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	f := Classify("WebSocket handshake", err)
	var status ws.StatusError
	switch {
	case errors.As(err, &status):
		f.Cause, f.Detail = health.CauseStatus, fmt.Sprintf("WebSocket handshake: answered %d", int(status))
	case f.Cause == health.CauseLocal && ctx.Err() == nil && !isSyscall(err):
		f.Cause = health.CauseMalformed
	}
	return f
}

// webSocket is a WebSocket as a connection: each Write is one message, each Read
// returns one whole message. A deadline may end a Read between two frames or in
// one; nothing is lost by it.
type webSocket struct {
	net.Conn
	raw     []byte // octets that came in and are no whole frame yet
	message []byte // frames of a message that is not whole yet
}

// Framed reports whether each Read of a connection returns one whole message:
// a datagram's, or a WebSocket's.
func Framed(conn net.Conn) bool {
	if t, ok := conn.(*tapped); ok {
		conn = t.Conn
	}
	if _, ok := conn.(*webSocket); ok {
		return true
	}
	_, ok := conn.LocalAddr().(*net.UDPAddr)
	return ok
}

// Write sends b as one text message, masked as a client must.
func (c *webSocket) Write(b []byte) (int, error) {
	frame := ws.MaskFrame(ws.NewTextFrame(b))
	var out bytes.Buffer
	if err := ws.WriteFrame(&out, frame); err != nil {
		return 0, err
	}
	if _, err := c.Conn.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(b), nil
}

var errFrame = &Fault{Cause: health.CauseMalformed, Detail: "not a WebSocket frame of a server"}

// Read returns the next message. Pings are answered; the peer's close is
// io.EOF. A message that does not fit into b is cut.
func (c *webSocket) Read(b []byte) (int, error) {
	buf := make([]byte, 4096)
	for {
		h, payload, ok, err := c.frame()
		if err != nil {
			return 0, err
		}
		if !ok {
			n, err := c.Conn.Read(buf)
			c.raw = append(c.raw, buf[:n]...)
			if err != nil && n == 0 {
				return 0, err
			}
			continue
		}
		switch h.OpCode {
		case ws.OpPing:
			pong := ws.MaskFrame(ws.NewPongFrame(payload))
			var out bytes.Buffer
			_ = ws.WriteFrame(&out, pong)
			if _, err := c.Conn.Write(out.Bytes()); err != nil {
				return 0, err
			}
		case ws.OpPong:
		case ws.OpClose:
			return 0, io.EOF
		default:
			c.message = append(c.message, payload...)
			if len(c.message) > maxFrame {
				return 0, errFrame
			}
			// Line ends alone are keep-alives (RFC 5626 §3.5.1).
			if h.Fin && strings.Trim(string(c.message), "\r\n") != "" {
				n := copy(b, c.message)
				c.message = c.message[:0]
				return n, nil
			}
			if h.Fin {
				c.message = c.message[:0]
			}
		}
	}
}

// frame cuts the first frame from what came in; false when it is not whole.
func (c *webSocket) frame() (h ws.Header, payload []byte, ok bool, err error) {
	r := bytes.NewReader(c.raw)
	h, err = ws.ReadHeader(r)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return h, nil, false, nil
	case err != nil:
		return h, nil, false, errFrame
	case h.Masked || h.Length > maxFrame: // §5.1: a server does not mask
		return h, nil, false, errFrame
	}
	head := len(c.raw) - r.Len()
	if int64(r.Len()) < h.Length {
		return h, nil, false, nil
	}
	end := head + int(h.Length)
	payload = bytes.Clone(c.raw[head:end])
	c.raw = append(c.raw[:0], c.raw[end:]...)
	return h, payload, true, nil
}
