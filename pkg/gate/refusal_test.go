package gate_test

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// TestRetransmissions: a stateless element answers each alike (RFC 3261
// §8.2.7), and the answers of different phones are spread.
func TestRetransmissions(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.String(), func(t *testing.T) {
			w := newWorld(t, func(c *gate.Config) { c.UDPSockets = 4 })
			w.set(allDraining)
			p := w.phone(tr)
			seen := map[string]bool{}
			for i := range 50 {
				text := request("REGISTER", with{callID: strconv.Itoa(i)})
				p.send(text)
				first := p.recv()
				p.send(text)
				if again := p.recv(); again != first {
					t.Fatalf("first answer:\n%s\nsecond:\n%s", first, again)
				}
				after, err := strconv.Atoi(header(first, "Retry-After"))
				if err != nil || after < 5 || after > 15 {
					t.Fatalf("Retry-After: %q", header(first, "Retry-After"))
				}
				seen[header(first, "Retry-After")] = true
				if header(first, "Reason") != `SIP;cause=503;text="site drained"` {
					t.Fatalf("no reason in %s", first)
				}
			}
			if len(seen) < 5 {
				t.Errorf("Retry-After of 50 phones takes %d values", len(seen))
			}
		})
	}
}

// TestOwnACK: the ACK of our own refusal ends here, any other is passed on.
func TestOwnACK(t *testing.T) {
	w := newWorld(t)
	w.set(allDraining)
	p := w.phone(fleet.UDP)
	p.send(request("INVITE", with{}))
	to := header(p.recv(), "To")
	p.send(request("ACK", with{to: to}))
	p.quiet()
	w.sw.nothing()
	p.send(request("ACK", with{to: to + "x"}))
	w.sw.next()
}

// TestCancelOfRefused: a gate that remembers nothing cannot know whether it
// refused the INVITE or passed it on before the drain, so the softswitch says
// what becomes of its CANCEL: 200 or 481 (RFC 3261 §9.2). Where nothing is
// behind, the gate says 481 itself.
func TestCancelOfRefused(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.String(), func(t *testing.T) {
			w := newWorld(t)
			w.set(allDraining)
			p := w.phone(tr)
			p.send(request("INVITE", with{}))
			if got := p.recv(); status(got) != "503" {
				t.Fatalf("INVITE: %s", got)
			}
			w.sw.mute.Store(true)
			p.send(request("CANCEL", with{}))
			r := w.sw.next()
			r.send(answer(r.text, 481))
			if got := p.recv(); status(got) != "481" || header(got, "CSeq") != "1 CANCEL" {
				t.Fatalf("CANCEL: %s", got)
			}
			w.policy.Upstreams = nil
			w.set(allDraining)
			alone := w.phone(tr)
			alone.send(request("CANCEL", with{}))
			if got := alone.recv(); status(got) != "481" {
				t.Fatalf("CANCEL without a softswitch: %s", got)
			}
			w.sw.nothing()
		})
	}
}

// TestIPv6: the gate refuses at an IPv6 address as at any other, and says what
// it saw without brackets in received (RFC 3261 §18.2.1, RFC 5118 §4.5).
func TestIPv6(t *testing.T) {
	at := netip.MustParseAddrPort("[::1]:0")
	if c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at)); err != nil {
		t.Skip("this machine has no IPv6: ", err)
	} else {
		c.Close()
	}
	w := newWorld(t, func(c *gate.Config) {
		for i := range c.Listen {
			c.Listen[i].Address = at
		}
	})
	w.set(allDraining)
	for _, tr := range []fleet.Transport{fleet.UDP, fleet.TCP} {
		p := w.phone(tr)
		p.send(request("REGISTER", with{via: "SIP/2.0/UDP [2001:db8::1]:5062;rport;branch=z9hG4bK-6"}))
		got := p.recv()
		if via := header(got, "Via"); status(got) != "503" || !strings.Contains(via, ";received=::1;rport="+port(p)) {
			t.Errorf("%s: %s", tr, got)
		}
	}
}

// TestEmergencyRedirect: when the site is dead, an emergency call is sent to a
// live one.
func TestEmergencyRedirect(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.String(), func(t *testing.T) {
			w := newWorld(t)
			w.policy.EmergencyRedirect = []string{"sip:192.0.2.1:5060;transport=tcp", "sip:192.0.2.2"}
			w.set(gate.Rule{Mode: gate.Closed})
			p := w.phone(tr)
			p.send(request("INVITE", with{uri: "urn:service:sos"}))
			got := p.recv()
			if status(got) != "302" || !strings.Contains(got, "Contact: <sip:911@192.0.2.1:5060;transport=tcp>;q=1.0\r\nContact: <sip:911@192.0.2.2>;q=0.9\r\n") {
				t.Fatalf("got %s", got)
			}
			p.send(request("ACK", with{uri: "urn:service:sos", to: header(got, "To")}))
			p.quiet()
			w.sw.nothing()
			if n := w.g.Stats().Redirected; n != 1 {
				t.Errorf("%d redirected in the statistics", n)
			}
		})
	}
}

// TestLastHope: without a live site an emergency call goes to the softswitch
// that is believed dead, and if it answers after all, the answer passes. No
// other answer does.
func TestLastHope(t *testing.T) {
	w := newWorld(t)
	p := w.phone(fleet.UDP)
	w.sw.mute.Store(true)
	p.send(request("INVITE", with{callID: "plain"}))
	plain := w.sw.next()
	p.send(request("INVITE", with{callID: "sos", uri: "sip:911@x"}))
	sos := w.sw.next()
	w.set(gate.Rule{Mode: gate.Closed})
	plain.send(answer(plain.text, 200))
	sos.send(answer(sos.text, 200))
	if got := p.recv(); header(got, "Call-ID") != "sos" {
		t.Fatalf("got %s", got)
	}
	p.quiet()
}

// TestNoReflection: whatever a Via says, the answer goes to where the packet
// came from, once, and is not much larger (promises.md, threat 1).
func TestNoReflection(t *testing.T) {
	victim, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	defer victim.Close()
	_, vport, _ := net.SplitHostPort(victim.LocalAddr().String())
	w := newWorld(t)
	w.set(allDraining)
	p := w.phone(fleet.UDP)
	for _, via := range []string{
		"SIP/2.0/UDP 127.0.0.9:" + vport + ";rport;branch=z9hG4bK-1",
		"SIP/2.0/UDP 10.0.0.1;rport;maddr=127.0.0.9;branch=z9hG4bK-2",
		"SIP/2.0/UDP 10.0.0.1;received=127.0.0.9;rport=" + vport + ";branch=z9hG4bK-3",
		"SIP/2.0/UDP 10.0.0.1;rport=" + vport + ";received=127.0.0.9, SIP/2.0/UDP 127.0.0.9:" + vport,
	} {
		text := request("REGISTER", with{via: via})
		p.send(text)
		got := p.recv()
		if status(got) != "503" || len(got) > len(text)+300 {
			t.Errorf("%d octets for %d:\n%s", len(got), len(text), got)
		}
		if top := header(got, "Via"); !strings.Contains(top, "received=127.0.0.1;rport="+port(p)) || strings.Count(top, "received=") != 1 {
			t.Errorf("Via of the answer: %s", top)
		}
	}
}

// TestForgedResponse: a stranger cannot have a response of his own sent to
// anyone by showing us a Via that looks like ours.
func TestForgedResponse(t *testing.T) {
	w := newWorld(t)
	p := w.phone(fleet.UDP)
	w.sw.mute.Store(true)
	p.send(request("INVITE", with{}))
	good := answer(w.sw.next().text, 180)
	forged := []string{
		strings.Replace(good, "received=127.0.0.1", "received=127.0.0.9", 1),
		strings.Replace(good, "rport=", "rport=1", 1),
		strings.Replace(good, "Call-ID: call-1", "Call-ID: call-2", 1),
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP " + p.gate.String() + ";branch=z9hG4bK-x, SIP/2.0/UDP 127.0.0.9:9\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n",
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 255.255.255.255:5060\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n",
	}
	stranger := w.phone(fleet.UDP)
	for _, text := range forged {
		stranger.send(text)
		stranger.quiet()
	}
	if n := w.g.Stats().ByMethod[gate.MethodKey{Transport: fleet.UDP, Method: "response", Action: gate.Drop}]; n != uint64(len(forged)) {
		t.Errorf("%d of %d forged responses dropped", n, len(forged))
	}
	stranger.send(good)
	if got := p.recv(); status(got) != "180" {
		t.Errorf("the true response: %s", got)
	}
}

// TestJunk: what cannot be answered gets silence, and the gate goes on.
func TestJunk(t *testing.T) {
	w := newWorld(t)
	p := w.phone(fleet.UDP)
	for _, text := range []string{
		"\r\n\r\n", "\x00\x00\x00\x00", "x", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "REGISTER sip:a SIP/2.0\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", strings.Repeat("A", 9000), "SIP/2.0 200 OK\r\n\r\n",
		strings.Replace(request("ACK", with{}), "CSeq: 1 ACK", "CSeq: x", 1),
		strings.Replace(request("INVITE", with{}), "Via:", "X-Via:", 1),
	} {
		p.send(text)
		p.quiet()
	}
	w.sw.nothing()
}
