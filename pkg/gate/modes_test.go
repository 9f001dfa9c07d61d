package gate_test

import (
	"fmt"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// What may become of a request.
const (
	passed   = "passed"   // the softswitch answers it
	noAnswer = "silent"   // it gets to the softswitch, nobody answers
	refused  = "503"      // by the gate
	noDialog = "481"      // by the gate
	tagBob   = ";tag=bob" // a dialog with the softswitch
)

// TestModes goes through every mode, transport and kind of request: the rule
// table of design.md's gate, written down once more by hand.
func TestModes(t *testing.T) {
	bob := "<sip:bob@west.voice.example.net>" + tagBob
	open, draining, first, closed := gate.Rule{}, gate.Rule{Mode: gate.Draining, Reason: "site drained"},
		gate.Rule{Mode: gate.Draining, PassInvite: true}, gate.Rule{Mode: gate.Closed, Reason: "softswitch down"}
	rules := []struct {
		name string
		rule gate.Rule
	}{{"open", open}, {"draining", draining}, {"draining, first phase", first}, {"closed", closed}}
	cases := []struct {
		name, method string
		o            with
		want         [4]string // by rules
	}{
		{"register", "REGISTER", with{extra: "Contact: <sip:a@10.0.0.1>\r\nExpires: 3600\r\n"}, [4]string{passed, refused, refused, refused}},
		{"register with a To tag", "REGISTER", with{to: bob, extra: "Contact: <sip:a@10.0.0.1>\r\n"}, [4]string{passed, refused, refused, refused}},
		{"register query", "REGISTER", with{extra: "Expires: 0\r\n"}, [4]string{passed, refused, refused, refused}},
		{"de-register all", "REGISTER", with{extra: "Contact: *\r\nExpires: 0\r\n"}, [4]string{passed, passed, passed, refused}},
		{"de-register by Expires", "REGISTER", with{extra: "m: <sip:a@10.0.0.1>\r\nExpires: 0\r\n"}, [4]string{passed, passed, passed, refused}},
		{"de-register by parameter", "REGISTER", with{extra: "Contact: <sip:a@10.0.0.1>;expires=0\r\nExpires: 3600\r\n"}, [4]string{passed, passed, passed, refused}},
		{"register one, de-register another", "REGISTER", with{extra: "Contact: <sip:a@10.0.0.1>;expires=0, <sip:a@10.0.0.2>;expires=60\r\n"}, [4]string{passed, refused, refused, refused}},
		{"subscribe", "SUBSCRIBE", with{}, [4]string{passed, refused, refused, refused}},
		{"subscribe refresh", "SUBSCRIBE", with{to: bob}, [4]string{passed, passed, passed, refused}},
		{"invite", "INVITE", with{}, [4]string{passed, refused, passed, refused}},
		{"re-invite", "INVITE", with{to: bob}, [4]string{passed, passed, passed, refused}},
		{"emergency urn", "INVITE", with{uri: "urn:service:sos.fire"}, [4]string{passed, passed, passed, passed}},
		{"emergency urn, capitals", "INVITE", with{uri: "URN:Service:SOS"}, [4]string{passed, passed, passed, passed}},
		{"no emergency urn", "INVITE", with{uri: "urn:service:sosa"}, [4]string{passed, refused, passed, refused}},
		{"emergency number", "INVITE", with{uri: "sip:911@west.voice.example.net;user=phone"}, [4]string{passed, passed, passed, passed}},
		{"emergency number with signs", "INVITE", with{uri: "tel:+9-1.1"}, [4]string{passed, passed, passed, passed}},
		{"no emergency number", "INVITE", with{uri: "sip:9110@west.voice.example.net"}, [4]string{passed, refused, passed, refused}},
		{"emergency number as host", "INVITE", with{uri: "sip:bob@911"}, [4]string{passed, refused, passed, refused}},
		{"options", "OPTIONS", with{}, [4]string{passed, refused, passed, refused}},
		{"options in a dialog", "OPTIONS", with{to: bob}, [4]string{passed, passed, passed, refused}},
		{"message", "MESSAGE", with{body: "hello"}, [4]string{passed, refused, passed, refused}},
		{"publish", "PUBLISH", with{}, [4]string{passed, refused, passed, refused}},
		{"unknown method", "NEW.METHOD~1", with{}, [4]string{passed, refused, passed, refused}},
		{"bye", "BYE", with{to: bob}, [4]string{passed, passed, passed, refused}},
		{"cancel", "CANCEL", with{}, [4]string{passed, passed, passed, noDialog}},
		{"ack", "ACK", with{to: bob}, [4]string{noAnswer, noAnswer, noAnswer, noAnswer}},
		{"ack without tag", "ACK", with{}, [4]string{noAnswer, noAnswer, noAnswer, noAnswer}},
	}
	for i, r := range rules {
		for _, tr := range transports {
			t.Run(fmt.Sprintf("%s/%s", r.name, tr), func(t *testing.T) {
				w := newWorld(t)
				for n, c := range cases {
					w.set(r.rule)
					c.o.callID = fmt.Sprintf("case-%d", n)
					p := w.phone(tr)
					if want, got := c.want[i], w.outcome(p, request(c.method, c.o), c.want[i]); got != want {
						t.Errorf("%s: %s, want %s", c.name, got, want)
					}
				}
			})
		}
	}
}

// outcome sends a request and tells what became of it. want only says what to
// wait for.
func (w *world) outcome(p *phone, text, want string) string {
	w.t.Helper()
	p.send(text)
	if want == noAnswer {
		if p.tr == fleet.UDP { // alone, an ACK makes no connection to the softswitch
			w.sw.next()
		}
		p.quiet()
		return noAnswer
	}
	answer := p.recv()
	if header(answer, "Server") == "softswitch" {
		w.sw.next()
		return passed
	}
	w.sw.nothing()
	return status(answer)
}
