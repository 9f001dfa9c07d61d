package gate_test

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

const closedBy = "close"

// as writes a request of a phone with that User-Agent; "" leaves it out.
func as(agent, text string) string {
	line := "User-Agent: " + agent + "\r\n"
	if agent == "" {
		line = ""
	}
	return strings.Replace(text, "User-Agent: Yealink SIP-T46S 66.85.0.5\r\n", line, 1)
}

func prefixes(all ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range all {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// TestRuleTable goes through the rows: the first that fits counts, in any case
// of the User-Agent, and never touches what a drain lets pass.
func TestRuleTable(t *testing.T) {
	only := func(tr ...fleet.Transport) []fleet.Transport { return tr }
	rows := []gate.Refusal{
		{Agent: "polycom*", Methods: []string{"REGISTER"}, Transports: only(fleet.UDP), Answer: gate.AnswerSilence},
		{Agent: "Polycom*", Transports: only(fleet.TCP, fleet.TLS, fleet.WS, fleet.WSS), Answer: gate.AnswerClose},
		{Agent: "*door*", Answer: gate.AnswerRedirect},
		{Agent: "*door*", Answer: gate.AnswerSilence}, // never reached
		{Methods: []string{"OPTIONS"}, Answer: gate.AnswerPass},
		{Agent: "Old", Answer: gate.AnswerClose},
		{Agent: "Elsewhere", Sources: prefixes("198.51.100.0/24", "2001:db8::/32"), Answer: gate.AnswerSilence},
		{Agent: "Elsewhere", Sources: prefixes("198.51.100.0/24", "127.0.0.0/8"), Answer: gate.AnswerRedirect},
	}
	bob := "<sip:bob@west.voice.example.net>" + tagBob
	cases := []struct {
		name, agent, method string
		o                   with
		udp, stream         string
	}{
		{"row by method", "PolycomVVX-VVX_410-UA/5.9.0", "REGISTER", with{}, noAnswer, closedBy},
		{"row by transport", "PolycomVVX-VVX_410-UA/5.9.0", "INVITE", with{}, refused, closedBy},
		{"another case", "POLYCOM", "REGISTER", with{}, noAnswer, closedBy},
		{"redirect a register", "2N Door Phone/2", "REGISTER", with{}, "302 <sip:192.0.2.7>;q=1.0", "302 <sip:192.0.2.7>;q=1.0"},
		{"redirect a call", "door", "INVITE", with{uri: "sip:bob@10.0.0.1:5060;transport=udp"}, "302 <sip:bob@192.0.2.7>;q=1.0", "302 <sip:bob@192.0.2.7>;q=1.0"},
		{"redirect an odd user", "door", "INVITE", with{uri: "sip:b|b@10.0.0.1"}, "302 <sip:192.0.2.7>;q=1.0", "302 <sip:192.0.2.7>;q=1.0"},
		{"pass", "Yealink", "OPTIONS", with{}, passed, passed},
		{"close over udp is silence", "Old", "REGISTER", with{}, noAnswer, closedBy},
		{"row by source", "Elsewhere", "REGISTER", with{}, "302 <sip:192.0.2.7>;q=1.0", "302 <sip:192.0.2.7>;q=1.0"},
		{"the whole pattern", "Older", "REGISTER", with{}, refused, refused},
		{"no agent", "", "REGISTER", with{}, refused, refused},
		{"no row", "Yealink SIP-T46S", "REGISTER", with{}, refused, refused},
		{"in a dialog", "PolycomVVX", "INVITE", with{to: bob}, passed, passed},
		{"emergency", "Old", "INVITE", with{uri: "sip:911@x"}, passed, passed},
		{"de-register", "Old", "REGISTER", with{extra: "Contact: *\r\nExpires: 0\r\n"}, passed, passed},
	}
	for _, tr := range transports {
		t.Run(tr.String(), func(t *testing.T) {
			w := newWorld(t)
			w.policy.Refusals = rows
			w.policy.Redirects = map[fleet.Transport][]string{tr: {"sip:192.0.2.7"}}
			w.set(allDraining)
			for _, c := range cases {
				want := c.udp
				if tr.Stream() {
					want = c.stream
				}
				p := w.phone(tr)
				text := as(c.agent, request(c.method, c.o))
				if got := w.fate(p, text, want); got != want {
					t.Errorf("%s: %s, want %s", c.name, got, want)
				}
			}
			if s := w.g.Stats(); s.Silenced+s.HungUp == 0 || s.Redirected == 0 {
				t.Errorf("statistics: %+v", s)
			}
		})
	}
}

// fate is outcome with the other answers of the rule table.
func (w *world) fate(p *phone, text, want string) string {
	switch {
	case want == noAnswer:
		p.send(text)
		p.quiet()
		w.sw.nothing()
		return noAnswer
	case want == closedBy:
		p.send(text)
		p.closed()
		w.sw.nothing()
		return closedBy
	case strings.HasPrefix(want, "302"):
		p.send(text)
		got := p.recv()
		return status(got) + " " + header(got, "Contact")
	}
	return w.outcome(p, text, want)
}

// TestCloseResets: over TCP the phone sees a reset, not the end of an idle
// connection.
func TestCloseResets(t *testing.T) {
	w := newWorld(t)
	w.policy.Refusals = []gate.Refusal{{Answer: gate.AnswerClose}}
	w.set(allDraining)
	p := w.phone(fleet.TCP)
	p.send(request("REGISTER", with{}))
	if _, err := p.conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read: %v", err)
	}
}

// TestCloseSparesCalls: a connection that carries a call is not closed; its
// phone gets 503.
func TestCloseSparesCalls(t *testing.T) {
	for _, tr := range streams {
		t.Run(tr.String(), func(t *testing.T) {
			w := newWorld(t)
			w.policy.Refusals = []gate.Refusal{{Answer: gate.AnswerClose}}
			p := w.phone(tr)
			to := w.call(p, "up")
			w.set(allDraining)
			p.send(request("REGISTER", with{callID: "refresh"}))
			if got := p.recv(); status(got) != "503" {
				t.Fatalf("REGISTER: %s", got)
			}
			p.send(request("BYE", with{callID: "up", to: to, branch: "z9hG4bK-bye"}))
			if got := p.recv(); status(got) != "200" {
				t.Fatalf("BYE: %s", got)
			}
		})
	}
}

// TestRedirectNeedsATarget: without a live site a row that says 302 says 503,
// and a dead softswitch gets nothing passed.
func TestRedirectNeedsATarget(t *testing.T) {
	w := newWorld(t)
	w.policy.Refusals = []gate.Refusal{{Methods: []string{"OPTIONS"}, Answer: gate.AnswerPass}, {Answer: gate.AnswerRedirect}}
	w.set(gate.Rule{Mode: gate.Closed})
	p := w.phone(fleet.UDP)
	for _, method := range []string{"REGISTER", "OPTIONS"} {
		p.send(request(method, with{}))
		if got := p.recv(); status(got) != "503" {
			t.Errorf("%s: %s", method, got)
		}
	}
	w.sw.nothing()
}

func TestRefusalValidate(t *testing.T) {
	for _, r := range gate.DefaultRefusals() {
		if err := r.Validate(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for want, r := range map[string]gate.Refusal{
		"printable": {Agent: "x\ny"}, "longer": {Agent: strings.Repeat("x", 129)},
		"moves nobody": {Answer: gate.AnswerPass}, "moves nobody ": {Methods: []string{"OPTIONS", "INVITE"}, Answer: gate.AnswerPass},
		"no connection": {Transports: []fleet.Transport{fleet.UDP}, Answer: gate.AnswerClose},
		"BYE begins":    {Methods: []string{"BYE"}},
	} {
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			t.Errorf("%+v: %v, want %q", r, err, want)
		}
	}
}
