package dnsserver_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/dnsserver"
)

func localhost(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
}

func TestConfigRefused(t *testing.T) {
	good := []netip.AddrPort{localhost(0)}
	for name, cfg := range map[string]dnsserver.Config{
		"no address":         {},
		"invalid address":    {Listen: []netip.AddrPort{{}}},
		"UDP size below 512": {Listen: good, UDPSize: 511},
		"UDP size too large": {Listen: good, UDPSize: 65535},
		"long NSID":          {Listen: good, NSID: repeat("x", 256)},
		"long version":       {Listen: good, Version: repeat("x", 256)},
		"negative workers":   {Listen: good, Workers: -1},
		"negative rate":      {Listen: good, RateLimit: dnsserver.RateLimit{PerSecond: -1}},
		"negative TCP idle":  {Listen: good, TCPIdle: -1},
		"negative TCP conns": {Listen: good, TCPMaxConns: -1},
	} {
		if _, err := dnsserver.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// A free port is the same for UDP and TCP, and every address is served.
func TestAddresses(t *testing.T) {
	two := []netip.AddrPort{localhost(0), netip.MustParseAddrPort("127.0.0.2:0")}
	s := start(t, dnsserver.Config{Listen: two}, testZone(7))
	addrs := s.Addrs()
	if len(addrs) != 2 {
		t.Fatalf("addresses %v", addrs)
	}
	for i, a := range addrs {
		if a.Addr() != two[i].Addr() || a.Port() == 0 {
			t.Errorf("address %d is %s", i, a)
		}
		for _, network := range []string{"udp", "tcp"} {
			c := &dns.Client{Net: network, Timeout: patience}
			if out, _, err := c.Exchange(question(origin, dns.TypeSOA), a.String()); err != nil || out.Rcode != dns.RcodeSuccess {
				t.Errorf("%s %s: %v %v", network, a, out, err)
			}
		}
	}
}

// An unspecified address serves all of its family, and answers from the
// address that was asked: a client drops what comes from another.
func TestUnspecifiedAddress(t *testing.T) {
	for _, portable := range []bool{false, true} {
		any4 := []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:0")}
		s := start(t, dnsserver.Config{Listen: any4, Portable: portable}, testZone(7))
		for _, host := range []string{"127.0.0.1", "127.0.0.7", "127.10.99.5"} {
			a := netip.AddrPortFrom(netip.MustParseAddr(host), s.Addrs()[0].Port())
			for _, network := range []string{"udp", "tcp"} { // a connected UDP socket takes answers from a only
				c := &dns.Client{Net: network, Timeout: patience}
				if out, _, err := c.Exchange(question(origin, dns.TypeSOA), a.String()); err != nil || out.Rcode != dns.RcodeSuccess {
					t.Errorf("portable %t, %s %s: %v %v", portable, network, a, out, err)
				}
			}
		}
	}
}

// Both families on one port do not get in each other's way.
func TestBothFamilies(t *testing.T) {
	six, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	if err := six.Close(); err != nil {
		t.Fatal(err)
	}
	both := []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:0"), netip.MustParseAddrPort("[::]:0")}
	s := start(t, dnsserver.Config{Listen: both}, testZone(7))
	for i, host := range []string{"127.0.0.1", "::1"} {
		a := netip.AddrPortFrom(netip.MustParseAddr(host), s.Addrs()[i].Port())
		for _, network := range []string{"udp", "tcp"} {
			c := &dns.Client{Net: network, Timeout: patience}
			if out, _, err := c.Exchange(question(origin, dns.TypeSOA), a.String()); err != nil || out.Rcode != dns.RcodeSuccess {
				t.Errorf("%s %s: %v %v", network, a, out, err)
			}
		}
	}
}

// Start binds all addresses or none, and two servers never share one.
func TestStartBindsAllOrNone(t *testing.T) {
	first := start(t, dnsserver.Config{}, testZone(7))
	second, err := dnsserver.New(dnsserver.Config{Listen: []netip.AddrPort{localhost(0), first.Addrs()[0]}})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Start(); err == nil {
		t.Error("two servers on one address")
	}
	if got := second.Addrs(); len(got) != 0 {
		t.Errorf("a failed start left %v", got)
	}
	stop(t, second)
	if out := udpClient(t, first).ask(question(origin, dns.TypeSOA)); out.Rcode != dns.RcodeSuccess {
		t.Error(out)
	}
}

// An address where only UDP is taken is not served either.
func TestStartNeedsUDP(t *testing.T) {
	taken, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(localhost(0)))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s, err := dnsserver.New(dnsserver.Config{Listen: []netip.AddrPort{taken.LocalAddr().(*net.UDPAddr).AddrPort()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err == nil {
		t.Error("started without UDP")
	}
	stop(t, s)
}

// Stop frees the addresses, may be called again and before Start, and leaves
// no goroutine (TestMain looks).
func TestStop(t *testing.T) {
	s := start(t, dnsserver.Config{}, testZone(7))
	busy := tcpClient(t, s)
	busy.ask(question(origin, dns.TypeSOA))
	stop(t, s)
	stop(t, s)
	busy.cut()
	if err := s.Start(); !errors.Is(err, dnsserver.ErrStarted) {
		t.Errorf("start after stop: %v", err)
	}
	again := start(t, dnsserver.Config{Listen: s.Addrs()}, testZone(7))
	if out := udpClient(t, again).ask(question(origin, dns.TypeSOA)); out.Rcode != dns.RcodeSuccess {
		t.Error(out)
	}
	if err := again.Start(); !errors.Is(err, dnsserver.ErrStarted) {
		t.Errorf("second start: %v", err)
	}
	idle, err := dnsserver.New(dnsserver.Config{Listen: []netip.AddrPort{localhost(0)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := idle.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// Counters tell transport, type and code apart.
func TestStats(t *testing.T) {
	s := start(t, oneWorker(), testZone(7))
	over, whole := udpClient(t, s), tcpClient(t, s)
	over.ask(question("_sip._udp.west."+origin, dns.TypeSRV))
	over.ask(question("throng."+origin, dns.TypeSRV)) // truncated
	whole.ask(question("nobody."+origin, dns.TypeA))
	whole.ask(question(origin, dns.TypeAXFR))
	over.silent([]byte("short")) // and a SOA
	got := s.Stats()
	want := map[dnsserver.AnswerCount]bool{
		{Transport: "udp", Type: "SRV", RCode: "NOERROR", Count: 2}:      true,
		{Transport: "udp", Type: "SOA", RCode: "NOERROR", Count: 1}:      true,
		{Transport: "tcp", Type: "A", RCode: "NXDOMAIN", Count: 1}:       true,
		{Transport: "tcp", Type: "transfer", RCode: "REFUSED", Count: 1}: true,
	}
	for _, c := range got.Answers {
		if !want[c] {
			t.Errorf("counted %+v", c)
		}
		delete(want, c)
	}
	if len(want) != 0 || got.Dropped != 1 || got.Truncated != 1 || got.TCPAccepted != 1 || got.TCPOpen != 1 || got.Epoch != 7 {
		t.Errorf("not counted %v, stats %+v", want, got)
	}
}
