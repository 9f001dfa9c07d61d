package dnsserver_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

const origin = "voice.example.net."

// patience bounds each wait for the server. It is never measured, only run
// into when a test fails.
const patience = time.Minute

// sites are those of the test zone, in the order of preference.
func sites() []string { return []string{"calgary", "vancouver", "ottawa"} }

// siteAddr is the address of the i-th site at an epoch: the epoch can be read
// from every address that is answered.
func siteAddr(epoch uint64, i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(epoch >> 8), byte(epoch), byte(i + 1)})
}

// testZone is the zone of most tests: two services at three sites, a name
// server, a text, names with nothing of their own, and sets too big for UDP.
func testZone(epoch uint64) *srv.Zone {
	z := &srv.Zone{
		Origin: origin, Epoch: epoch,
		SOA: srv.SOA{
			MName: "ns1." + origin, RName: "hostmaster." + origin, Serial: uint32(epoch),
			Refresh: 60, Retry: 15, Expire: 1209600, Minimum: 5, TTL: 30,
		},
	}
	add := func(name string, ttl uint32, data ...srv.Data) {
		z.Sets = append(z.Sets, srv.RRset{Name: name, Type: data[0].Type(), TTL: ttl, Data: data})
	}
	add(origin, 3600, srv.NS{Host: "ns1." + origin}, srv.NS{Host: "ns.elsewhere.example."})
	add("ns1."+origin, 3600, srv.A{Addr: netip.MustParseAddr("192.0.2.53")})
	add("ns1."+origin, 3600, srv.AAAA{Addr: netip.MustParseAddr("2001:db8::53")})
	add("note."+origin, 60, srv.TXT{Strings: []string{"two", `quo"ted \ strings`}})
	add("a.b.deep."+origin, 60, srv.A{Addr: siteAddr(epoch, 0)})
	for i, s := range sites() {
		add("sip."+s+"."+origin, 60, srv.A{Addr: siteAddr(epoch, i)})
	}
	add("sip.calgary."+origin, 60, srv.AAAA{Addr: netip.MustParseAddr("2001:db8::1")})
	for k, name := range []string{"west.", "east."} {
		var targets []srv.Data
		for i := range sites() {
			host := "sip." + sites()[(i+2*k)%3] + "." + origin
			targets = append(targets, srv.SRV{Priority: uint16(10 * (i + 1)), Weight: 100, Port: 5060, Target: host})
		}
		var naptr []srv.Data
		for i, label := range []string{"_sip._udp.", "_sip._tcp.", "_sips._tcp."} {
			add(label+name+origin, 60, targets...)
			z.Steered = append(z.Steered, srv.Key{Name: label + name + origin, Type: srv.TypeSRV})
			naptr = append(naptr, srv.NAPTR{
				Order: uint16(10 * (i + 1)), Preference: 10, Flags: "s",
				Service: []string{"SIP+D2U", "SIP+D2T", "SIPS+D2T"}[i], Replacement: label + name + origin,
			})
		}
		add(name+origin, 60, naptr...)
		add(name+origin, 60, srv.A{Addr: siteAddr(epoch, 2*k)})
	}
	add("outside."+origin, 60, srv.SRV{Priority: 1, Port: 5060, Target: "sip.elsewhere.example."})
	add("none."+origin, 60, srv.SRV{Target: "."})
	addCrowd(add, "crowd."+origin, 12)
	addCrowd(add, "throng."+origin, 60)
	z.Sort()
	return z
}

// addCrowd adds an SRV set of n targets, each with its own address.
func addCrowd(add func(string, uint32, ...srv.Data), name string, n int) {
	var targets []srv.Data
	for i := range n {
		host := fmt.Sprintf("t%02d.%s", i, name)
		targets = append(targets, srv.SRV{Priority: uint16(i), Weight: 1, Port: 5060, Target: host})
		add(host, 60, srv.A{Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})})
	}
	add(name, 60, targets...)
}

// start runs a server until the test ends. It listens on a free port of
// 127.0.0.1 unless cfg says otherwise.
func start(tb testing.TB, cfg dnsserver.Config, zones ...*srv.Zone) *dnsserver.Server {
	tb.Helper()
	if cfg.Listen == nil {
		cfg.Listen = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}
	}
	s, err := dnsserver.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	for _, z := range zones {
		if err := s.Serve(z); err != nil {
			tb.Fatal(err)
		}
	}
	if err := s.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { stop(tb, s) })
	return s
}

func stop(tb testing.TB, s *dnsserver.Server) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		tb.Error(err)
	}
}

// dial connects to the first address of the server.
func dial(tb testing.TB, s *dnsserver.Server, network string) net.Conn {
	tb.Helper()
	c, err := net.Dial(network, s.Addrs()[0].String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

// client asks one server over one transport.
type client struct {
	tb   testing.TB
	conn net.Conn
	tcp  bool
	buf  []byte
}

func udpClient(tb testing.TB, s *dnsserver.Server) *client {
	return &client{tb: tb, conn: dial(tb, s, "udp"), buf: make([]byte, dns.MaxMsgSize)}
}

func tcpClient(tb testing.TB, s *dnsserver.Server) *client {
	return &client{tb: tb, conn: dial(tb, s, "tcp"), tcp: true, buf: make([]byte, dns.MaxMsgSize)}
}

// send sends octets as one message.
func (c *client) send(msg []byte) {
	c.tb.Helper()
	if err := c.write(msg); err != nil {
		c.tb.Fatal(err)
	}
}

func (c *client) write(msg []byte) error {
	if c.tcp {
		msg = append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
	}
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := c.conn.Write(msg)
	return err
}

// receive returns the next message; nil at the end of a TCP connection. The
// octets are good until the next call.
func (c *client) receive() []byte {
	c.tb.Helper()
	msg, err := c.read()
	if err != nil && !errors.Is(err, io.EOF) {
		c.tb.Fatalf("no answer: %v", err)
	}
	return msg
}

func (c *client) read() ([]byte, error) {
	if !c.tcp {
		n, err := c.conn.Read(c.buf)
		return c.buf[:n], err
	}
	if _, err := io.ReadFull(c.conn, c.buf[:2]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint16(c.buf)
	_, err := io.ReadFull(c.conn, c.buf[:n])
	return c.buf[:n], err
}

// raw sends octets and returns the answer's.
func (c *client) raw(msg []byte) []byte {
	c.tb.Helper()
	c.send(msg)
	return c.receive()
}

// ask sends a message and returns the answer to it.
func (c *client) ask(m *dns.Msg) *dns.Msg {
	c.tb.Helper()
	out := c.raw(packed(c.tb, m))
	return unpacked(c.tb, out)
}

// silent reports whether octets get no answer: a question sent behind them is
// answered first. It needs a server with one UDP worker, which keeps order.
func (c *client) silent(msg []byte) bool {
	c.tb.Helper()
	const sentinel = 0xA5A5
	q := question(origin, dns.TypeSOA)
	q.Id = sentinel
	c.send(msg)
	if out := c.raw(packed(c.tb, q)); binary.BigEndian.Uint16(out) == sentinel {
		return true
	}
	c.receive() // the sentinel's
	return false
}

// cut waits until the server ends the connection; a reset is an end too.
func (c *client) cut() {
	c.tb.Helper()
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		c.tb.Fatal(err)
	}
	if _, err := c.read(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		c.tb.Fatalf("connection is still up: %v", err)
	}
}

func question(name string, qtype uint16) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	m.RecursionDesired = false
	return m
}

func withEDNS(m *dns.Msg, size uint16) *dns.Msg {
	m.SetEdns0(size, false)
	return m
}

func packed(tb testing.TB, m *dns.Msg) []byte {
	tb.Helper()
	b, err := m.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func unpacked(tb testing.TB, b []byte) *dns.Msg {
	tb.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		tb.Fatalf("answer cannot be read: %v\n%x", err, b)
	}
	return m
}
