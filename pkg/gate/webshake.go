package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gobwas/ws"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// web is what a phone said when it asked for a WebSocket. The softswitch is told
// the same: it may look at the page's origin, or log a user in by his cookie (RFC
// 7118 §7).
type web struct {
	uri     string
	host    string
	origin  string
	cookies []string
}

// subprotocol is that of SIP (RFC 7118 §4.1).
const subprotocol = "sip"

// maxUpgrade bounds a phone's request for a WebSocket, and maxCookies what is
// kept of it, in octets.
const (
	maxUpgrade = 16 << 10
	maxCookies = 4 << 10
)

// overWeb reports whether messages of a transport come in WebSocket frames.
func overWeb(t fleet.Transport) bool { return t == fleet.WS || t == fleet.WSS }

// upgrade answers the request for a WebSocket. Everything that is none, or not
// for SIP, gets an HTTP error.
func (p *phone) upgrade(ctx context.Context) bool {
	end, _ := ctx.Deadline()
	_ = p.conn.SetDeadline(end)
	defer p.conn.SetDeadline(time.Time{})
	asked, sip, kept := &web{}, false, 0
	u := ws.Upgrader{
		Protocol:  func(b []byte) bool { sip = sip || string(b) == subprotocol; return string(b) == subprotocol },
		OnRequest: func(uri []byte) error { asked.uri = string(uri); return nil },
		OnHost:    func(host []byte) error { asked.host = string(host); return nil },
		OnHeader: func(key, value []byte) error {
			if kept += len(value); kept > maxCookies {
				return nil
			}
			switch string(key) {
			case "Origin":
				asked.origin = string(value)
			case "Cookie":
				asked.cookies = append(asked.cookies, string(value))
			}
			return nil
		},
		OnBeforeUpgrade: func() (ws.HandshakeHeader, error) {
			if !sip {
				return nil, ws.RejectConnectionError(ws.RejectionStatus(http.StatusBadRequest), ws.RejectionReason("the subprotocol here is sip"))
			}
			return nil, nil
		},
	}
	if _, err := u.Upgrade(bounded{io.LimitReader(p.conn, maxUpgrade), p.conn}); err != nil {
		return false
	}
	p.web = asked
	return true
}

// bounded reads no more than it should.
type bounded struct {
	io.Reader
	io.Writer
}

// ask asks the softswitch for a WebSocket as the phone did. It returns what came
// after the answer already.
func (w *web) ask(ctx context.Context, conn net.Conn, secure bool) ([]byte, error) {
	end, _ := ctx.Deadline()
	_ = conn.SetDeadline(end)
	defer conn.SetDeadline(time.Time{})
	u, err := url.ParseRequestURI(w.uri)
	if err != nil {
		u = &url.URL{Path: "/"}
	}
	u.Scheme, u.Host = "ws", w.host
	if secure {
		u.Scheme = "wss"
	}
	header := http.Header{}
	if w.origin != "" {
		header.Set("Origin", w.origin)
	}
	for _, c := range w.cookies {
		header.Add("Cookie", c)
	}
	d := ws.Dialer{Protocols: []string{subprotocol}, Header: ws.HandshakeHeaderHTTP(header)}
	br, hs, err := d.Upgrade(conn, u)
	if err != nil {
		return nil, fmt.Errorf("ask softswitch for a WebSocket: %w", err)
	}
	var early []byte
	if br != nil {
		peeked, _ := br.Peek(br.Buffered())
		early = append(early, peeked...)
		ws.PutReader(br)
	}
	if hs.Protocol != subprotocol {
		return nil, errors.New("ask softswitch for a WebSocket: it does not speak SIP there")
	}
	return early, nil
}

// goodbye ends a WebSocket as it should end, when nobody is writing: a phone that
// is told looks for another server at once.
func (p *phone) goodbye() {
	if p.web == nil || p.parted || !p.writing.TryLock() {
		return
	}
	defer p.writing.Unlock()
	_ = p.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = p.conn.Write(webFrame(ws.OpClose, ws.NewCloseFrameBody(ws.StatusGoingAway, ""), false))
}
