package gate_test

import (
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/gate/meter"
)

// TestLive: registrations, calls and those who moved are counted on every
// transport, as they pass.
func TestLive(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.String(), func(t *testing.T) {
			w := newWorld(t, func(c *gate.Config) { c.Meter = meter.Config{Settle: time.Nanosecond} })
			p := w.phone(tr)
			p.send(request("REGISTER", with{to: "<sip:anna@west.voice.example.net>", callID: "reg"}))
			p.recv()
			w.sw.next()
			to := w.call(p, "up")
			if l := w.g.Live(); l.Left != 1 || l.Calls != 1 || l.Tenants[0].Domain != "west.voice.example.net" || !l.Since.IsZero() {
				t.Fatalf("before: %+v", l.Report)
			}
			w.policy.Horizon = time.Now().Add(-time.Second)
			w.set(allDraining)
			p.send(request("REGISTER", with{to: "<sip:anna@west.voice.example.net>", callID: "reg", branch: "z9hG4bK-2"}))
			if got := p.recv(); status(got) != "503" {
				t.Fatalf("REGISTER: %s", got)
			}
			p.send(request("BYE", with{callID: "up", to: to, branch: "z9hG4bK-bye"}))
			p.recv()
			l := w.g.Live()
			if l.Left != 0 || l.Moved != 1 || l.Calls != 0 || l.Since.IsZero() || len(l.Shares) != 1 {
				t.Errorf("after: %+v", l.Report)
			}
			if s := l.Shares[0]; s != (meter.Share{Family: "yealink", Answer: meter.Unavailable, Refused: 1, Moved: 1}) {
				t.Errorf("share %+v", s)
			}
			if n := len(w.g.Stragglers()); n != 0 {
				t.Errorf("%d stragglers", n)
			}
		})
	}
}

// TestNotWatched: what is malformed, or answered for a reason of its own, moves
// nobody.
func TestNotWatched(t *testing.T) {
	w := newWorld(t)
	w.set(allDraining)
	p := w.phone(fleet.UDP)
	p.send(request("REGISTER", with{cseq: "x REGISTER"}))
	p.recv()
	p.send(request("OPTIONS", with{cseq: "1 REGISTER"}))
	p.recv()
	if l := w.g.Live(); l.Strangers != 0 || l.Stats.Refused != 2 {
		t.Errorf("%+v", l)
	}
}
