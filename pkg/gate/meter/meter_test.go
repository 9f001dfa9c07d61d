package meter

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// world is a meter with a clock that the test moves.
type world struct {
	t   *testing.T
	m   *Meter
	now time.Time
	seq int
}

func newWorld(t *testing.T, cfg Config) *world {
	return &world{t: t, m: New(cfg), now: start}
}

func (w *world) wait(d time.Duration) {
	w.now = w.now.Add(d)
	w.m.Sweep(w.now)
}

// phone is who sends: user@domain, from an address, with a User-Agent.
type phone struct{ user, domain, ip, agent, uri, extra string }

var anna = phone{user: "anna", domain: "a.example.net", ip: "198.51.100.7", agent: "Yealink SIP-T46S 66.85"}

func (w *world) message(start, method string, p phone, extra string) *sipwire.Message {
	w.t.Helper()
	text := fmt.Sprintf("%s\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:%s@%s>;tag=1\r\nTo: <sip:%s@%s>\r\nCall-ID: %s\r\nCSeq: %d %s\r\nUser-Agent: %s\r\n%s%s\r\n",
		start, p.user, p.domain, p.user, strings.ToUpper(p.domain), p.user+p.ip, w.seq, method, p.agent, p.extra, extra)
	m := &sipwire.Message{}
	if f := m.Parse([]byte(text)); f != sipwire.None {
		w.t.Fatalf("fault %q in %s", f, text)
	}
	return m
}

// ask sends a request of the phone that the gate treats so.
func (w *world) ask(method string, p phone, o Outcome) {
	w.t.Helper()
	w.seq++
	uri := p.uri
	if uri == "" {
		uri = "sip:" + p.domain
	}
	w.m.Request(w.now, w.message(method+" "+uri+" SIP/2.0", method, p, ""), flow(p), o)
}

func flow(p phone) Flow {
	return Flow{Source: netip.MustParseAddrPort(p.ip + ":5060"), Local: netip.MustParseAddrPort("192.0.2.1:5060"), Transport: fleet.UDP}
}

// register is a REGISTER with its 200.
func (w *world) register(p phone, expires string) {
	w.t.Helper()
	w.ask("REGISTER", p, Passed)
	w.m.Response(w.now, w.message("SIP/2.0 200 OK", "REGISTER", p, expires), netip.MustParseAddrPort(p.ip+":9"))
}

func (w *world) drain(horizon time.Duration) {
	w.m.Draining(w.now, []fleet.Transport{fleet.UDP}, w.now.Add(horizon), nil)
}

func contact(seconds int) string {
	return fmt.Sprintf("Contact: <sip:old@10.0.0.9>;expires=5, <sip:x@10.0.0.1>;expires=%d\r\n", seconds)
}

// counts is left, moved, lapsed, strangers, stragglers.
func (w *world) counts() string {
	w.m.Sweep(w.now)
	r := w.m.Report(w.now)
	return fmt.Sprint(r.Left, " ", r.Moved, " ", r.Lapsed, " ", r.Strangers, " ", r.Stragglers)
}

func (w *world) want(counts string) {
	w.t.Helper()
	if got := w.counts(); got != counts {
		w.t.Errorf("left, moved, lapsed, strangers, stragglers: %s, want %s", got, counts)
	}
}

// TestPhoneMoves: registered, told, and gone when it was silent for long enough.
func TestPhoneMoves(t *testing.T) {
	w := newWorld(t, Config{})
	w.register(anna, contact(60))
	w.want("1 0 0 0 0")
	w.drain(time.Minute)
	w.wait(30 * time.Second)
	w.ask("REGISTER", anna, Unavailable)
	w.want("1 0 0 0 0")
	if w.m.Moved([]byte("a.example.net")) {
		t.Error("the tenant has moved before its phone is silent")
	}
	w.wait(16 * time.Second)
	w.want("0 1 0 0 0")
	if !w.m.Moved([]byte("A.example.net")) || w.m.Moved([]byte("b.example.net")) {
		t.Error("the tenant has not moved, or one has that nobody knows")
	}
	w.m.Draining(w.now, nil, time.Time{}, nil)
	w.register(anna, contact(60))
	w.want("1 0 0 0 0")
}

// TestRhythm: who comes back as for its refreshes has moved and asks here first;
// who comes back sooner, without a registration here, is stuck. When nobody
// should come at all any more, the rhythm tells nothing.
func TestRhythm(t *testing.T) {
	w := newWorld(t, Config{})
	bob := anna
	bob.user = "bob"
	w.register(anna, contact(60))
	w.register(bob, contact(60))
	w.drain(5 * time.Minute)
	for i := range 14 {
		w.wait(27 * time.Second)
		w.ask("REGISTER", bob, Unavailable)
		if i%2 == 1 {
			w.ask("REGISTER", anna, Unavailable)
		}
		r := w.m.Report(w.now)
		if i == 9 && (r.Moved != 1 || r.Stuck != 1 || r.Left != 0) {
			t.Errorf("%d moved, %d stuck, %d left", r.Moved, r.Stuck, r.Left)
		}
	}
	if r := w.m.Report(w.now); r.Stuck != 2 || r.Stragglers != 2 {
		t.Errorf("after the horizon: %d stuck, %d stragglers", r.Stuck, r.Stragglers)
	}
}

// TestRegistrationEnds: by itself, or taken away; and who never got a 200 is no
// registration.
func TestRegistrationEnds(t *testing.T) {
	w := newWorld(t, Config{})
	w.ask("REGISTER", anna, Passed) // answered 401
	w.want("0 0 0 0 0")
	w.register(anna, "Contact: <sip:x@10.0.0.1>\r\nExpires: 60\r\n")
	w.want("1 0 0 0 0")
	w.wait(61 * time.Second)
	w.want("0 0 1 0 0")
	w.register(anna, contact(60))
	w.want("1 0 0 0 0")
	w.register(anna, "") // no binding left
	w.want("0 0 0 0 0")
	w.wait(time.Hour)
	n := 0
	w.m.each(func(*device) { n++ })
	if n != 0 {
		t.Errorf("%d devices are remembered for ever", n)
	}
}

// TestStragglers: why each stays, and what to try.
func TestStragglers(t *testing.T) {
	w := newWorld(t, Config{})
	pinned, port, deaf, cached, late, moving := anna, anna, anna, anna, anna, anna
	pinned.user, pinned.extra = "pinned", "Route: <sip:127.10.1.2;lr>\r\n"
	port.user, port.uri = "port", "sip:a.example.net:5060"
	deaf.user, deaf.agent = "deaf", `Deaf"Phone*/1 beta`
	cached.user, late.user, moving.user = "cached", "late", "moving"
	trunk := phone{user: "+14035550100", domain: "carrier.example", ip: "203.0.113.1", agent: ""}
	all := []phone{pinned, port, deaf, cached, late, moving}
	for _, p := range all {
		w.register(p, contact(3600))
	}
	w.drain(time.Minute)
	for i := range 8 {
		w.wait(30 * time.Second)
		for _, p := range []phone{pinned, port, deaf} {
			w.ask("REGISTER", p, Unavailable)
		}
		if i%4 == 0 {
			w.ask("REGISTER", cached, Unavailable)
		}
		if i == 0 {
			w.ask("REGISTER", moving, Unavailable)
		}
		if i == 7 {
			w.ask("REGISTER", late, Unavailable) // told once only
		}
		trunk.user = fmt.Sprint("+1403555010", i)
		w.ask("INVITE", trunk, Silenced)
	}
	want := []struct {
		aor    string
		trunk  bool
		reason Reason
		step   string
	}{
		{"+14035550100@carrier.example", true, IgnoresAnswer, `silence does not move it: try another answer, then call the customer: gate.refusals: {sources: ["203.0.113.1/32"], answer: "302"}`},
		{"cached@a.example.net", false, LongCache, "call the customer"},
		{"deaf@a.example.net", false, IgnoresAnswer, `gate.refusals: {sources: ["198.51.100.7/32"], answer: "silence"}`},
		{"pinned@a.example.net", false, PinnedAddress, `gate.refusals: {sources: ["198.51.100.7/32"], answer: "302"}`},
		{"port@a.example.net", false, NoSRV, `gate.refusals: {sources: ["198.51.100.7/32"], answer: "302"}`},
	}
	got := w.m.Stragglers(w.now)
	if len(got) != len(want) {
		t.Fatalf("%d stragglers: %+v", len(got), got)
	}
	for i, s := range got {
		if s.AoR != want[i].aor || s.Trunk != want[i].trunk || s.Reason != want[i].reason || !strings.HasSuffix(s.Step, want[i].step) {
			t.Errorf("%+v\nwant %+v", s, want[i])
		}
	}
	w.want("5 1 0 1 5")
}

// TestBeforeTheHorizon nobody straggles: old answers are still about.
func TestBeforeTheHorizon(t *testing.T) {
	w := newWorld(t, Config{})
	w.register(anna, contact(3600))
	w.drain(time.Hour)
	for range 5 {
		w.wait(20 * time.Second)
		w.ask("REGISTER", anna, Unavailable)
	}
	w.want("1 0 0 0 0")
	w.drain(0) // the agent knows better now
	w.wait(20 * time.Second)
	w.ask("REGISTER", anna, Unavailable)
	w.want("1 0 0 0 1")
}

// TestAttempts: what is sent again in silence is one attempt.
func TestAttempts(t *testing.T) {
	w := newWorld(t, Config{})
	w.drain(0)
	w.ask("REGISTER", anna, Silenced)
	w.seq--
	for _, d := range []time.Duration{time.Second, 4 * time.Second, 20 * time.Second} {
		w.wait(d)
		w.ask("REGISTER", anna, Silenced)
		w.seq--
	}
	w.seq++
	w.wait(40 * time.Second)
	w.ask("REGISTER", anna, Silenced)
	got := w.m.Stragglers(w.now)
	if len(got) != 1 || got[0].Refusals != 2 || got[0].Every != 40*time.Second {
		t.Errorf("%+v", got)
	}
}

// TestShares: the share that moved is kept for each family and answer, over
// drains.
func TestShares(t *testing.T) {
	w := newWorld(t, Config{})
	stubborn := phone{user: "bob", domain: "a.example.net", ip: "198.51.100.8", agent: "Yealink SIP-T46S 66.85"}
	silent := phone{user: "carl", domain: "a.example.net", ip: "198.51.100.9", agent: "PolycomVVX/5"}
	for range 2 {
		w.drain(0)
		w.ask("REGISTER", anna, Unavailable)
		w.ask("REGISTER", silent, Silenced)
		w.ask("REGISTER", stubborn, Unavailable)
		w.wait(14 * time.Second)
		w.ask("REGISTER", stubborn, Unavailable)
		w.wait(14 * time.Second)
		w.m.Draining(w.now, nil, time.Time{}, nil)
		w.wait(time.Hour)
	}
	want := []Share{{"yealink", Unavailable, 4, 2}, {"polycomvvx", Silenced, 2, 2}}
	if got := w.m.Report(w.now).Shares; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("shares %v, want %v", got, want)
	}
}

// TestForecast: at the speed of the last minute, and not after the last
// registration has run out.
func TestForecast(t *testing.T) {
	w := newWorld(t, Config{Settle: time.Second})
	for i := range 100 {
		p := anna
		p.user = fmt.Sprint("u", i)
		w.register(p, contact(3600))
	}
	w.drain(0)
	if got, want := w.m.Report(w.now).Finish, start.Add(time.Hour); got != want {
		t.Errorf("before anyone moved: %s, want %s", got, want)
	}
	for i := range 50 {
		p := anna
		p.user = fmt.Sprint("u", i)
		w.wait(time.Second)
		w.ask("REGISTER", p, Unavailable)
	}
	w.wait(2 * time.Second)
	r := w.m.Report(w.now)
	if left := r.Finish.Sub(w.now); r.Left != 50 || left < 45*time.Second || left > 60*time.Second {
		t.Errorf("%d left, all gone in %s; one a second moves", r.Left, left)
	}
}

// TestOtherTransport: who is on a transport that is not drained is not to move.
func TestOtherTransport(t *testing.T) {
	w := newWorld(t, Config{})
	w.register(anna, contact(3600))
	w.m.Draining(w.now, []fleet.Transport{fleet.TLS}, w.now, nil)
	w.want("0 0 0 0 0")
}

func TestCalls(t *testing.T) {
	w := newWorld(t, Config{})
	up := func(p phone) {
		w.m.Response(w.now, w.message("SIP/2.0 200 OK", "INVITE", p, ""), netip.MustParseAddrPort("10.0.0.1:1"))
	}
	bob := anna
	bob.user = "bob"
	up(anna)
	up(anna) // sent again
	up(bob)
	w.m.Response(w.now, w.message("SIP/2.0 486 Busy", "INVITE", phone{user: "busy", domain: "x", ip: "10.0.0.1"}, ""), netip.MustParseAddrPort("10.0.0.1:1"))
	if n := w.m.Report(w.now).Calls; n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
	w.m.InDialog(w.now, w.message("BYE sip:x SIP/2.0", "BYE", bob, ""))
	w.wait(3 * time.Hour)
	w.m.InDialog(w.now, w.message("UPDATE sip:x SIP/2.0", "UPDATE", anna, ""))
	w.wait(3 * time.Hour)
	if n := w.m.Calls(); n != 1 {
		t.Errorf("%d calls, want the one that is refreshed", n)
	}
	w.wait(5 * time.Hour)
	if n := w.m.Calls(); n != 0 {
		t.Errorf("%d calls of which nothing is heard", n)
	}
}

// TestFlood: inventions of strangers do not push out who is registered, and
// memory stays bounded.
func TestFlood(t *testing.T) {
	w := newWorld(t, Config{MaxDevices: 640})
	w.register(anna, contact(3600))
	w.drain(0)
	for i := range 20000 {
		p := anna
		p.user, p.domain = fmt.Sprint("x", i), "evil.example.net"
		w.ask("REGISTER", p, Unavailable)
	}
	n := 0
	w.m.each(func(*device) { n++ })
	if n > 640+2*shards {
		t.Errorf("%d devices are remembered", n)
	}
	w.want(fmt.Sprintf("1 0 0 %d 0", n-1))
	if w.m.Report(w.now).Unlisted > 20000 {
		t.Error("counted more than there were")
	}
}

// BenchmarkRefused is what watching adds to a refusal of a known phone.
func BenchmarkRefused(b *testing.B) {
	w := &world{m: New(Config{}), now: start}
	m := &sipwire.Message{}
	m.Parse([]byte("REGISTER sip:a.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:anna@a.example.net>;tag=1\r\nTo: <sip:anna@a.example.net>\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\nUser-Agent: Yealink\r\n\r\n"))
	src := netip.MustParseAddrPort("198.51.100.7:5060")
	w.drain(0)
	b.ReportAllocs()
	for b.Loop() {
		w.m.Request(w.now, m, Flow{Source: src, Transport: fleet.UDP}, Unavailable)
	}
}

// TestPartOfTheDomains: of a drain of some domains only their devices are to move,
// and who else was refused; all that are here are counted by domain, in any case.
func TestPartOfTheDomains(t *testing.T) {
	w := newWorld(t, Config{})
	other := phone{user: "olga", domain: "b.example.net", ip: "10.0.0.7"}
	w.register(anna, contact(3600))
	w.register(other, contact(3600))
	w.m.Draining(w.now, []fleet.Transport{fleet.UDP}, w.now, func(tr fleet.Transport, domain string) bool { return tr == fleet.UDP && domain == "a.example.net" })
	w.want("1 0 0 0 0")
	if r := w.m.Report(w.now); len(r.Tenants) != 1 || r.Tenants[0].Domain != "a.example.net" || len(r.Domains) != 2 {
		t.Errorf("to move %v, here %v", r.Tenants, r.Domains)
	}
	w.ask("REGISTER", anna, Unavailable)
	w.ask("REGISTER", phone{user: "x", domain: "c.example.net", ip: "10.0.0.8"}, Unavailable)
	w.wait(20 * time.Second)
	w.want("0 1 0 1 0")
	w.m.Draining(w.now, []fleet.Transport{fleet.UDP}, w.now, nil)
	w.want("1 1 0 1 0")
}
