package gate_test

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/url"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// webConn is a connection over WebSocket to who thinks in octets: each Write is a
// message.
type webConn struct {
	net.Conn
	state ws.State
	rest  bytes.Buffer
}

func (c *webConn) Write(b []byte) (int, error) {
	return len(b), wsutil.WriteMessage(c.Conn, c.state, ws.OpText, b)
}

func (c *webConn) Read(b []byte) (int, error) {
	for c.rest.Len() == 0 {
		text, _, err := wsutil.ReadData(c.Conn, c.state)
		if err != nil {
			return 0, err
		}
		c.rest.Write(text)
	}
	return c.rest.Read(b)
}

// dialWeb asks for a WebSocket as a phone in a browser does.
func (w *world) dialWeb(tr fleet.Transport) net.Conn {
	w.t.Helper()
	return &webConn{Conn: w.rawWeb(tr), state: ws.StateClientSide}
}

// rawWeb is the connection after the handshake.
func (w *world) rawWeb(tr fleet.Transport) net.Conn {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.addr(tr).String())
	if err == nil && tr.Secure() {
		conn = tls.Client(conn, &tls.Config{RootCAs: w.roots, ServerName: "127.0.0.1"})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	u := &url.URL{Scheme: "ws", Host: "west.voice.example.net", Path: "/phones", RawQuery: "a=b"}
	d := ws.Dialer{Protocols: []string{"sip"}, Header: ws.HandshakeHeaderHTTP{"Origin": {"https://phone.example.net"}, "Cookie": {"user=anna"}}}
	_, hs, err := d.Upgrade(conn, u)
	if err != nil || hs.Protocol != "sip" {
		w.t.Fatalf("WebSocket: %+v, %v", hs, err)
	}
	return conn
}

// listenWeb accepts WebSockets, and keeps what was asked for.
func listenWeb(t *testing.T, l net.Listener, asked chan<- string) net.Listener {
	t.Helper()
	return &webListener{l, asked}
}

type webListener struct {
	net.Listener
	asked chan<- string
}

// Accept implements net.Listener. One that is refused has an end.
func (l *webListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	text, origin, cookie := "", "", ""
	u := ws.Upgrader{
		Protocol:  func(b []byte) bool { return string(b) == "sip" },
		OnRequest: func(uri []byte) error { text += string(uri); return nil },
		OnHost:    func(host []byte) error { text += " host " + string(host); return nil },
		OnHeader: func(key, value []byte) error {
			switch string(key) {
			case "Origin":
				origin += string(value)
			case "Cookie":
				cookie += string(value)
			}
			return nil
		},
	}
	if _, err := u.Upgrade(conn); err != nil {
		conn.Close()
		return conn, nil
	}
	select {
	case l.asked <- text + " origin " + origin + " cookie " + cookie:
	default:
	}
	return &webConn{Conn: conn, state: ws.StateServerSide}, nil
}
