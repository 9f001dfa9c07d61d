package gate_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"golang.org/x/net/websocket"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
)

var webs = []fleet.Transport{fleet.WS, fleet.WSS}

// TestWebHandshake: what is no request for a WebSocket with SIP in it is refused,
// and ended.
func TestWebHandshake(t *testing.T) {
	good := "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	for name, c := range map[string]struct{ text, want string }{
		"for sip":         {good + "Sec-WebSocket-Protocol: sip\r\n\r\n", "HTTP/1.1 101 "},
		"one of several":  {good + "Sec-WebSocket-Protocol: xmpp, sip\r\n\r\n", "HTTP/1.1 101 "},
		"for nothing":     {good + "\r\n", "HTTP/1.1 400 "},
		"for another":     {good + "Sec-WebSocket-Protocol: xmpp\r\n\r\n", "HTTP/1.1 400 "},
		"an old version":  {strings.Replace(good, "Version: 13", "Version: 8", 1) + "Sec-WebSocket-Protocol: sip\r\n\r\n", "HTTP/1.1 426 "},
		"a page":          {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 "},
		"SIP":             {request("REGISTER", with{}), ""},
		"never ends":      {good, ""},
		"without measure": {good + strings.Repeat("Cookie: "+strings.Repeat("x", 1000)+"\r\n", 30), ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, hurry)
			conn, err := net.Dial("tcp", w.addr(fleet.WS).String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, c.text)
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			got, err := io.ReadAll(conn) // without a first message the connection ends in any case
			if errors.Is(err, os.ErrDeadlineExceeded) || !strings.HasPrefix(string(got), c.want) || c.want == "" && strings.HasPrefix(string(got), "HTTP/1.1 101") {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// TestWebSoftswitchIsAskedAlike: what a phone asked for is what the softswitch is
// asked for: it may know the page's origin, and log in by the cookie.
func TestWebSoftswitchIsAskedAlike(t *testing.T) {
	for _, tr := range webs {
		t.Run(tr.String(), func(t *testing.T) {
			w := newWorld(t)
			p := w.phone(tr)
			p.send(request("OPTIONS", with{}))
			if got := p.recv(); status(got) != "200" {
				t.Fatal(got)
			}
			if got, want := <-w.sw.web, "/phones?a=b host west.voice.example.net origin https://phone.example.net cookie user=anna"; got != want {
				t.Errorf("asked for %q, want %q", got, want)
			}
			if got := w.sw.next().text; !strings.HasPrefix(header(got, "Via"), "SIP/2.0/"+strings.ToUpper(tr.String())+" ") {
				t.Errorf("the gate's hop: %s", header(got, "Via"))
			}
		})
	}
}

// TestWebSoftswitchRefuses: without a WebSocket behind it the phone gets 503.
func TestWebSoftswitchRefuses(t *testing.T) {
	w := newWorld(t, hurry)
	w.policy.Upstreams[fleet.WS] = w.policy.Upstreams[fleet.TCP]
	w.set(gate.Rule{})
	p := w.phone(fleet.WS)
	p.send(request("OPTIONS", with{}))
	if got := p.recv(); status(got) != "503" {
		t.Error(got)
	}
}

// TestWebFrames: a message comes in one piece or in many, with a ping between
// them, as text or binary; keep-alives of both kinds are answered.
func TestWebFrames(t *testing.T) {
	w := newWorld(t)
	w.set(allDraining)
	conn := w.rawWeb(fleet.WS)
	send := func(fin bool, op ws.OpCode, text string) {
		t.Helper()
		f := ws.NewFrame(op, fin, []byte(text))
		if err := ws.WriteFrame(conn, ws.MaskFrame(f)); err != nil {
			t.Fatal(err)
		}
	}
	recv := func() ws.Frame {
		t.Helper()
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		f, err := ws.ReadFrame(conn)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	text := request("REGISTER", with{})
	refused := func(kind ws.OpCode) {
		t.Helper()
		if f := recv(); f.Header.OpCode != kind || f.Header.Masked || status(string(f.Payload)) != "503" {
			t.Errorf("%+v %q", f.Header, f.Payload)
		}
	}
	send(true, ws.OpText, text)
	refused(ws.OpText)
	send(true, ws.OpBinary, text)
	refused(ws.OpText)
	send(false, ws.OpText, text[:40])
	send(false, ws.OpContinuation, "")
	send(true, ws.OpPing, "there?")
	if f := recv(); f.Header.OpCode != ws.OpPong || string(f.Payload) != "there?" {
		t.Errorf("a ping: %+v %q", f.Header, f.Payload)
	}
	send(true, ws.OpContinuation, text[40:])
	refused(ws.OpText)
	send(true, ws.OpText, "\r\n\r\n")
	if f := recv(); f.Header.OpCode != ws.OpText || string(f.Payload) != "\r\n" {
		t.Errorf("a keep-alive: %+v %q", f.Header, f.Payload)
	}
	send(true, ws.OpPong, "")
	send(true, ws.OpText, "")
	send(true, ws.OpText, "\r\n")
	send(true, ws.OpBinary, strings.Replace(text, "Anna", "A\xff", 1)) // no UTF-8, so the answer is none
	refused(ws.OpBinary)
	long := request("REGISTER", with{body: strings.Repeat("x", 60000)})
	send(true, ws.OpText, long)
	refused(ws.OpText)
	send(true, ws.OpClose, string(ws.NewCloseFrameBody(ws.StatusNormalClosure, "bye")))
	if f := recv(); f.Header.OpCode != ws.OpClose || !bytes.Equal(f.Payload, ws.NewCloseFrameBody(ws.StatusNormalClosure, "")) {
		t.Errorf("the end: %+v %q", f.Header, f.Payload)
	}
	if b, err := io.ReadAll(conn); len(b) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the end: %q, %v", b, err)
	}
}

// TestWebCut: what breaks the rules of frames ends the connection, with the code
// that says why; half a frame ends it when its time is over.
func TestWebCut(t *testing.T) {
	text := request("REGISTER", with{})
	masked := func(f ws.Frame) []byte {
		b, err := ws.CompileFrame(ws.MaskFrame(f))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	endless := masked(ws.NewFrame(ws.OpText, false, make([]byte, 40000)))
	for name, c := range map[string]struct {
		octets []byte
		code   ws.StatusCode // 0 for none
	}{
		"not masked":         {ws.MustCompileFrame(ws.NewTextFrame([]byte(text))), ws.StatusProtocolError},
		"reserved kind":      {masked(ws.NewFrame(0x3, true, nil)), ws.StatusProtocolError},
		"compressed":         {append([]byte{0xc1}, masked(ws.NewTextFrame([]byte("x")))[1:]...), ws.StatusProtocolError},
		"end without begin":  {masked(ws.NewFrame(ws.OpContinuation, true, nil)), ws.StatusProtocolError},
		"ping in pieces":     {masked(ws.NewFrame(ws.OpPing, false, nil)), ws.StatusProtocolError},
		"too long":           {masked(ws.NewTextFrame(make([]byte, 70000))), ws.StatusMessageTooBig},
		"length of a lie":    {[]byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, ws.StatusMessageTooBig},
		"too long in pieces": {append(endless, masked(ws.NewFrame(ws.OpContinuation, true, make([]byte, 40000)))...), ws.StatusMessageTooBig},
		"no UTF-8":           {masked(ws.NewTextFrame([]byte("\xff\xfe"))), ws.StatusInvalidFramePayloadData},
		"half a frame":       {masked(ws.NewTextFrame([]byte(text)))[:50], ws.StatusGoingAway},
		"half a message":     {masked(ws.NewFrame(ws.OpText, false, []byte(text[:50]))), ws.StatusGoingAway},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, hurry)
			conn := w.rawWeb(fleet.WS)
			_, _ = conn.Write(c.octets)
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			f, err := ws.ReadFrame(conn)
			if err != nil {
				t.Fatalf("no last word: %v", err)
			}
			if code, _ := ws.ParseCloseFrameData(f.Payload); f.Header.OpCode != ws.OpClose || code != c.code {
				t.Errorf("%+v code %d, want %d", f.Header, code, c.code)
			}
		})
	}
}

// TestWebDrained: an idle phone of a drained site is told to go, so that it looks
// for another one before its next refresh.
func TestWebDrained(t *testing.T) {
	w := newWorld(t, hurry)
	conn := w.rawWeb(fleet.WSS)
	if err := wsutil.WriteClientText(conn, []byte(request("OPTIONS", with{}))); err != nil {
		t.Fatal(err)
	}
	if got, err := wsutil.ReadServerText(conn); err != nil || status(string(got)) != "200" {
		t.Fatalf("%q, %v", got, err)
	}
	w.set(allDraining)
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	f, err := ws.ReadFrame(conn)
	if code, _ := ws.ParseCloseFrameData(f.Payload); err != nil || f.Header.OpCode != ws.OpClose || code != ws.StatusGoingAway {
		t.Errorf("%+v code %d, %v", f.Header, code, err)
	}
}

// TestWebBetweenOthers: a client and a softswitch (Kamailio) that know nothing of
// our library speak through the gate.
func TestWebBetweenOthers(t *testing.T) {
	kamailio := kamailioPath(t)
	if found, _ := filepath.Glob("/usr/lib/*/kamailio/modules/websocket.so"); len(found) == 0 {
		t.Skip("Kamailio's module websocket is not installed (Debian: kamailio-websocket-modules)")
	}
	sw := loopbacktest.AddrPort(t, 5060)
	cfg, err := filepath.Abs("testdata/kamailio/websocket.cfg")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run(t, kamailio, "-f", cfg, "-DD", "-E", "-l", "tcp:"+sw.String(), "-w", dir, "-Y", dir, "-m", "32", "-M", "4")
	listening(t, fleet.TCP, sw)
	w := newWorld(t)
	w.policy.Upstreams[fleet.WS] = []netip.AddrPort{sw}
	w.set(gate.Rule{})
	dial := func(path string) *websocket.Conn {
		t.Helper()
		c, err := websocket.NewConfig("ws://"+w.addr(fleet.WS).String()+path, "https://phone.example.net")
		if err != nil {
			t.Fatal(err)
		}
		c.Protocol = []string{"sip"}
		conn, err := websocket.DialConfig(c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	ask := func(conn *websocket.Conn, text string) string {
		t.Helper()
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 65536)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	via := with{via: "SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK1"}
	conn := dial("/phones?a=b")
	for range 2 {
		if got := ask(conn, request("REGISTER", via)); status(got) != "200" || !strings.Contains(header(got, "Via"), "df7jal23ls0d.invalid") {
			t.Error(got)
		}
	}
	if got := ask(dial("/elsewhere"), request("REGISTER", via)); status(got) != "503" {
		t.Errorf("the softswitch refuses this path, the phone gets %s", got)
	}
	w.set(allDraining)
	via.to = "<sip:bob@west.voice.example.net>;tag=bob"
	if got := ask(conn, request("BYE", via)); status(got) != "200" {
		t.Errorf("in a call: %s", got)
	}
}
