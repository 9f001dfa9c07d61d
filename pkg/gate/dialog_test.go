package gate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

var allDraining = gate.Rule{Mode: gate.Draining, Reason: "site drained"}

// call sets a call up through an open gate and returns the To of the dialog.
func (w *world) call(p *phone, callID string) string {
	w.t.Helper()
	p.send(request("INVITE", with{callID: callID}))
	w.sw.next()
	answer := p.recv()
	if status(answer) != "200" {
		w.t.Fatalf("INVITE: %s", answer)
	}
	to := header(answer, "To")
	p.send(request("ACK", with{callID: callID, to: to, branch: "z9hG4bK-ack"}))
	if got := w.sw.next(); !strings.HasPrefix(got.text, "ACK ") {
		w.t.Fatalf("expected an ACK, got %s", got.text)
	}
	return to
}

// TestCallSurvives is the rule calls-survive: a call that is up knows nothing
// of the drain.
func TestCallSurvives(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.String(), func(t *testing.T) {
			w := newWorld(t)
			p := w.phone(tr)
			to := w.call(p, "call-7")
			w.set(allDraining)
			for i, method := range []string{"INVITE", "UPDATE", "INFO", "BYE"} {
				p.send(request(method, with{callID: "call-7", to: to, branch: "z9hG4bK-" + method, cseq: fmt.Sprintf("%d %s", i+2, method)}))
				if got := p.recv(); header(got, "Server") != "softswitch" || !strings.HasSuffix(header(got, "CSeq"), method) {
					t.Fatalf("%s in a dialog: %s", method, got)
				}
				w.sw.next()
			}
			p.send(request("ACK", with{callID: "call-7", to: to, branch: "z9hG4bK-ack2"}))
			w.sw.next()
			p.send(request("INVITE", with{callID: "call-8"}))
			if got := p.recv(); status(got) != "503" || header(got, "Retry-After") == "" {
				t.Fatalf("a new call: %s", got)
			}
		})
	}
}

// TestRestartInCall: over UDP another process goes on with the same address,
// and an answer that was under way meanwhile still finds the phone.
func TestRestartInCall(t *testing.T) {
	w := newWorld(t)
	p := w.phone(fleet.UDP)
	to := w.call(p, "call-7")
	w.sw.mute.Store(true)
	p.send(request("BYE", with{callID: "call-7", to: to, branch: "z9hG4bK-bye"}))
	before := w.sw.next()

	at := w.addr(fleet.UDP)
	w.stop()
	w.cfg.Listen = []gate.Listener{{Transport: fleet.UDP, Address: at}}
	w.start()

	p.send(request("BYE", with{callID: "call-7", to: to, branch: "z9hG4bK-bye"}))
	if again := w.sw.next(); again.text != before.text {
		t.Errorf("retransmission after the restart:\n%s\nbefore:\n%s", again.text, before.text)
	}
	before.send(answer(before.text, 200))
	if got := p.recv(); status(got) != "200" {
		t.Errorf("answer from before the restart: %s", got)
	}
}

// answer writes the response that a softswitch gives to a request.
func answer(text string, code int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d Whatever\r\n", code)
	for line := range strings.SplitSeq(text, "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		switch name {
		case "Via", "From", "To", "Call-ID", "CSeq":
			b.WriteString(line + "\r\n")
		}
	}
	return b.String() + "Content-Length: 0\r\n\r\n"
}

// TestForwarded holds what RFC 3261 §16.11 and RFC 3581 say about a request
// that is passed on, octet by octet.
func TestForwarded(t *testing.T) {
	w := newWorld(t)
	p := w.phone(fleet.UDP)
	text := request("INVITE", with{body: "v=0\r\n", extra: "Route: <sip:" + p.gate.String() + ";lr>, <sip:10.9.9.9;lr>\r\nX-Odd:  a\r\n\tb \r\nRecord-Route: <sip:x;lr>\r\n"})
	p.send(text)
	got := w.sw.next().text
	via, rest, _ := strings.Cut(got, "\r\nVia: ")
	ours, rest, _ := strings.Cut(rest, "\r\n")
	if !strings.HasPrefix(ours, "SIP/2.0/UDP "+p.gate.String()+";branch=z9hG4bK") {
		t.Errorf("our Via: %s", ours)
	}
	want := strings.NewReplacer(
		"Max-Forwards: 70", "Max-Forwards: 69",
		"5062;rport;branch=z9hG4bK-call-1", "5062;branch=z9hG4bK-call-1;received=127.0.0.1;rport="+port(p),
		"<sip:"+p.gate.String()+";lr>, ", "",
	).Replace(text)
	if got = via + "\r\n" + rest; got != want {
		t.Errorf("passed on as\n%s\nwant\n%s", got, want)
	}
}

func port(p *phone) string {
	s := p.conn.LocalAddr().String()
	return s[strings.LastIndexByte(s, ':')+1:]
}

// TestSameTransaction: retransmission, CANCEL and the ACK of a failure have the
// branch of their INVITE (§16.11), another transaction has not.
func TestSameTransaction(t *testing.T) {
	w := newWorld(t)
	p := w.phone(fleet.UDP)
	branch := func(text string) string {
		p.send(text)
		_, rest, _ := strings.Cut(w.sw.next().text, ";branch=")
		b, _, _ := strings.Cut(rest, "\r\n")
		return b
	}
	invite := branch(request("INVITE", with{}))
	for name, text := range map[string]string{
		"retransmission": request("INVITE", with{}),
		"CANCEL":         request("CANCEL", with{}),
		"ACK":            request("ACK", with{to: "<sip:bob@west.voice.example.net>;tag=failed"}),
	} {
		if got := branch(text); got != invite {
			t.Errorf("%s has branch %s, INVITE %s", name, got, invite)
		}
	}
	for name, text := range map[string]string{
		"other branch": request("INVITE", with{branch: "z9hG4bK-other"}),
		"other host":   request("INVITE", with{via: "SIP/2.0/UDP 10.20.30.41:5062;rport;branch=z9hG4bK-call-1"}),
		"old client":   request("INVITE", with{via: "SIP/2.0/UDP 10.20.30.40:5062;rport;branch=1"}),
	} {
		if got := branch(text); got == invite {
			t.Errorf("%s has the same branch", name)
		}
	}
	old := with{via: "SIP/2.0/UDP 10.20.30.40:5062;rport"}
	if branch(request("INVITE", old)) != branch(request("CANCEL", old)) {
		t.Error("the CANCEL of a client without branches has another branch")
	}
}

// TestHops: a loop is 482, a spiral is legal, no hops left is 483 (§16.3).
func TestHops(t *testing.T) {
	w := newWorld(t)
	p := w.phone(fleet.UDP)
	p.send(request("INVITE", with{}))
	once := w.sw.next().text
	p.recv()
	p.send(once)
	if got := p.recv(); status(got) != "482" {
		t.Errorf("loop: %s", got)
	}
	p.send(strings.Replace(once, "sip:bob@", "sip:forwarded@", 1))
	w.sw.next()
	if got := p.recv(); status(got) != "200" {
		t.Errorf("spiral: %s", got)
	}
	p.send(strings.Replace(request("OPTIONS", with{}), "Max-Forwards: 70", "Max-Forwards: 0", 1))
	if got := p.recv(); status(got) != "483" {
		t.Errorf("no hops left: %s", got)
	}
	p.send(strings.Replace(request("ACK", with{to: "<sip:b@c>;tag=x"}), "Max-Forwards: 70", "Max-Forwards: 0", 1))
	p.quiet()
	w.sw.nothing()
}

// TestFromSoftswitch: what the softswitch sends to a phone passes, through the
// phone's connection, or over UDP to the address that the request names.
func TestFromSoftswitch(t *testing.T) {
	for _, tr := range transports {
		for _, rule := range []gate.Rule{{}, allDraining} {
			t.Run(tr.String()+"/"+rule.Mode.String(), func(t *testing.T) {
				w := newWorld(t, func(c *gate.Config) { c.DrainSpread = time.Hour }) // it is not this test that waits for the end
				p := w.phone(tr)
				p.send(request("REGISTER", with{}))
				r := w.sw.next()
				p.recv()
				w.set(rule)
				uri := "sip:anna@" + p.conn.LocalAddr().String()
				r.send(request("NOTIFY", with{uri: uri, callID: "from-inside", via: "SIP/2.0/UDP " + w.sw.udp.LocalAddr().String() + ";branch=z9hG4bK-in"}))
				got := p.recv()
				if !strings.HasPrefix(got, "NOTIFY "+uri) || !strings.Contains(got, p.gate.String()) {
					t.Fatalf("the phone got %s", got)
				}
				p.send(answer(got, 200))
				if back := w.sw.next().text; status(back) != "200" || strings.Contains(back, p.gate.String()) {
					t.Fatalf("the softswitch got %s", back)
				}
			})
		}
	}
}
