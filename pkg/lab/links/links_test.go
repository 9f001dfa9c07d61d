package links_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/proxy"

	"github.com/sipsteer/sipsteer/pkg/lab/links"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// patience bounds a wait for what must come.
	patience = time.Minute
	// silence is how long nothing must come.
	silence = 150 * time.Millisecond
)

var (
	calgary   = netip.MustParseAddr("127.0.0.2")
	loopback  = netip.MustParseAddr("127.0.0.1")
	vancouver = netip.MustParseAddr("127.0.0.4")
)

// newLink starts calgary's link in a group.
func newLink(t *testing.T) (*links.Group, *links.Link) {
	t.Helper()
	g := links.NewGroup()
	l, err := links.New(links.Config{Listen: netip.AddrPortFrom(loopback, 0)})
	if err != nil {
		t.Fatal(err)
	}
	g.Add(calgary, l)
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := l.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return g, l
}

// echo serves a peer at 127.0.0.1 that says everything back.
func echo(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends with the listener; its connections with their peers
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String()
}

func dial(t *testing.T, l *links.Link, to string, within time.Duration) (net.Conn, error) {
	t.Helper()
	d, err := proxy.SOCKS5("tcp", l.Addr().String(), nil, proxy.Direct)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	c, err := d.(proxy.ContextDialer).DialContext(ctx, "tcp", to)
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

func mustDial(t *testing.T, l *links.Link, to string) net.Conn {
	t.Helper()
	c, err := dial(t, l, to, patience)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func say(t *testing.T, c net.Conn, words string) {
	t.Helper()
	if _, err := io.WriteString(c, words); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, c net.Conn, words string) {
	t.Helper()
	buf := make([]byte, len(words))
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != words {
		t.Fatalf("heard %q, %v; want %q", buf, err, words)
	}
}

func hearNothing(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(silence))
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("heard %d octets, %v; want silence", n, err)
	}
}

// TestCutAndHeal: a cut freezes what runs and lets dials hang; healed, nothing
// of what was said meanwhile is lost.
func TestCutAndHeal(t *testing.T) {
	for name, whom := range map[string]netip.Addr{"own end": calgary, "other end": loopback} {
		t.Run(name, func(t *testing.T) {
			g, l := newLink(t)
			peer := echo(t)
			c := mustDial(t, l, peer)
			say(t, c, "one")
			hear(t, c, "one")

			g.Cut(whom)
			g.Cut(whom) // twice is once
			say(t, c, "two")
			hearNothing(t, c)
			if late, err := dial(t, l, peer, silence); err == nil {
				t.Errorf("a dial over a cut link got %v", late.RemoteAddr())
			}

			g.Restore(whom)
			hear(t, c, "two")
			say(t, mustDial(t, l, peer), "three")
		})
	}
	t.Run("somebody else", func(t *testing.T) {
		g, l := newLink(t)
		g.Cut(vancouver)
		c := mustDial(t, l, echo(t))
		say(t, c, "one")
		hear(t, c, "one")
	})
}

// TestStopWhileCut: a link ends although a dial hangs and octets are frozen.
func TestStopWhileCut(t *testing.T) {
	g, l := newLink(t)
	peer := echo(t)
	c := mustDial(t, l, peer)
	g.Cut(calgary)
	say(t, c, "frozen")
	if _, err := dial(t, l, peer, silence); err == nil {
		t.Error("a dial over a cut link succeeded")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for range 2 {
		if err := l.Stop(ctx); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after Stop the connection reads %v, want its end", err)
	}
}

// TestDelay: octets come in order, each direction's delay later.
func TestDelay(t *testing.T) {
	const oneWay = 60 * time.Millisecond
	g, l := newLink(t)
	c := mustDial(t, l, echo(t))
	g.SetDelay(oneWay)
	start := time.Now()
	for _, word := range []string{"a", "b", "c", "d"} {
		say(t, c, word)
	}
	hear(t, c, "abcd")
	if took := time.Since(start); took < 2*oneWay {
		t.Errorf("there and back took %s, want %s at least", took, 2*oneWay)
	}
}

// TestRefused: a closed port is told as such (RFC 1928 §6).
func TestRefused(t *testing.T) {
	_, l := newLink(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	c := raw(t, l)
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	a := netip.MustParseAddrPort("127.0.0.1:" + port)
	say(t, c, "\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01"+string([]byte{byte(a.Port() >> 8), byte(a.Port())}))
	hear(t, c, "\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00")
}

func raw(t *testing.T, l *links.Link) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestBadInput: what is no SOCKS5, and what of it is not served, is answered
// as RFC 1928 says, and the connection ends.
func TestBadInput(t *testing.T) {
	_, l := newLink(t)
	for name, tt := range map[string]struct{ in, out string }{
		"socks4":             {"\x04\x01\x00\x50\x7f\x00\x00\x01\x00", ""},
		"http":               {"CONNECT x:80 HTTP/1.1\r\n\r\n", ""},
		"only with password": {"\x05\x01\x02", "\x05\xff"},
		"no method":          {"\x05\x00", "\x05\xff"},
		"bind":               {"\x05\x01\x00\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50", "\x05\x00\x05\x07\x00\x01\x00\x00\x00\x00\x00\x00"},
		"a name":             {"\x05\x02\x02\x00\x05\x01\x00\x03\x01x\x00\x50", "\x05\x00\x05\x08\x00\x01\x00\x00\x00\x00\x00\x00"},
		"another version":    {"\x05\x01\x00\x04\x01\x00\x01\x7f\x00\x00\x01\x00\x50", "\x05\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			c := raw(t, l)
			say(t, c, tt.in)
			_ = c.SetReadDeadline(time.Now().Add(patience))
			// What was not read yet makes the end a reset.
			out, err := io.ReadAll(c)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("the connection stays open; heard %q", out)
			}
			if !bytes.HasPrefix([]byte(tt.out), out) || (err == nil && string(out) != tt.out) {
				t.Errorf("heard %q, %v; want %q", out, err, tt.out)
			}
		})
	}
}

// TestNotConfigured: without an address, and outside a group, there is no link.
func TestNotConfigured(t *testing.T) {
	if _, err := links.New(links.Config{}); err == nil {
		t.Error("a link without an address was made")
	}
	l, err := links.New(links.Config{Listen: netip.AddrPortFrom(loopback, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Start(); err == nil {
		t.Error("a link outside any group was started")
	}
}
