// Package wiretest holds small fake SIP servers for the tests of probes. They
// work on octets, so that they can answer wrongly.
package wiretest

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// Handler answers one request with the octets to send back; nil sends nothing.
type Handler func(request string) []byte

// UDP serves on a free port until the test ends.
func UDP(t testing.TB, h Handler) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue // ICMP for an answer that came too late
			}
			if out := h(string(buf[:n])); out != nil {
				_, _ = conn.WriteToUDPAddrPort(out, from)
			}
		}
	})
	t.Cleanup(func() { _ = conn.Close(); done.Wait() })
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// TCP gives every connection to serve, and closes it afterwards or when the
// test ends.
func TCP(t testing.TB, serve func(conn net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		done  sync.WaitGroup
		mu    sync.Mutex
		conns []net.Conn
	)
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			done.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		done.Wait()
	})
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// Serve answers the requests of one connection with h.
func Serve(h Handler) func(net.Conn) {
	return func(conn net.Conn) {
		r := bufio.NewReader(conn)
		for {
			req, err := ReadHead(r)
			if err != nil {
				return
			}
			if out := h(req); out != nil {
				if _, err := conn.Write(out); err != nil {
					return
				}
			}
		}
	}
}

// ServeTLS is Serve after a handshake with cfg.
func ServeTLS(cfg *tls.Config, h Handler) func(net.Conn) {
	return func(conn net.Conn) { Serve(h)(tls.Server(conn, cfg)) }
}

// ReadHead reads up to the empty line that ends the header of a request without
// a body. Line ends before it are skipped.
func ReadHead(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return b.String(), err
		}
		if line == "\r\n" && b.Len() == 0 {
			continue
		}
		b.WriteString(line)
		if line == "\r\n" {
			return b.String(), nil
		}
	}
}

// Silent holds a connection and says nothing.
func Silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// Reset resets a connection once the first octets have come in.
func Reset(conn net.Conn) {
	_, _ = conn.Read(make([]byte, 1))
	_ = conn.(*net.TCPConn).SetLinger(0)
}

// Answer builds a correct answer: status is "200 OK", extra further header
// lines with their line ends.
func Answer(request, status, extra string) []byte {
	var b strings.Builder
	b.WriteString("SIP/2.0 " + status + "\r\n")
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		line := name + ": " + Header(request, name)
		if name == "To" {
			line += ";tag=wiretest"
		}
		b.WriteString(line + "\r\n")
	}
	b.WriteString(extra + "Content-Length: 0\r\n\r\n")
	return []byte(b.String())
}

// Header returns the value of a request's first header field of that name.
func Header(request, name string) string {
	for line := range strings.SplitSeq(request, "\r\n") {
		if v, ok := strings.CutPrefix(line, name+": "); ok {
			return v
		}
	}
	return ""
}
