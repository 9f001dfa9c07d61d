package gate_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// streams are the transports with connections.
var streams = []fleet.Transport{fleet.TCP, fleet.TLS}

// hurry makes the limits so short that a test meets them.
func hurry(c *gate.Config) {
	c.MessageTimeout, c.HandshakeTimeout, c.DialTimeout = 400*time.Millisecond, 500*time.Millisecond, 400*time.Millisecond
	c.DrainSpread = 100 * time.Millisecond
}

// TestStreamFraming: messages in one segment, in pieces, with keep-alives
// between, are all answered in their order (RFC 3261 §18.3, RFC 5626 §4.4.1).
func TestStreamFraming(t *testing.T) {
	for _, tr := range streams {
		for _, mode := range []gate.Mode{gate.Open, gate.Draining} {
			t.Run(tr.String()+"/"+mode.String(), func(t *testing.T) {
				w := newWorld(t)
				w.set(gate.Rule{Mode: mode})
				p := w.phone(tr)
				one, two := request("MESSAGE", with{callID: "one", body: "first\r\n\r\n"}), request("REGISTER", with{callID: "two"})
				p.send("\r\n" + one + two)
				both := p.recv() + p.recv()
				if !strings.Contains(both, "Call-ID: one") || !strings.Contains(both, "Call-ID: two") {
					t.Fatalf("got %s", both)
				}
				for i := range one {
					p.send(one[i : i+1])
				}
				if got := p.recv(); header(got, "Call-ID") != "one" {
					t.Fatalf("octet by octet: %s", got)
				}
			})
		}
	}
}

func TestKeepAlive(t *testing.T) {
	for _, tr := range streams {
		t.Run(tr.String(), func(t *testing.T) {
			w := newWorld(t)
			p := w.phone(tr)
			p.send("\r\n\r\n")
			pong := make([]byte, 2)
			p.conn.SetReadDeadline(time.Now().Add(patience))
			if _, err := io.ReadFull(p.conn, pong); err != nil || string(pong) != "\r\n" {
				t.Fatalf("%q, %v", pong, err)
			}
		})
	}
}

// TestCut: who takes too long, or sends what cannot be framed, is closed. The
// gate serves the others meanwhile.
func TestCut(t *testing.T) {
	whole := request("REGISTER", with{callID: "whole"})
	for name, c := range map[string]struct {
		text string
		want string // status of an answer before the end
	}{
		"says nothing":       {"", ""},
		"half a message":     {whole[:60], ""},
		"half after a whole": {whole + whole[:60], "503"},
		"only blank lines":   {"\r\n", ""},
		"no length":          {strings.Replace(whole, "Content-Length: 0\r\n", "", 1), "400"},
		"two lengths":        {strings.Replace(whole, "Content-Length: 0\r\n", "Content-Length: 0\r\nl: 5\r\n", 1), "400"},
		"length below zero":  {strings.Replace(whole, "Content-Length: 0", "Content-Length: -1", 1), "400"},
		"too long":           {"REGISTER sip:a SIP/2.0\r\nX: " + strings.Repeat("x", 70000), ""},
		"body too long":      {strings.Replace(whole, "Content-Length: 0", "Content-Length: 999999", 1), ""},
		"not SIP":            {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		"TLS":                {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", ""},
	} {
		for _, tr := range streams {
			t.Run(name+"/"+tr.String(), func(t *testing.T) {
				w := newWorld(t, hurry)
				w.set(gate.Rule{Mode: gate.Draining, PassInvite: true})
				p := w.phone(tr)
				io.WriteString(p.conn, c.text) // the gate may close before all is sent
				if c.want != "" {
					if got := p.recv(); status(got) != c.want {
						t.Fatalf("got %s", got)
					}
				}
				p.closed()
				other := w.phone(tr)
				other.send(request("OPTIONS", with{}))
				if got := other.recv(); status(got) != "200" {
					t.Fatalf("another phone: %s", got)
				}
			})
		}
	}
}

// TestHandshakeNeverEnds: phones that hold every place for a handshake are cut,
// and the next one gets its turn.
func TestHandshakeNeverEnds(t *testing.T) {
	w := newWorld(t, hurry, func(c *gate.Config) { c.Handshakes = 2 })
	var stuck []net.Conn
	for range 2 {
		conn, err := net.Dial("tcp", w.addr(fleet.TLS).String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		stuck = append(stuck, conn)
	}
	for _, conn := range stuck {
		conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := conn.Read(make([]byte, 1)); err == nil || timeout(err) {
			t.Fatalf("read: %v", err)
		}
	}
	p := w.phone(fleet.TLS)
	p.send(request("OPTIONS", with{}))
	if got := p.recv(); status(got) != "200" {
		t.Fatalf("got %s", got)
	}
}

func timeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}

// TestBrokenUpstream: the phone does not hang, whatever the softswitch does
// instead of taking its connection.
func TestBrokenUpstream(t *testing.T) {
	refusing, err := net.Listen("tcp", loopback.String())
	if err != nil {
		t.Fatal(err)
	}
	refusing.Close()
	silent, err := net.Listen("tcp", loopback.String()) // accepts in the kernel, never shakes hands
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, c := range map[string]struct {
		addr net.Addr
		tr   fleet.Transport
	}{
		"refuses tcp":        {refusing.Addr(), fleet.TCP},
		"refuses tls":        {refusing.Addr(), fleet.TLS},
		"handshake hangs":    {silent.Addr(), fleet.TLS},
		"speaks another one": {nil, fleet.TLS},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, hurry)
			at := w.policy.Upstreams[fleet.TCP][0]
			if c.addr != nil {
				at = netip.MustParseAddrPort(c.addr.String())
			}
			w.policy.Upstreams[c.tr] = []netip.AddrPort{at}
			w.set(gate.Rule{})
			p := w.phone(c.tr)
			p.send(request("REGISTER", with{callID: "a"}) + request("ACK", with{callID: "b"}) + request("INVITE", with{callID: "c"}))
			for _, id := range []string{"a", "c"} {
				if got := p.recv(); status(got) != "503" || header(got, "Call-ID") != id || header(got, "Retry-After") == "" {
					t.Fatalf("got %s", got)
				}
			}
		})
	}
}

// TestUpstreamDies: when the softswitch closes, so does the gate, and the phone
// knows at once.
func TestUpstreamDies(t *testing.T) {
	for _, tr := range streams {
		t.Run(tr.String(), func(t *testing.T) {
			w := newWorld(t)
			p := w.phone(tr)
			w.sw.mute.Store(true)
			p.send(request("REGISTER", with{}))
			w.sw.next()
			w.sw.hangUp()
			p.closed()
		})
	}
}

// TestPhoneLeaves: nothing is kept of a phone that has gone. It hangs if that is
// not so.
func TestPhoneLeaves(t *testing.T) {
	w := newWorld(t)
	p := w.phone(fleet.TCP)
	p.send(request("REGISTER", with{}))
	p.recv()
	p.conn.Close()
	for w.g.Stats().Connections > 0 {
		runtime.Gosched()
	}
}

// TestDrainCloses: idle connections of a drained site are closed, whether they
// asked something or not; one with a call is kept.
func TestDrainCloses(t *testing.T) {
	for _, tr := range streams {
		t.Run(tr.String(), func(t *testing.T) {
			w := newWorld(t, hurry, func(c *gate.Config) { c.MessageTimeout = time.Minute })
			idle, calling, asking := w.phone(tr), w.phone(tr), w.phone(tr)
			idle.send(request("REGISTER", with{callID: "idle"}))
			idle.recv()
			w.sw.next()
			to := w.call(calling, "busy")
			w.set(gate.Rule{Mode: gate.Draining, PassInvite: true})
			for range 2 { // calls reach it through this connection still
				asking.send(request("REGISTER", with{callID: "asking"}))
				if got := asking.recv(); status(got) != "503" {
					t.Fatalf("got %s", got)
				}
			}
			w.set(allDraining)
			idle.closed()
			asking.closed()
			calling.send(request("BYE", with{callID: "busy", to: to, branch: "z9hG4bK-bye"}))
			if got := calling.recv(); status(got) != "200" {
				t.Fatalf("BYE of the kept call: %s", got)
			}
		})
	}
}

// TestReopenKeeps: a site that opens again takes its times to close back.
func TestReopenKeeps(t *testing.T) {
	w := newWorld(t, func(c *gate.Config) { c.DrainSpread = time.Hour })
	p := w.phone(fleet.TCP)
	p.send(request("OPTIONS", with{}))
	p.recv()
	w.set(allDraining)
	w.set(gate.Rule{})
	p.send(request("REGISTER", with{}))
	if got := p.recv(); status(got) != "200" {
		t.Fatalf("got %s", got)
	}
}

// TestTooManyConnections: the limit holds, and those inside it are served.
func TestTooManyConnections(t *testing.T) {
	w := newWorld(t, func(c *gate.Config) { c.MaxConnections = 2 })
	a, b := w.phone(fleet.TCP), w.phone(fleet.TCP)
	for _, p := range []*phone{a, b} {
		p.send(request("OPTIONS", with{}))
		p.recv()
	}
	w.phone(fleet.TCP).closed()
	a.send(request("OPTIONS", with{}))
	a.recv()
}

// TestResumption keeps TLS sessions resumable: a storm of known phones costs
// no certificate operation.
func TestResumption(t *testing.T) {
	w := newWorld(t)
	cfg := &tls.Config{RootCAs: w.roots, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	resumed := false
	for range 2 {
		conn, err := tls.Dial("tcp", w.addr(fleet.TLS).String(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, request("OPTIONS", with{}))
		if _, err := conn.Read(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		resumed = conn.ConnectionState().DidResume
		conn.Close()
	}
	if !resumed {
		t.Error("the second handshake was a full one")
	}
}
