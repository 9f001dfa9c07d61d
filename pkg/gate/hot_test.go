package gate

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate/meter"
	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// hot is one worker with a policy, without sockets.
type hot struct {
	rs  *ruleset
	l   *local
	w   *worker
	src netip.AddrPort
	out []byte
}

func newHot(mode Mode) *hot {
	p := Policy{
		Rules:     map[fleet.Transport]Rule{fleet.UDP: {Mode: mode, Reason: "site drained"}},
		Upstreams: map[fleet.Transport][]netip.AddrPort{fleet.UDP: {netip.MustParseAddrPort("10.1.0.3:5060"), netip.MustParseAddrPort("10.1.0.4:5060")}},
		Emergency: []string{"911"},
	}
	g := &Gate{key: []byte("key"), meter: meter.New(meter.Config{}), sources: newSourceLimit(0, nil, zerolog.Nop()), talkers: newTalkers()}
	return &hot{
		rs: compile(p, "calgary"), l: newLocal(fleet.UDP, netip.MustParseAddrPort("192.0.2.1:5060")),
		w: g.newWorker(&counters{}), src: netip.MustParseAddrPort("198.51.100.7:40000"),
	}
}

func (h *hot) do(b []byte) int {
	h.out, _ = h.w.datagram(h.rs, h.l, b, h.src, h.out[:0])
	return len(h.out)
}

var registerText = strings.ReplaceAll(`REGISTER sip:west.voice.example.net SIP/2.0
Via: SIP/2.0/UDP 10.20.30.40:5062;branch=z9hG4bK1727312345;rport
From: "Anna" <sip:anna@west.voice.example.net>;tag=1234567890
To: "Anna" <sip:anna@west.voice.example.net>
Call-ID: 0_1234567890@10.20.30.40
CSeq: 1 REGISTER
Contact: <sip:anna@10.20.30.40:5062>
Allow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, PUBLISH, UPDATE, MESSAGE
Max-Forwards: 70
User-Agent: Yealink SIP-T46S 66.85.0.5
Expires: 3600
Allow-Events: talk,hold,conference,refer,check-sync
Content-Length: 0

`, "\n", "\r\n")

// TestNoAllocations: neither a refusal nor a relayed request nor a response
// costs the garbage collector anything.
func TestNoAllocations(t *testing.T) {
	invite := []byte(strings.ReplaceAll(registerText, "REGISTER", "INVITE"))
	dialog := []byte(strings.Replace(string(invite), "net>\r\nCall", "net>;tag=b\r\nCall", 1))
	for name, c := range map[string]struct {
		mode Mode
		text []byte
	}{
		"refuse REGISTER": {Draining, []byte(registerText)},
		"refuse INVITE":   {Closed, invite},
		"pass REGISTER":   {Open, []byte(registerText)},
		"pass in dialog":  {Draining, dialog},
		"malformed":       {Open, []byte(strings.Replace(registerText, "CSeq: 1 ", "CSeq: x ", 1))},
		"junk":            {Open, []byte("GET / HTTP/1.1\r\n\r\n")},
	} {
		h := newHot(c.mode)
		if n := h.do(c.text); (n == 0) != (name == "junk") {
			t.Fatalf("%s: %d octets", name, n)
		}
		if n := testing.AllocsPerRun(200, func() { h.do(c.text) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}

	h := newHot(Open)
	h.do(invite)
	response := []byte("SIP/2.0 200 OK\r\n" + string(h.out[strings.Index(string(h.out), "Via:"):]))
	if n := h.do(response); n == 0 {
		t.Fatal("the response was not passed on")
	}
	if n := testing.AllocsPerRun(200, func() { h.do(response) }); n != 0 {
		t.Errorf("pass response: %v allocations", n)
	}
}

// newPartedHot refuses two in a hundred of 100,000 tenants.
func newPartedHot(tb testing.TB) *hot {
	tb.Helper()
	const west = "west.voice.example.net"
	changes := make([]fleet.TenantChange, 100_000)
	for i := range changes {
		changes[i] = fleet.TenantChange{Domain: fleet.TenantID(fmt.Sprintf("tenant-%06d.of.a.rather.long.name.voice.example.net", i)), Service: west}
	}
	tenants, _, err := (*fleet.Tenants)(nil).Edit(changes)
	if err != nil {
		tb.Fatal(err)
	}
	h := newHot(Open)
	p := h.rs.policy
	p.Services, p.Tenants = []fleet.ServiceID{west}, tenants
	p.Parts = map[fleet.Transport][]Part{fleet.UDP: {{Service: west, Cohort: fleet.CohortOf(7, 42), Mode: Draining, Reason: "site drained"}}}
	h.rs = compile(p, "calgary")
	return h
}

// partedTenants are a tenant of newPartedHot who is refused and one who is not.
func partedTenants() (refused, passes []byte) {
	for i := 0; refused == nil || passes == nil; i++ {
		domain := fmt.Sprintf("tenant-%06d.of.a.rather.long.name.voice.example.net", i)
		text := []byte(strings.ReplaceAll(registerText, "west.voice.example.net", strings.ToUpper(domain)))
		if b := fleet.BucketOf(fleet.TenantID(domain)); b == 7 || b == 42 {
			refused = text
		} else {
			passes = text
		}
	}
	return refused, passes
}

// TestNoAllocationsForParts: to find out among 100,000 tenants who is in a part
// costs the garbage collector nothing either.
func TestNoAllocationsForParts(t *testing.T) {
	h := newPartedHot(t)
	refused, passes := partedTenants()
	invite := func(b []byte) []byte { return []byte(strings.ReplaceAll(string(b), "REGISTER", "INVITE")) }
	for _, c := range []struct {
		text []byte
		want string
	}{
		{refused, "SIP/2.0 503 "},
		{passes, "REGISTER "},
		{invite(refused), "SIP/2.0 503 "},
		{invite(passes), "INVITE "},
		{[]byte(registerText), "REGISTER "},
	} {
		if h.do(c.text); !strings.HasPrefix(string(h.out), c.want) {
			t.Fatalf("%.80q: %.80q", c.text, h.out)
		}
		if n := testing.AllocsPerRun(200, func() { h.do(c.text) }); n != 0 {
			t.Errorf("%.80q: %v allocations", c.text, n)
		}
	}
}

func BenchmarkRefusePart(b *testing.B) {
	h := newPartedHot(b)
	refused, _ := partedTenants()
	b.ReportAllocs()
	for b.Loop() {
		h.do(refused)
	}
}

func BenchmarkRelayBesidePart(b *testing.B) {
	h := newPartedHot(b)
	_, passes := partedTenants()
	b.ReportAllocs()
	for b.Loop() {
		h.do(passes)
	}
}

func BenchmarkRefuse(b *testing.B) {
	h, text := newHot(Draining), []byte(registerText)
	b.ReportAllocs()
	for b.Loop() {
		h.do(text)
	}
}

func BenchmarkRelay(b *testing.B) {
	h, text := newHot(Open), []byte(registerText)
	b.ReportAllocs()
	for b.Loop() {
		h.do(text)
	}
}

func BenchmarkParse(b *testing.B) {
	var m sipwire.Message
	text := []byte(registerText)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		m.Parse(text)
	}
}

// BenchmarkSocket drives a gate with one socket over loopback and reports
// refusals per second of the whole process, generator included, and per second
// of processor time of the gate's own loop.
func BenchmarkSocket(b *testing.B) {
	g, err := New(Config{Site: "calgary", UDPSockets: 1, Listen: []Listener{{fleet.UDP, netip.MustParseAddrPort("127.0.0.1:0")}}})
	if err != nil {
		b.Fatal(err)
	}
	g.SetPolicy(Policy{Rules: map[fleet.Transport]Rule{fleet.UDP: {Mode: Draining, Reason: "site drained"}}})
	if err := g.Start(); err != nil {
		b.Fatal(err)
	}
	defer g.Stop(b.Context())
	socketStorm(b, g.Addrs()[0].Address)
	if s := g.Stats(); s.Refused < uint64(b.N) {
		b.Fatalf("%d refused of %d", s.Refused, b.N)
	}
}
