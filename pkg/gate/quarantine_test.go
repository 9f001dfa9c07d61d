package gate_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// TestQuarantine: new work of a source is met with silence, also while the site
// is open; its calls that are up, and those for help, pass. What was dropped is
// counted over a change of policy.
func TestQuarantine(t *testing.T) {
	bob := "<sip:bob@west.voice.example.net>" + tagBob
	cases := []struct {
		name, method string
		o            with
		want         string
	}{
		{"register", "REGISTER", with{}, noAnswer},
		{"register with a To tag", "REGISTER", with{to: bob}, noAnswer},
		{"invite", "INVITE", with{}, noAnswer},
		{"options", "OPTIONS", with{}, noAnswer},
		{"subscribe", "SUBSCRIBE", with{}, noAnswer},
		{"bye", "BYE", with{to: bob}, passed},
		{"re-invite", "INVITE", with{to: bob}, passed},
		{"cancel", "CANCEL", with{}, passed},
		{"emergency", "INVITE", with{uri: "sip:911@west.voice.example.net"}, passed},
		{"emergency urn", "INVITE", with{uri: "urn:service:sos"}, passed},
	}
	for _, tr := range []fleet.Transport{fleet.UDP, fleet.TCP} {
		for _, source := range []string{"127.0.0.1/32", "127.0.0.0/16"} {
			t.Run(tr.String()+" "+source, func(t *testing.T) {
				w := newWorld(t)
				p := w.phone(tr)
				free := w.outcome(p, request("REGISTER", with{}), passed)
				in := gate.Quarantined{Prefix: netip.MustParsePrefix(source), Until: time.Now().Add(time.Hour)}
				w.policy.Quarantine = []gate.Quarantined{{Prefix: netip.MustParsePrefix("203.0.113.0/24"), Until: in.Until}, in}
				w.set(gate.Rule{})
				var dropped uint64
				for _, c := range cases {
					if c.want != noAnswer {
						if got := w.outcome(p, request(c.method, c.o), passed); got != passed {
							t.Errorf("%s: %s", c.name, got)
						}
						continue
					}
					dropped++
					p.send(request(c.method, c.o))
					if got := w.outcome(p, request("BYE", with{to: bob}), passed); got != passed { // the fence
						t.Errorf("%s: %s", c.name, got)
					}
					w.sw.nothing()
				}
				w.set(gate.Rule{}) // another policy with the same source
				live := w.g.Live()
				if len(live.Quarantine) != 2 || live.Quarantine[0].Prefix != in.Prefix || live.Quarantine[0].Dropped != dropped || live.Quarantine[0].Last.IsZero() || live.Stats.Isolated != dropped {
					t.Errorf("%d were dropped: %+v, %d in all", dropped, live.Quarantine, live.Stats.Isolated)
				}
				in.Until = time.Now().Add(-time.Second)
				w.policy.Quarantine = []gate.Quarantined{in}
				w.set(gate.Rule{})
				if got := w.outcome(p, request("REGISTER", with{}), passed); got != free {
					t.Errorf("after its time: %s", got)
				}
			})
		}
	}
}
