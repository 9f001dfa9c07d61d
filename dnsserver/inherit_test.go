package dnsserver

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// handOn opens sockets for TCP and UDP on one free port, as systemd would.
func handOn(t *testing.T) (addr netip.AddrPort, tcp, udp *os.File) {
	t.Helper()
	for range portTries {
		l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: l.Addr().(*net.TCPAddr).Port})
		if err != nil {
			_ = l.Close()
			continue
		}
		tcp, err := l.File()
		udp, problem := c.File()
		if err := errors.Join(err, problem, l.Close(), c.Close()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = errors.Join(tcp.Close(), udp.Close()) })
		return l.Addr().(*net.TCPAddr).AddrPort(), tcp, udp
	}
	t.Fatal("no port is free for both")
	return addr, nil, nil
}

// Sockets that were handed on are answered from, and stay open: what is asked
// between two processes waits, and the next one answers it.
func TestSocketsHandedOn(t *testing.T) {
	for _, portable := range []bool{false, true} {
		addr, tcp, udp := handOn(t)
		cfg := Config{Listen: []netip.AddrPort{addr}, Sockets: []*os.File{udp, tcp}, Workers: 2, Portable: portable}
		z := zoneOf(t, 7, labRecords)
		one := func() *Server {
			s, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(s.Serve(z), s.Start()); err != nil {
				t.Fatal(err)
			}
			return s
		}
		first := one()
		if first.Addrs()[0] != addr {
			t.Errorf("it listens on %s", first.Addrs())
		}
		for _, network := range []string{"udp", "tcp"} {
			if r := ask(t, first, network, question(origin, "SOA")); len(r.Answer) != 1 {
				t.Errorf("%s: %v", network, r)
			}
		}
		if err := first.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		c, err := dns.DialTimeout("udp", addr.String(), 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.WriteMsg(question(origin, "SOA")); err != nil { // nobody answers now
			t.Fatal(err)
		}
		second := one()
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if r, err := c.ReadMsg(); err != nil || len(r.Answer) != 1 {
			t.Errorf("portable %t: asked between two processes: %v, %v", portable, r, err)
		}
		if err := second.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// Half a pair of sockets, and sockets for what is not served, are refused: they
// would take questions and answer none.
func TestSocketsRefused(t *testing.T) {
	addr, tcp, udp := handOn(t)
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, tc := range map[string]struct {
		listen []netip.AddrPort
		files  []*os.File
		want   string
	}{
		"UDP alone":       {[]netip.AddrPort{addr}, []*os.File{udp}, "one for TCP and one for UDP"},
		"TCP alone":       {[]netip.AddrPort{addr}, []*os.File{tcp}, "one for TCP and one for UDP"},
		"another address": {loopback(), []*os.File{tcp, udp}, "not among the addresses"},
		"no socket":       {loopback(), []*os.File{file}, "take over socket"},
	} {
		s, err := New(Config{Listen: tc.listen, Sockets: tc.files})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
