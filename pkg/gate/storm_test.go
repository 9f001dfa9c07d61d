package gate_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/gate"
)

// TestArrivalsAreAdmitted: an open site takes new registrations at its rate and
// turns the others away for a while; those that it has may refresh at any time,
// and calls are not touched.
func TestArrivalsAreAdmitted(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.String(), func(t *testing.T) {
			w := newWorld(t)
			w.policy.RegisterRate = 1
			w.set(gate.Rule{})
			p := w.phone(tr)
			ask := func(user string) string {
				p.send(request("REGISTER", with{to: "<sip:" + user + "@west.voice.example.net>", callID: user, extra: "Contact: <sip:x@10.0.0.1>\r\n"}))
				return p.recv()
			}
			if got := ask("first"); status(got) != "200" {
				t.Fatalf("the first: %s", got)
			}
			refused, start := 0, time.Now()
			for i := range 20 {
				got := ask(fmt.Sprint("u", i))
				if status(got) != "503" {
					continue
				}
				refused++
				if after, err := strconv.Atoi(header(got, "Retry-After")); err != nil || after < 5 || after > 60 {
					t.Fatalf("Retry-After of %s", got)
				}
			}
			if most := 2 + int(time.Since(start)/time.Second); 20-refused > most {
				t.Errorf("%d of 20 arrivals were let in, one a second is taken", 20-refused)
			}
			if got := ask("first"); status(got) != "200" {
				t.Errorf("a refresh: %s", got)
			}
			p.send(request("INVITE", with{callID: "call"}))
			if got := p.recv(); status(got) != "200" {
				t.Errorf("a call: %s", got)
			}
		})
	}
}
