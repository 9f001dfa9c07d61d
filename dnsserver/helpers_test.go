package dnsserver

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

func TestMain(m *testing.M) {
	if !playRole() {
		goleak.VerifyTestMain(m)
	}
}

const origin = "voice.example.net."

// zoneOf makes a zone of records in master file form. Every SRV and NAPTR set
// is steered.
func zoneOf(t testing.TB, epoch uint64, records string) *srv.Zone {
	t.Helper()
	z := &srv.Zone{Origin: origin, Epoch: epoch, SOA: srv.SOA{
		MName: "ns1." + origin, RName: `host\.master.example.net.`, Serial: uint32(epoch),
		Refresh: 60, Retry: 15, Expire: 1209600, Minimum: 5, TTL: 30,
	}}
	at := map[srv.Key]int{}
	for line := range strings.Lines(records) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatalf("read record %q: %v", line, err)
		}
		k := srv.Key{Name: strings.ToLower(rr.Header().Name), Type: srv.Type(rr.Header().Rrtype)}
		i, ok := at[k]
		if !ok {
			i = len(z.Sets)
			at[k] = i
			z.Sets = append(z.Sets, srv.RRset{Name: k.Name, Type: k.Type, TTL: rr.Header().Ttl})
			if k.Type == srv.TypeSRV || k.Type == srv.TypeNAPTR {
				z.Steered = append(z.Steered, k)
			}
		}
		z.Sets[i].Data = append(z.Sets[i].Data, dataOf(t, rr))
	}
	z.Sort()
	if err := z.Check(); err != nil {
		t.Fatal(err)
	}
	return z
}

func dataOf(t testing.TB, rr dns.RR) srv.Data {
	switch rr := rr.(type) {
	case *dns.A:
		a, _ := netip.AddrFromSlice(rr.A.To4())
		return srv.A{Addr: a}
	case *dns.AAAA:
		a, _ := netip.AddrFromSlice(rr.AAAA.To16())
		return srv.AAAA{Addr: a}
	case *dns.NS:
		return srv.NS{Host: rr.Ns}
	case *dns.CNAME:
		return srv.CNAME{Target: rr.Target}
	case *dns.TXT:
		return srv.TXT{Strings: rr.Txt}
	case *dns.SRV:
		return srv.SRV{Priority: rr.Priority, Weight: rr.Weight, Port: rr.Port, Target: rr.Target}
	case *dns.NAPTR:
		return srv.NAPTR{Order: rr.Order, Preference: rr.Preference, Flags: rr.Flags, Service: rr.Service, Regexp: rr.Regexp, Replacement: rr.Replacement}
	}
	data, err := recordData(rr)
	if err != nil {
		t.Fatalf("no data for %s: %v", rr, err)
	}
	return data
}

// labRecords are like those of the lab: three sites, two with IPv6.
const labRecords = `
voice.example.net. 3600 IN NS ns1.voice.example.net.
voice.example.net. 3600 IN NS ns2.voice.example.net.
voice.example.net. 3600 IN NS ns.elsewhere.example.
ns1.voice.example.net. 3600 IN A 192.0.2.53
ns2.voice.example.net. 3600 IN A 198.51.100.53
ns2.voice.example.net. 3600 IN AAAA 2001:db8:2::53
sip.calgary.voice.example.net. 60 IN A 192.0.2.10
sip.calgary.voice.example.net. 60 IN AAAA 2001:db8:1::10
sip.ottawa.voice.example.net. 60 IN A 198.51.100.10
sip.ottawa.voice.example.net. 60 IN A 198.51.100.11
sip.vancouver.voice.example.net. 60 IN A 203.0.113.10
sip.vancouver.voice.example.net. 60 IN AAAA 2001:db8:3::10
west.voice.example.net. 30 IN A 192.0.2.10
west.voice.example.net. 30 IN AAAA 2001:db8:1::10
west.voice.example.net. 30 IN NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp.west.voice.example.net.
west.voice.example.net. 30 IN NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.west.voice.example.net.
west.voice.example.net. 30 IN TXT "calgary first" "second string"
_sip._udp.west.voice.example.net. 30 IN SRV 10 100 5060 sip.calgary.voice.example.net.
_sip._udp.west.voice.example.net. 30 IN SRV 20 100 5060 sip.vancouver.voice.example.net.
_sip._udp.west.voice.example.net. 30 IN SRV 30 100 5060 sip.ottawa.voice.example.net.
_sips._tcp.west.voice.example.net. 30 IN SRV 20 100 5061 sip.vancouver.voice.example.net.
_sips._tcp.west.voice.example.net. 30 IN SRV 10 100 5061 sip.calgary.voice.example.net.
`

// manyTargets is a set too large for UDP: SRV targets of 40 sites.
func manyTargets() string {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, "_sip._tcp.big.voice.example.net. 30 IN SRV %d 1 5060 target-%d.sites.voice.example.net.\n", i, i)
		fmt.Fprintf(&b, "target-%d.sites.voice.example.net. 60 IN A 192.0.2.%d\n", i, i+1)
	}
	return b.String()
}

// question makes a message that asks for name and a type given by mnemonic.
func question(name, rtype string) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, dns.StringToType[rtype])
	m.RecursionDesired = false
	return m
}

func loopback() []netip.AddrPort {
	return []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}
}

// newTestResponder answers without sockets; z may be nil.
func newTestResponder(t testing.TB, cfg Config, z *srv.Zone) *responder {
	t.Helper()
	cfg.Listen = loopback()
	cfg, err := cfg.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	r := &responder{conf: &cfg, zones: &atomic.Pointer[zones]{}, key: &cookieSecret{}, count: &counters{}}
	r.zones.Store(&zones{})
	if z != nil {
		packed, err := pack(z, nil, maphash.MakeSeed())
		if err != nil {
			t.Fatal(err)
		}
		r.zones.Store(&zones{steered: packed})
	}
	return r
}

// checkForm checks what holds for the answer to any message: ID, opcode, RD
// and question are the question's bit for bit, QR is set, RA and Z are clear,
// the records counted fill the message, and it is short enough.
func checkForm(t testing.TB, wire, out []byte, via transport) {
	t.Helper()
	if len(out) < headerSize {
		t.Fatalf("no answer to %x", wire)
	}
	if string(out[:2]) != string(wire[:2]) {
		t.Errorf("ID %x became %x", wire[:2], out[:2])
	}
	const kept = opcodeMask | flagRD
	in, flags := u16(wire[2:]), u16(out[2:])
	if flags&flagQR == 0 || flags&kept != in&kept || flags&0x00F0 != 0 {
		t.Errorf("flags %04x became %04x", in, flags)
	}
	off := headerSize
	if u16(out[4:]) == 1 {
		off += nameLen(out[headerSize:]) + 4
		if len(wire) < off || string(out[headerSize:off]) != string(wire[headerSize:off]) {
			t.Errorf("question of %x is not that of %x", out, wire)
		}
	}
	var q query
	if !q.parseRecords(out, off) {
		t.Errorf("records of %x do not fill it", out)
	}
	limit := maxMessage
	if via == UDP {
		limit = minUDPSize
		var asked query
		if asked.parse(wire); asked.edns {
			limit = min(int(asked.size), defaultUDPSize)
		}
	}
	if len(out) > limit {
		t.Errorf("%d octets, at most %d may be sent", len(out), limit)
	}
}

// start serves the zone on a free port of 127.0.0.1 until the test ends.
func start(t testing.TB, cfg Config, z *srv.Zone) *Server {
	t.Helper()
	cfg.Listen = loopback()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Serve(z), s.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask sends m to the first address of s.
func ask(t testing.TB, s *Server, network string, m *dns.Msg) *dns.Msg {
	t.Helper()
	c := &dns.Client{Net: network, Timeout: 10 * time.Second, UDPSize: 4096}
	r, _, err := c.Exchange(m, s.Addrs()[0].String())
	if err != nil {
		t.Fatalf("ask %s over %s: %v", m.Question[0].Name, network, err)
	}
	return r
}
