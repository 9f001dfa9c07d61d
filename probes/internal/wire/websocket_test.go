package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// webServer accepts WebSockets, agrees on a subprotocol, and hands each
// connection to serve.
func webServer(t *testing.T, protocol string, serve func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() {
				defer conn.Close()
				u := ws.Upgrader{
					Protocol: func(b []byte) bool { return string(b) == protocol },
					OnRequest: func(uri []byte) error {
						if string(uri) != "/sip" {
							return ws.RejectConnectionError(ws.RejectionStatus(http.StatusNotFound))
						}
						return nil
					},
				}
				if _, err := u.Upgrade(conn); err == nil {
					serve(conn)
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); done.Wait() })
	return netip.MustParseAddrPort(l.Addr().String())
}

func dialed(t *testing.T, addr netip.AddrPort, path string) (net.Conn, *Fault) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, fault := Dial(ctx, Peer{Transport: fleet.WS, Address: addr, Path: path})
	if fault == nil {
		t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, fault
}

func frames(fs ...ws.Frame) []byte {
	var b bytes.Buffer
	for _, f := range fs {
		_ = ws.WriteFrame(&b, f)
	}
	return b.Bytes()
}

// TestMessagesOfAWebSocketAreWhole: however the octets are cut, also behind a
// deadline that ended a Read in the middle, with pings and keep-alives between.
func TestMessagesOfAWebSocketAreWhole(t *testing.T) {
	octets := frames(
		ws.NewTextFrame([]byte("\r\n\r\n")), ws.NewPingFrame([]byte("p")), ws.NewTextFrame([]byte("one")),
		ws.NewFrame(ws.OpText, false, []byte("t")), ws.NewPingFrame(nil), ws.NewFrame(ws.OpContinuation, true, []byte("wo")),
		ws.NewBinaryFrame([]byte("three")), ws.NewCloseFrame(nil),
	)
	for cut := range len(octets) + 1 {
		client, server := net.Pipe()
		var peer sync.WaitGroup
		pongs := 0
		more := make(chan struct{})
		peer.Go(func() {
			_, _ = server.Write(octets[:cut])
			<-more
			_, _ = server.Write(octets[cut:])
		})
		peer.Go(func() {
			for {
				f, err := ws.ReadFrame(server)
				if err != nil {
					return
				}
				if f.Header.OpCode == ws.OpPong && f.Header.Masked {
					pongs++
				}
			}
		})
		c, got := &webSocket{Conn: client}, []string{}
		buf := make([]byte, 100)
		late := false
		for {
			if !late {
				_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
			}
			n, err := c.Read(buf)
			if n > 0 {
				got = append(got, string(buf[:n]))
			}
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				late = true
				close(more)
				_ = c.SetReadDeadline(time.Time{})
				continue
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Errorf("cut at %d: %v", cut, err)
				}
				break
			}
		}
		if !late {
			close(more)
		}
		_ = client.Close()
		_ = server.Close()
		peer.Wait()
		if strings.Join(got, "|") != "one|two|three" || pongs != 2 {
			t.Fatalf("cut at %d: %q, %d pongs", cut, got, pongs)
		}
	}
}

func TestWebSocketsThatAreRefused(t *testing.T) {
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := plain.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("SIP/2.0 400 Bad Request\r\n\r\n"))
			_ = conn.Close()
		}
	}()
	defer func() { _ = plain.Close(); <-done }()
	for _, tt := range []struct {
		name  string
		addr  netip.AddrPort
		path  string
		cause health.Cause
	}{
		{"no such path", webServer(t, "sip", func(net.Conn) {}), "/", health.CauseStatus},
		{"another subprotocol", webServer(t, "chat", func(net.Conn) {}), "/sip", health.CauseMalformed},
		{"no web server", netip.MustParseAddrPort(plain.Addr().String()), "/sip", health.CauseMalformed},
	} {
		if _, fault := dialed(t, tt.addr, tt.path); fault == nil || fault.Cause != tt.cause {
			t.Errorf("%s: %v, want %s", tt.name, fault, tt.cause)
		}
	}
}

func TestAWebSocketCarriesWhatWasWritten(t *testing.T) {
	addr := webServer(t, "sip", func(conn net.Conn) {
		f, err := ws.ReadFrame(conn)
		if err == nil && f.Header.Masked && f.Header.OpCode == ws.OpText {
			f = ws.UnmaskFrame(f)
			_ = ws.WriteFrame(conn, ws.NewTextFrame(append([]byte("you said "), f.Payload...)))
		}
		_ = ws.WriteFrame(conn, ws.MaskFrame(ws.NewTextFrame([]byte("a server does not mask"))))
	})
	conn, fault := dialed(t, addr, "/sip")
	if fault != nil {
		t.Fatal(fault)
	}
	if !Framed(conn) {
		t.Error("it is not known to bring whole messages")
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	if n, err := conn.Read(buf); err != nil || string(buf[:n]) != "you said hello" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if _, err := conn.Read(buf); Classify("read", err).Cause != health.CauseMalformed {
		t.Errorf("a masked frame: %v", err)
	}
}
