package agent

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// fakeServer answers questions by "NAME TYPE" from records as text, with authority;
// the key "flags" changes the header.
type fakeServer map[string][]string

// The ways in which a fake server is wrong.
const (
	unauthoritative = "without authority"
	refusing        = "REFUSED"
)

const parentSOA = "example.net. 60 IN SOA ns.example.net. hostmaster.example.net. 1 60 60 60 60"

// serveFake runs a fake server at an address of its own.
func serveFake(t testing.TB, at netip.AddrPort, f fakeServer) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		m.Authoritative = true
		for _, flag := range f["flags"] {
			m.Authoritative = m.Authoritative && flag != unauthoritative
			if flag == refusing {
				m.Rcode = dns.RcodeRefused
			}
		}
		for _, text := range f[q.Question[0].Name+" "+dns.TypeToString[q.Question[0].Qtype]] {
			rr, err := dns.NewRR(text)
			if err != nil {
				t.Error(err)
				return
			}
			if rr.Header().Rrtype == dns.TypeSOA {
				m.Ns = append(m.Ns, rr)
			} else {
				m.Answer = append(m.Answer, rr)
			}
		}
		_ = w.WriteMsg(m)
	})}
	started := make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	done := make(chan struct{})
	go func() { _ = s.ActivateAndServe(); close(done) }()
	<-started
	t.Cleanup(func() { _ = s.Shutdown(); <-done })
	return netip.MustParseAddrPort(conn.LocalAddr().String())
}

// keyOf is a key of the zone at a stage.
func keyOf(letter string, stage steer.KeyStage) steer.ZoneKey {
	return steer.ZoneKey{Public: []byte(strings.Repeat(letter, 64)), Sealed: "sealed", Stage: stage}
}

func dsLine(letter string) string {
	return "voice.example.net. 60 IN DS " + keyOf(letter, "").Key().DS("voice.example.net.", srv.TypeDS).Text
}

// withKeysOf is a State whose zone has keys.
func withKeysOf(keys ...steer.ZoneKey) steer.State {
	f := fleettest.ThreeSites()
	s := steer.New()
	s.Fleet, s.ZoneKeys = &f, keys
	return s
}

const askedDS = "voice.example.net. DS"

// What a name server of the zone above says is taken only from one that may say it.
func TestAskParent(t *testing.T) {
	s := withKeysOf(keyOf("a", steer.KeyReady))
	closed := loopbacktest.AddrPort(t, 5399)
	for name, c := range map[string]struct {
		server fakeServer // nil: nobody listens
		says   string
	}{
		"names it":             {fakeServer{askedDS: {dsLine("a")}}, "names key "},
		"names two":            {fakeServer{askedDS: {dsLine("a"), dsLine("b")}}, "that the zone does not have"},
		"names none":           {fakeServer{askedDS: {parentSOA}}, "names no key"},
		"the zone's own":       {fakeServer{askedDS: {strings.Replace(parentSOA, "example", "voice.example", 1)}}, "is a name server of this zone"},
		"a resolver":           {fakeServer{askedDS: {dsLine("a")}, "flags": {unauthoritative}}, "without authority"},
		"no proof of absence":  {fakeServer{}, "without a SOA record"},
		"knows no such zone":   {fakeServer{"flags": {refusing}}, "REFUSED"},
		"nobody listens there": {nil, "refused"},
		"another name's DS":    {fakeServer{askedDS: {strings.Replace(dsLine("a"), "voice", "choice", 1), parentSOA}}, "names no key"},
	} {
		t.Run(name, func(t *testing.T) {
			at := closed
			if c.server != nil {
				at = serveFake(t, netip.MustParseAddrPort("127.0.0.1:0"), c.server)
			}
			a := &Agent{cfg: Config{Parent: Parent{Servers: []netip.AddrPort{at}}}}
			got := a.askParent(t.Context(), s)
			if len(got) != 1 || got[0].Address != at.String() || !strings.Contains(got[0].Words(s), c.says) {
				t.Errorf("%+v: %v, want %q", got, got[0].Words(s), c.says)
			}
		})
	}
	if got := (&Agent{}).askParent(t.Context(), s); got != nil {
		t.Errorf("nobody is configured, and %v is asked", got)
	}
}

// A resolver finds the name servers of the zone above, which may be several labels
// up; an address that cannot be reached does not count while another one of the
// same server answers.
func TestAskParentFound(t *testing.T) {
	s := withKeysOf(keyOf("a", steer.KeyReady))
	at := loopbacktest.AddrPort(t, 5398)
	serveFake(t, at, fakeServer{askedDS: {dsLine("a")}})
	unused := loopbacktest.Address(t, at.Port())
	a := func(host string, addr netip.Addr) string { return host + " 60 IN A " + addr.String() }
	for name, c := range map[string]struct {
		resolver fakeServer
		says     []string // in their order
	}{
		"one label up":  {fakeServer{"example.net. NS": {"example.net. 60 IN NS ns1.example.org."}, "ns1.example.org. A": {a("ns1.example.org.", at.Addr())}}, []string{"names key"}},
		"two labels up": {fakeServer{"example.net. NS": {parentSOA}, "net. NS": {"net. 60 IN NS a.example."}, "a.example. A": {a("a.example.", at.Addr())}}, []string{"names key"}},
		"at the root":   {fakeServer{". NS": {". 60 IN NS a.example."}, "a.example. A": {a("a.example.", at.Addr())}}, []string{"names key"}},
		"one address of two": {fakeServer{"example.net. NS": {"example.net. 60 IN NS ns1.example.org."}, "ns1.example.org. A": {
			a("ns1.example.org.", at.Addr()), a("ns1.example.org.", unused),
		}}, []string{"names key"}},
		"one server of two": {fakeServer{
			"example.net. NS":    {"example.net. 60 IN NS ns1.example.org.", "example.net. 60 IN NS ns2.example.org."},
			"ns1.example.org. A": {a("ns1.example.org.", at.Addr())}, "ns2.example.org. A": {a("ns2.example.org.", unused)},
		}, []string{"names key", "refused"}},
		"a server without address": {fakeServer{"example.net. NS": {"example.net. 60 IN NS ns1.example.org."}}, []string{"has no address"}},
		"no zone above":            {fakeServer{}, []string{"does not tell the name servers"}},
		"a resolver that refuses":  {fakeServer{"flags": {refusing}}, []string{"REFUSED"}},
	} {
		t.Run(name, func(t *testing.T) {
			resolver := serveFake(t, netip.MustParseAddrPort("127.0.0.1:0"), c.resolver)
			a := &Agent{cfg: Config{Parent: Parent{Resolver: resolver, Port: at.Port()}}}
			got := a.askParent(t.Context(), s)
			if len(got) != len(c.says) {
				t.Fatalf("%+v, want %q", got, c.says)
			}
			for i, p := range got {
				if !strings.Contains(p.Words(s), c.says[i]) {
					t.Errorf("%s: %s, want %q", p.Address, p.Words(s), c.says[i])
				}
			}
		})
	}
}

// A person is not believed while any name server of the zone above says otherwise.
func TestGateParent(t *testing.T) {
	names := func(letters ...string) netip.AddrPort {
		list := []string{parentSOA}
		for _, l := range letters {
			list = append(list, dsLine(l))
		}
		return serveFake(t, netip.MustParseAddrPort("127.0.0.1:0"), fakeServer{askedDS: list})
	}
	nothing, a, b, both, silent := names(), names("a"), names("b"), names("a", "b"), loopbacktest.AddrPort(t, 5397)
	for name, c := range map[string]struct {
		kind     steer.Kind
		stage    steer.KeyStage // of key a
		servers  []netip.AddrPort
		refused  string // "" is not
		override steer.Rule
	}{
		"confirmed, and named":               {steer.KindKeyConfirm, steer.KeyReady, []netip.AddrPort{a, both}, "", ""},
		"confirmed, not everywhere":          {steer.KindKeyConfirm, steer.KeyReady, []netip.AddrPort{a, b}, b.String() + " names a key", ""},
		"confirmed, and nowhere":             {steer.KindKeyConfirm, steer.KeyReady, []netip.AddrPort{nothing}, "names no key", ""},
		"confirmed, one is silent":           {steer.KindKeyConfirm, steer.KeyReady, []netip.AddrPort{a, silent}, silent.String(), ""},
		"confirmed by override":              {steer.KindKeyConfirm, steer.KeyReady, []netip.AddrPort{nothing}, "", ruleParent},
		"confirmed, nobody to ask":           {steer.KindKeyConfirm, steer.KeyReady, nil, "", ""},
		"confirmed again":                    {steer.KindKeyConfirm, steer.KeyActive, []netip.AddrPort{nothing}, "", ""},
		"confirmed too early, the core says": {steer.KindKeyConfirm, steer.KeyPublished, []netip.AddrPort{nothing}, "", ""},
		"confirmed early by override":        {steer.KindKeyConfirm, steer.KeyPublished, []netip.AddrPort{nothing}, "names no key", steer.RuleKeyWait},
		"turned back":                        {steer.KindKeyConfirm, steer.KeyLeaving, []netip.AddrPort{a}, "", ""},
		"turned back too late":               {steer.KindKeyConfirm, steer.KeyLeaving, []netip.AddrPort{nothing}, "names no key", ""},
		"gone":                               {steer.KindKeyGone, steer.KeyLeaving, []netip.AddrPort{nothing, nothing}, "", ""},
		"gone, not everywhere":               {steer.KindKeyGone, steer.KeyLeaving, []netip.AddrPort{nothing, a}, a.String() + " names key", ""},
		"gone, another one is named":         {steer.KindKeyGone, steer.KeyLeaving, []netip.AddrPort{b}, "that the zone does not have", ""},
		"gone, one is silent":                {steer.KindKeyGone, steer.KeyLeaving, []netip.AddrPort{nothing, silent}, silent.String(), ""},
		"gone by override":                   {steer.KindKeyGone, steer.KeyLeaving, []netip.AddrPort{a}, "", ruleParent},
		"dropped, and nobody names it":       {steer.KindKeyDrop, steer.KeyPublished, []netip.AddrPort{nothing, b, silent}, "", ""},
		"dropped, and one names it":          {steer.KindKeyDrop, steer.KeyPublished, []netip.AddrPort{nothing, a}, a.String() + " names key", ""},
		"dropped active, the core says":      {steer.KindKeyDrop, steer.KeyActive, []netip.AddrPort{a}, "", ""},
		"dropped active by override":         {steer.KindKeyDrop, steer.KeyActive, []netip.AddrPort{a}, "names key", steer.RuleKeyTrust},
		"a new key":                          {steer.KindKeyAdd, steer.KeyActive, []netip.AddrPort{nothing}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := withKeysOf(keyOf("a", c.stage))
			cmd := steer.Command{Kind: c.kind, Reason: "it is there", Key: &steer.KeyChange{Tag: keyOf("a", "").Key().Tag()}}
			if c.override != "" {
				cmd.Override = []steer.Rule{c.override}
			}
			err := (&Agent{cfg: Config{Parent: Parent{Servers: c.servers}}}).gateParent(t.Context(), s, &cmd)
			if c.refused == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			var e *api.Error
			if !errors.As(err, &e) || e.Category != api.Refused || !strings.Contains(e.Message, c.refused) || !strings.Contains(e.Message, "limit: ") {
				t.Fatalf("%v, want %q", err, c.refused)
			}
			for _, want := range []string{"sipsteer dns key list", "--override parent", "sipsteer dns key " + strings.TrimPrefix(string(c.kind), "key-")} {
				if !strings.Contains(e.Hint, want) {
					t.Errorf("hint %q does not say %q", e.Hint, want)
				}
			}
		})
	}
}

// Addresses of one server stand for it together; what a resolver did not find
// stays in the list.
func TestReachedAddresses(t *testing.T) {
	got := reached([]plan.ParentServer{
		{Address: "1", Name: "a", Problem: "no route"}, {Address: "2", Name: "a"}, {Address: "3", Name: "b", Problem: "no route"}, {Address: "4", Problem: "no route"}, {Address: "5"},
	})
	var at []string
	for _, p := range got {
		at = append(at, p.Address)
	}
	if strings.Join(at, " ") != "2 3 4 5" {
		t.Errorf("%v", at)
	}
}

// Agents ask the zone above when a person speaks of it, whichever agent was told,
// and when they are asked what it says.
func TestZoneAboveIsAsked(t *testing.T) {
	dir, _ := sealingDir(t)
	above := serveFake(t, netip.MustParseAddrPort("127.0.0.1:0"), fakeServer{askedDS: {parentSOA}})
	w := newWorld(t, func(c *Config) {
		c.Secrets.Dir = dir
		c.Parent.Servers = []netip.AddrPort{above}
	})
	w.eventually("a key", func() bool { return w.rollKey(0) == nil })
	tag := w.agents[w.leader()].state().ZoneKeys[0].Key().Tag()
	confirm := func(i int, override ...string) error {
		_, err := w.agents[i].Do(t.Context(), api.CommandRequest{Kind: string(steer.KindKeyConfirm), By: "alice", Reason: "it is there", KeyTag: tag, Override: override}, false)
		return err
	}
	for i := range w.agents {
		var e *api.Error
		if err := confirm(i, string(steer.RuleKeyWait)); !errors.As(err, &e) || e.Category != api.Refused || !strings.Contains(e.Message, above.String()+" names no key") {
			t.Errorf("%s: %v", w.cfgs[i].Name, err)
		}
	}
	seen, err := w.agents[0].ZoneAbove(t.Context())
	if err != nil || !seen.Asked || len(seen.Servers) != 1 || seen.Servers[0].Says != "names no key" {
		t.Errorf("%+v, %v", seen, err)
	}
	if look := w.agents[0].look(t.Context(), w.agents[0].state()); len(look.Parent) != 1 {
		t.Errorf("a look at what would go wrong does not ask: %+v", look.Parent)
	}
	if err := confirm(0, string(steer.RuleKeyWait), ruleParent); err != nil {
		t.Errorf("by override: %v", err)
	}
	overrode := slices.ContainsFunc(w.agents[w.leader()].state().Events, func(e *steer.Event) bool { return e.Rule == ruleParent && e.Kind == steer.EventOverride })
	if !overrode {
		t.Error("nobody hears of the override")
	}
}
