package softswitch_test

import (
	"io"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// TestRegistrar: bindings are added, listed, removed one by one and all at once
// (RFC 3261 §10.3).
func TestRegistrar(t *testing.T) {
	w := newWorld(t)
	c := w.client(fleet.TCP)
	for _, step := range []struct {
		headers []string
		left    int
	}{
		{[]string{"Contact: <sip:alice@127.0.0.1:5070>;expires=60"}, 1},
		{[]string{`Contact: "Alice, at home" <sip:alice@127.0.0.1:5070>;expires=60`}, 1}, // the same one
		{[]string{"Contact: sip:alice@127.0.0.1:5071;expires=60"}, 2},
		{[]string{"Contact: <sip:alice@127.0.0.1:5072>, <sip:alice@127.0.0.1:5073>", "Expires: 99999999999999999999"}, 4},
		{nil, 4}, // asks only
		{[]string{"Contact: <sip:alice@127.0.0.1:5070>;expires=0"}, 3},
		{[]string{"Contact: *", "Expires: 0"}, 0},
	} {
		c.register(step.headers...)
		res := c.want(200)
		if n := len(res.GetHeaders("Contact")); n != step.left || w.Stats().Bindings != step.left {
			t.Errorf("after %q the answer lists %d and %d are kept, want %d", step.headers, n, w.Stats().Bindings, step.left)
		}
	}
}

// TestCalls: numbers and the echo service answer, users when registered; a call
// lives until BYE, and what belongs to no call gets 481.
func TestCalls(t *testing.T) {
	w := newWorld(t)
	c := w.client(fleet.TLS)
	c.request("INVITE", "sip:alice@west.example.net", "<sip:alice@west.example.net>")
	c.want(404)
	c.register("Contact: <sip:alice@127.0.0.1:5070>")
	c.want(200)
	for _, to := range []string{"sip:alice@west.example.net", "sip:echo@west.example.net", "sip:+15550100@west.example.net"} {
		c.request("INVITE", to, "<"+to+">")
		ringing := c.want(180).To().Value()
		tagged := c.want(200).To().Value()
		if ringing != tagged {
			t.Errorf("two dialogs of one call: %s, %s", ringing, tagged)
		}
		c.request("ACK", to, tagged)
		c.request("INVITE", to, tagged)
		c.want(200)
		c.request("OPTIONS", to, tagged)
		c.want(200)
		if n := w.Stats().Calls; n != 1 {
			t.Errorf("%d calls, want 1", n)
		}
		c.request("BYE", to, tagged)
		c.want(200)
		c.request("BYE", to, tagged)
		c.want(481)
	}
	c.request("CANCEL", "sip:echo@west.example.net", "<sip:echo@west.example.net>")
	c.want(481)
}

// TestKeepAlive: a double CRLF is answered with one (RFC 5626 §4.4.1).
func TestKeepAlive(t *testing.T) {
	c := newWorld(t).client(fleet.TCP)
	if _, err := io.WriteString(c, "\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2)
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "\r\n" {
		t.Errorf("pong is %q, %v", buf, err)
	}
}

// TestUgly: what is no request is not answered, and does no harm.
func TestUgly(t *testing.T) {
	w := newWorld(t)
	c := w.client(fleet.UDP)
	for _, text := range []string{
		"", "\x00", "\r\n\r\n", "hello", "OPTIONS sip:x SIP/2.0\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n",
		"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP x\r\nFrom: \r\nTo: \r\nCall-ID: \r\nCSeq: \r\n\r\n",
		"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z\r\nFrom: x\r\nTo: x\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\nContact: ,\r\nExpires: -1\r\n\r\n",
		"INVITE sip: SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;rport\r\nFrom: <sip:a@b>\r\nTo: <sip:>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n",
	} {
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
	}
	for {
		c.options()
		res, err := c.next(patience)
		if err != nil {
			t.Fatalf("no answer after ugly packets: %v", err)
		}
		if res.CSeq().MethodName == "OPTIONS" && res.StatusCode == 200 {
			return
		}
	}
}
