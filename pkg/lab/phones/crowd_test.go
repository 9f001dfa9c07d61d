package phones_test

import (
	"context"
	"crypto/tls"
	"iter"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab/labpki"
	"github.com/sipsteer/sipsteer/pkg/lab/phones"
	"github.com/sipsteer/sipsteer/pkg/lab/softswitch"
)

func labels(name string) iter.Seq[string] {
	return strings.SplitSeq(strings.TrimSuffix(name, "."), ".")
}

// TestCallStays: a call stays where it began when its phone moves, and is hung
// up there at the end.
func TestCallStays(t *testing.T) {
	w := newWorld(t)
	c := w.crowd(phones.Group{Kind: phones.SRV, Count: 3, Calls: 2})
	w.eventually("two calls", func() bool { return c.Snapshot().Calls["calgary"] == 2 })
	w.calgary.answers(503)
	w.at(c, "vancouver")
	asked := w.calgary.count(sip.OPTIONS)
	w.eventually("the calls are asked for at calgary", func() bool { return w.calgary.count(sip.OPTIONS) > asked+3 })
	if s := c.Snapshot(); s.Calls["calgary"] != 2 || s.CallsLost != 0 || w.vancouver.count(sip.INVITE) != 0 {
		t.Errorf("calls: %+v, %d INVITE at vancouver", s, w.vancouver.count(sip.INVITE))
	}
	w.stop(c)
	if s := c.Snapshot(); s.CallsEnded != 2 || s.CallsLost != 0 || w.calgary.count(sip.BYE) < 2 {
		t.Errorf("at the end: %+v, %d BYE", s, w.calgary.count(sip.BYE))
	}
}

// TestCallLost: 481 and lasting silence lose a call; a short silence does not.
func TestCallLost(t *testing.T) {
	for name, code := range map[string]int{"481": 481, "silence": 0} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.crowd(phones.Group{Kind: phones.SRV, Calls: 1})
			w.eventually("a call", func() bool { return c.Snapshot().Calls["calgary"] == 1 })
			w.calgary.answersCalls(code)
			w.eventually("lost", func() bool { s := c.Snapshot(); return s.CallsLost == 1 && s.Calls["calgary"] == 0 })
		})
	}
}

// TestMoves: each move is remembered once, with where from.
func TestMoves(t *testing.T) {
	w := newWorld(t)
	c := w.crowd(phones.Group{Kind: phones.SRV, Count: 5})
	w.at(c, "calgary")
	since := time.Now()
	w.answer(0, "vancouver")
	w.at(c, "vancouver")
	moves := c.Moves(since)
	if len(moves) != 5 {
		t.Fatalf("%d moves of 5 phones: %+v", len(moves), moves)
	}
	for _, m := range moves {
		if m.From != "calgary" || m.To != "vancouver" || m.Kind != phones.SRV || m.Transport != fleet.UDP || m.Service != west {
			t.Errorf("move %+v", m)
		}
	}
	if all := c.Moves(time.Time{}); len(all) != 10 || all[0].From != "" {
		t.Errorf("%d moves since the start, the first %+v", len(all), all[0])
	}
}

// TestTLSName: a phone verifies the SIP domain that it was given, not the name
// that SRV led it to (RFC 5922 §7); and registers at once when its connection
// dies.
func TestTLSName(t *testing.T) {
	for domain, trusted := range map[string]bool{west: true, "sip.calgary.example.net": false} {
		t.Run(domain, func(t *testing.T) {
			pki, err := labpki.Open(t.TempDir(), []labpki.Server{{Name: "calgary", Domains: []string{domain}}})
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t)
			sw := newSoftswitch(t, pki)
			w.dns.add("_sips._tcp."+west+".", &dnsmessage.SRVResource{Port: sw.Addrs()[fleet.TLS].Port(), Target: dnsmessage.MustNewName("sip.calgary.example.net.")})
			c, err := phones.New(phones.Config{
				Groups: []phones.Group{{Kind: phones.SRV, Transport: fleet.TLS, Service: west, Count: 1}}, NameServers: []netip.AddrPort{w.dns.addr},
				SiteOf: func(netip.AddrPort) fleet.SiteID { return "calgary" }, TLS: pki.ClientConfig(), Refresh: refresh, StartSpread: time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			c.Start()
			t.Cleanup(func() { w.stop(c) })
			if !trusted {
				w.lost(c)
				if n := sw.Stats().Bindings; n != 0 {
					t.Errorf("%d bindings over a connection that is not trusted", n)
				}
				return
			}
			w.at(c, "calgary")
			if err := sw.Break(softswitch.Down); err != nil {
				t.Fatal(err)
			}
			w.lost(c)
			if err := sw.Heal(); err != nil {
				t.Fatal(err)
			}
			w.at(c, "calgary")
		})
	}
}

func newSoftswitch(t *testing.T, pki *labpki.PKI) *softswitch.Softswitch {
	t.Helper()
	good, err := pki.ServerConfig("calgary")
	if err != nil {
		t.Fatal(err)
	}
	sw, err := softswitch.New(softswitch.Config{Listen: map[fleet.Transport]netip.AddrPort{fleet.TLS: netip.MustParseAddrPort("127.0.0.1:0")}, TLS: good})
	if err != nil {
		t.Fatal(err)
	}
	if err := sw.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := sw.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return sw
}

// TestNotConfigured: what is missing is said before anything starts.
func TestNotConfigured(t *testing.T) {
	servers := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:5300")}
	site := func(netip.AddrPort) fleet.SiteID { return "" }
	secure := []phones.Group{{Kind: phones.SRV, Transport: fleet.TLS, Service: west, Count: 1}}
	for name, cfg := range map[string]phones.Config{
		"no name server": {SiteOf: site}, "no sites": {NameServers: servers}, "tls without roots": {NameServers: servers, SiteOf: site, Groups: secure},
	} {
		if _, err := phones.New(cfg); err == nil || !strings.Contains(err.Error(), "configure crowd") {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, err := phones.New(phones.Config{NameServers: servers, SiteOf: site, TLS: &tls.Config{}, Groups: secure})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Errorf("stop before start: %v", err)
	}
}
