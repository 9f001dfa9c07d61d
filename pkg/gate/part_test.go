package gate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// Domains of these tests: acme is in bucket 90, globex in 16; elsewhere is none of
// the fleet's.
const (
	acme      = "acme.voice.example.net"
	globex    = "globex.voice.example.net"
	west      = "west.voice.example.net"
	east      = "east.voice.example.net"
	elsewhere = "carrier.example.org"
)

// parted refuses parts on all transports, which are open to all others.
func (w *world) parted(parts ...gate.Part) {
	w.t.Helper()
	tenants, _, err := (*fleet.Tenants)(nil).Edit([]fleet.TenantChange{{Domain: acme, Service: west}, {Domain: globex, Service: west}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.policy.Services, w.policy.Tenants, w.policy.Parts = []fleet.ServiceID{west, east}, tenants, map[fleet.Transport][]gate.Part{}
	for _, t := range transports {
		w.policy.Parts[t] = parts
	}
	w.set(gate.Rule{})
}

func buckets(t *testing.T, text string) fleet.Cohort {
	t.Helper()
	c, err := fleet.ParseCohort(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestParts goes through who is refused when one tenant, or one service, has left:
// those in it, as in a drain of the site, and nobody else.
func TestParts(t *testing.T) {
	cohort := gate.Part{Service: west, Cohort: buckets(t, "90-99"), Mode: gate.Draining, Reason: "site drained"}
	first := cohort
	first.PassInvite = true
	service := gate.Part{Service: west, Cohort: fleet.Everyone(), Mode: gate.Draining, Reason: "site drained"}
	rules := []struct {
		name  string
		parts []gate.Part
	}{{"cohort", []gate.Part{cohort}}, {"cohort, first phase", []gate.Part{first}}, {"service", []gate.Part{service}}, {"two parts", []gate.Part{{Service: west, Cohort: buckets(t, "16,own"), Mode: gate.Draining}, first}}}
	binding := "Contact: <sip:a@10.0.0.1>\r\nExpires: 3600\r\n"
	register := func(domain string) with {
		return with{uri: "sip:" + west, from: "anna@" + domain, to: "<sip:anna@" + domain + ">", extra: binding}
	}
	call := func(from, to string) with {
		return with{uri: "sip:bob@" + to, from: "anna@" + from, to: "<sip:bob@" + to + ">"}
	}
	cases := []struct {
		name, method string
		o            with
		want         [4]string // by rules
	}{
		{"register of the tenant", "REGISTER", register(acme), [4]string{refused, refused, refused, refused}},
		{"in capitals, with a dot and a port", "REGISTER", register("ACME.Voice.example.NET.:5060"), [4]string{refused, refused, refused, refused}},
		{"register of another tenant", "REGISTER", register(globex), [4]string{passed, passed, refused, refused}},
		{"register at the service's own name", "REGISTER", register(west), [4]string{passed, passed, refused, refused}},
		{"register at another service", "REGISTER", register(east), [4]string{passed, passed, passed, passed}},
		{"register elsewhere, from the tenant", "REGISTER", with{from: "anna@" + acme, to: "<sip:anna@" + elsewhere + ">", extra: binding}, [4]string{passed, passed, passed, passed}},
		{"register at an address", "REGISTER", register("192.0.2.1"), [4]string{passed, passed, passed, passed}},
		{"register at an address of IPv6", "REGISTER", register("[2001:db8::1]:5060"), [4]string{passed, passed, passed, passed}},
		{"register below the tenant", "REGISTER", register("x." + acme), [4]string{passed, passed, passed, passed}},
		{"register at a very long name", "REGISTER", register(strings.Repeat("a", 300) + "." + acme), [4]string{passed, passed, passed, passed}},
		{"de-register of the tenant", "REGISTER", with{from: "anna@" + acme, to: "<sip:anna@" + acme + ">", extra: "Contact: *\r\nExpires: 0\r\n"}, [4]string{passed, passed, passed, passed}},
		{"call within the tenant", "INVITE", call(acme, acme), [4]string{refused, passed, refused, passed}},
		{"call to the tenant", "INVITE", call(globex, acme), [4]string{refused, passed, refused, passed}},
		{"call of the tenant to another", "INVITE", call(acme, globex), [4]string{passed, passed, refused, refused}},
		{"call of the tenant to a number", "INVITE", with{uri: "tel:+15551234", from: "anna@" + acme}, [4]string{refused, passed, refused, passed}},
		{"call of the tenant to an address", "INVITE", call(acme, "192.0.2.1"), [4]string{refused, passed, refused, passed}},
		{"call of the tenant to another service", "INVITE", call(acme, east), [4]string{passed, passed, passed, passed}},
		{"call within another tenant", "INVITE", call(globex, globex), [4]string{passed, passed, refused, refused}},
		{"call from outside to an address", "INVITE", call(elsewhere, "192.0.2.1"), [4]string{passed, passed, passed, passed}},
		{"call from outside to the tenant", "INVITE", call(elsewhere, acme), [4]string{refused, passed, refused, passed}},
		{"emergency number of the tenant", "INVITE", with{uri: "sip:911@" + acme, from: "anna@" + acme}, [4]string{passed, passed, passed, passed}},
		{"emergency urn of the tenant", "INVITE", with{uri: "urn:service:sos", from: "anna@" + acme}, [4]string{passed, passed, passed, passed}},
		{"re-invite of the tenant", "INVITE", with{uri: "sip:bob@" + acme, from: "anna@" + acme, to: "<sip:bob@" + acme + ">" + tagBob}, [4]string{passed, passed, passed, passed}},
		{"bye of the tenant", "BYE", with{uri: "sip:bob@" + acme, from: "anna@" + acme, to: "<sip:bob@" + acme + ">" + tagBob}, [4]string{passed, passed, passed, passed}},
		{"cancel of the tenant", "CANCEL", call(acme, acme), [4]string{passed, passed, passed, passed}},
		{"ack of the tenant", "ACK", call(acme, acme), [4]string{noAnswer, noAnswer, noAnswer, noAnswer}},
		{"subscribe of the tenant", "SUBSCRIBE", call(acme, acme), [4]string{refused, refused, refused, refused}},
		{"options of the tenant", "OPTIONS", call(acme, acme), [4]string{refused, passed, refused, passed}},
		{"options of a carrier", "OPTIONS", call(elsewhere, "192.0.2.1"), [4]string{passed, passed, passed, passed}},
	}
	for i, r := range rules {
		for _, tr := range transports {
			t.Run(fmt.Sprintf("%s/%s", r.name, tr), func(t *testing.T) {
				w := newWorld(t)
				w.parted(r.parts...)
				for n, c := range cases {
					c.o.callID = fmt.Sprintf("case-%d", n)
					if want, got := c.want[i], w.outcome(w.phone(tr), request(c.method, c.o), c.want[i]); got != want {
						t.Errorf("%s: %s, want %s", c.name, got, want)
					}
				}
			})
		}
	}
}

// TestPartIsToldWhy: who is refused with a part reads its reason and comes back
// as from a drained site; connections stay, since others may share them; and a
// transport that is drained as a whole does not ask who it is.
func TestPartIsToldWhy(t *testing.T) {
	w := newWorld(t, func(c *gate.Config) { c.DrainSpread = 1 })
	w.parted(gate.Part{Service: west, Cohort: buckets(t, "90-99"), Mode: gate.Draining, Reason: "site drained"})
	p := w.phone(fleet.TCP)
	of := func(domain, callID string) string {
		return request("REGISTER", with{callID: callID, to: "<sip:anna@" + domain + ">", extra: "Contact: <sip:a@10.0.0.1>\r\n"})
	}
	p.send(of(acme, "one"))
	answer := p.recv()
	if status(answer) != "503" || header(answer, "Retry-After") == "" || !strings.Contains(answer, `Reason: SIP;cause=503;text="site drained"`) {
		t.Errorf("refused with %q", answer)
	}
	if got := w.outcome(p, of(globex, "two"), passed); got != passed {
		t.Errorf("another tenant on the same connection: %s", got)
	}
	if live := w.g.Live(); live.Since.IsZero() || live.Strangers != 1 {
		t.Errorf("the meter: %+v", live.Report)
	}
	w.set(gate.Rule{Mode: gate.Draining})
	if got := w.outcome(w.phone(fleet.UDP), of(globex, "three"), refused); got != refused {
		t.Errorf("another tenant at a drained site: %s", got)
	}
	w.policy.Parts = nil
	w.set(gate.Rule{})
	if got := w.outcome(w.phone(fleet.UDP), of(acme, "four"), passed); got != passed {
		t.Errorf("when it is over: %s", got)
	}
}
