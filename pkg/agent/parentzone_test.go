package agent

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// signedChild is a fleet whose zone is delegated to one name server: what the core
// decides is served at once. Its clock is moved by hand, so that the days that
// caches are waited for are over in a moment; the caches of this test hold
// nothing for more than a second.
type signedChild struct {
	t      testing.TB
	at     netip.AddrPort
	state  steer.State
	now    time.Time
	server *dnsserver.Server
}

func newSignedChild(t testing.TB, at netip.AddrPort) *signedChild {
	t.Helper()
	c := &signedChild{t: t, at: at, state: steer.New(), now: time.Now()}
	server, err := dnsserver.New(dnsserver.Config{
		Listen: []netip.AddrPort{at}, Logger: zerolog.Nop(),
		Unseal: func(sealed string) ([]byte, error) { return []byte(sealed), nil }, // sealing has its own tests
	})
	if err != nil {
		t.Fatal(err)
	}
	c.server = server
	f := fleettest.ThreeSites()
	f.NameServers = []fleet.NameServer{{Name: "ns1", Addresses: []netip.Addr{at.Addr()}}}
	c.give(steer.Command{Kind: steer.KindSetFleet, Fleet: &f})
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

// give carries a command out, and serves what it decides.
func (c *signedChild) give(cmd steer.Command) {
	c.t.Helper()
	cmd.Version, cmd.At, cmd.By, cmd.Reason = cmd.Needs(), c.now, "alice", "a test"
	next, _, err := steer.Apply(c.state, cmd)
	if err != nil {
		c.t.Fatalf("%s: %v", cmd.Kind, err)
	}
	c.state = next
	zone := steer.Records(next)
	if err := c.server.Serve(&zone); err != nil {
		c.t.Fatalf("serve what %s decides: %v", cmd.Kind, err)
	}
}

// wait lets time pass, and the leader do what is due then.
func (c *signedChild) wait(d time.Duration) {
	c.t.Helper()
	c.now = c.now.Add(d)
	for _, cmd := range steer.Decide(c.state, steer.Input{Now: c.now, Settled: true}) {
		c.give(cmd)
	}
}

// roll publishes a new key, as sipsteer dns key roll.
func (c *signedChild) roll() srv.SigningKey {
	c.t.Helper()
	public, private, err := dnsserver.NewSigningKey()
	if err != nil {
		c.t.Fatal(err)
	}
	c.give(steer.Command{Kind: steer.KindKeyAdd, Key: &steer.KeyChange{Public: []byte(public), Sealed: string(private)}})
	return srv.SigningKey{Public: public}
}

// believed says whether an agent that asks the zone above lets a word about it
// pass; find finds its name servers.
func (c *signedChild) believed(find Parent, kind steer.Kind, k srv.SigningKey) bool {
	c.t.Helper()
	cmd := steer.Command{Kind: kind, Key: &steer.KeyChange{Tag: k.Tag()}}
	err := (&Agent{cfg: Config{Parent: find}}).gateParent(c.t.Context(), c.state, &cmd)
	if err != nil && !strings.Contains(err.Error(), "refused by parent") {
		c.t.Errorf("ask the zone above: %v", err)
	}
	return err == nil
}

func (c *signedChild) about(kind steer.Kind, k srv.SigningKey) {
	c.t.Helper()
	c.give(steer.Command{Kind: kind, Key: &steer.KeyChange{Tag: k.Tag()}})
}

// parentQuestions are questions whose answers are of every kind: a set, a denial of a type,
// a denial of a name, the keys.
var parentQuestions = []struct{ name, qtype string }{
	{"_sip._udp.west.voice.example.net.", "SRV"},
	{"west.voice.example.net.", "MX"},
	{"nobody.voice.example.net.", "A"},
	{"voice.example.net.", "DNSKEY"},
}

// believer is a resolver that is asked all the time from another goroutine: not
// one answer may be called forged, and none may lose its proof while there is one.
type believer struct {
	resolver netip.AddrPort
	secure   atomic.Bool // answers must be proven
	answers  atomic.Int64
	stop     context.CancelFunc
	done     chan struct{}
	bad      []string // read after done
}

func watchAnswers(t testing.TB, resolver netip.AddrPort) *believer {
	ctx, cancel := context.WithCancel(t.Context())
	b := &believer{resolver: resolver, stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(b.done)
		for pause(ctx, 20*time.Millisecond); ctx.Err() == nil; pause(ctx, 20*time.Millisecond) {
			for _, q := range parentQuestions {
				b.ask(q.name, q.qtype)
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-b.done })
	return b
}

func (b *believer) ask(name, qtype string) {
	secure := b.secure.Load()
	m, err := askResolver(b.resolver, name, qtype)
	switch {
	case err != nil:
		return // late on a busy machine; the next one is asked soon
	case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		b.bad = append(b.bad, time.Now().Format("15:04:05.000 ")+name+" "+qtype+" fails: "+m.String())
	case secure && b.secure.Load() && !m.AuthenticatedData:
		b.bad = append(b.bad, time.Now().Format("15:04:05.000 ")+name+" "+qtype+" is not proven: "+m.String())
	}
	b.answers.Add(1)
}

// end returns what was wrong.
func (b *believer) end() []string {
	b.stop()
	<-b.done
	return b.bad
}

func askResolver(resolver netip.AddrPort, name, qtype string) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(name, dns.StringToType[qtype])
	m.SetEdns0(4096, true)
	r, _, err := (&dns.Client{Timeout: 10 * time.Second, Net: "tcp"}).Exchange(m, resolver.String())
	return r, err
}

// waitAnswers waits until the resolver answers all as it should; the caches of a
// second run out meanwhile.
func waitAnswers(t testing.TB, resolver netip.AddrPort, what string, good func(*dns.Msg) bool) {
	t.Helper()
	for _, q := range parentQuestions {
		var last *dns.Msg
		err := errors.New("not asked")
		for end := time.Now().Add(patience); err != nil || !good(last); pause(t.Context(), 50*time.Millisecond) {
			if last, err = askResolver(resolver, q.name, q.qtype); time.Now().After(end) {
				t.Fatalf("%s: %s %s: %v, %v", what, q.name, q.qtype, err, last)
			}
		}
	}
}

// signedBy says whether all data of an answer is signed by one key of the zone; what
// is said of the keys is signed by each.
func signedBy(m *dns.Msg, tag uint16) bool {
	other := func(rr dns.RR) bool {
		sig, ok := rr.(*dns.RRSIG)
		return ok && sig.KeyTag != tag && sig.TypeCovered != dns.TypeDNSKEY
	}
	return !slices.ContainsFunc(slices.Concat(m.Answer, m.Ns), other)
}

// waitSaid waits until the resolver answers a question with a text, or without it.
func waitSaid(t testing.TB, resolver netip.AddrPort, qtype, text string, has bool) {
	t.Helper()
	said := func(m *dns.Msg) bool {
		return slices.ContainsFunc(m.Answer, func(rr dns.RR) bool {
			return strings.Contains(strings.Join(strings.Fields(rr.String()), " "), text)
		})
	}
	var last *dns.Msg
	err := errors.New("not asked")
	for end := time.Now().Add(patience); err != nil || said(last) != has; pause(t.Context(), 50*time.Millisecond) {
		if last, err = askResolver(resolver, "voice.example.net.", qtype); time.Now().After(end) {
			t.Fatalf("%s %q (%v) is not answered: %v, %v", qtype, text, has, err, last)
		}
	}
}

// A signed parent zone at BIND delegates the zone, and follows what CDS says with
// the tools that go with BIND. Delv and Unbound, which trust the parent's key
// alone, believe every answer, in every moment of the way: signed, trusted,
// rolled over, and signed no more (RFC 7344, RFC 8078).
func TestRealParentFollows(t *testing.T) {
	if testing.Short() {
		t.Skip("starts programs of others")
	}
	programs := loopbacktest.Look(t, "named", "unbound", "delv", "dnssec-cds", "nsupdate")
	child := newSignedChild(t, loopbacktest.AddrPort(t, 53)) // resolvers follow a delegation to no other port
	parent := runParent(t, programs, child.at.Addr())
	resolver := runValidator(t, programs, parent)
	delv := func(moment, want string) {
		t.Helper()
		for _, q := range parentQuestions {
			if out := parent.delv(t, resolver, q.name, q.qtype); !strings.Contains(out, want) {
				t.Errorf("%s: delv %s %s does not say %q:\n%s", moment, q.name, q.qtype, want, out)
			}
		}
	}
	proven := func(m *dns.Msg) bool { return m.AuthenticatedData }
	insecure := func(m *dns.Msg) bool { return !m.AuthenticatedData && m.Rcode != dns.RcodeServerFailure }
	believed := func(moment string, want bool, kind steer.Kind, k srv.SigningKey) {
		t.Helper()
		if got := child.believed(Parent{Resolver: resolver, Port: parent.at.Port()}, kind, k); got != want {
			t.Errorf("%s: %s is believed: %v", moment, kind, got)
		}
	}
	const trusted, untrusted = "fully validated", "unsigned answer"

	waitAnswers(t, resolver, "not signed", insecure)
	watch := watchAnswers(t, resolver)
	first := child.roll()
	waitSaid(t, resolver, "DNSKEY", first.DNSKEY(srv.TypeDNSKEY).Text[:60], true)
	delv("signed, and not trusted yet", untrusted)
	child.wait(2 * time.Hour)

	// The first DS record comes by hand (RFC 8078 §3): what sipsteer dns ds prints.
	trust, ok := child.state.TrustedKey()
	if !ok {
		t.Fatal("no key to be named by the zone above")
	}
	believed("no DS record yet", false, steer.KindKeyConfirm, first)
	parent.update(t, "update add voice.example.net. 1 DS "+trust.Key().DS("voice.example.net.", srv.TypeDS).Text)
	waitAnswers(t, resolver, "trusted", proven)
	believed("the DS record is there", true, steer.KindKeyConfirm, first)
	child.about(steer.KindKeyConfirm, first)
	watch.secure.Store(true)
	delv("trusted", trusted)

	second := child.roll()
	waitSaid(t, resolver, "DNSKEY", second.DNSKEY(srv.TypeDNSKEY).Text[:60], true)
	if parent.follow(t, child.at) {
		t.Error("the parent is asked to name a key that caches do not know yet")
	}
	delv("the next key is published", trusted)
	child.wait(2 * time.Hour)
	believed("the parent names the key before", false, steer.KindKeyConfirm, second)
	if !parent.follow(t, child.at) {
		t.Error("the parent is not asked to name the next key")
	}
	waitSaid(t, resolver, "DS", second.DS("voice.example.net.", srv.TypeDS).Text[:20], true)
	delv("the parent names the next key, the old one signs", trusted)
	believed("the parent names the next key", true, steer.KindKeyConfirm, second)
	child.about(steer.KindKeyConfirm, second)
	// The days until the old key goes are over in a moment here: what it signed
	// must be out of the cache before.
	waitAnswers(t, resolver, "the next key signs", func(m *dns.Msg) bool { return proven(m) && signedBy(m, second.Tag()) })
	delv("the next key signs", trusted)
	child.wait(48 * time.Hour)
	waitSaid(t, resolver, "DNSKEY", first.DNSKEY(srv.TypeDNSKEY).Text[:60], false)
	delv("the old key is gone", trusted)
	if parent.follow(t, child.at) {
		t.Error("the parent is asked for something after the roll-over")
	}

	child.give(steer.Command{Kind: steer.KindKeyUnsign})
	waitSaid(t, resolver, "CDS", "0 0 0 00", true)
	delv("the parent is asked to name no key", trusted)
	watch.secure.Store(false)
	believed("the parent names the key", false, steer.KindKeyGone, second)
	parent.forget(t, resolver)
	waitAnswers(t, resolver, "the parent names no key", insecure)
	believed("the parent names no key", true, steer.KindKeyGone, second)
	child.about(steer.KindKeyGone, second)
	delv("the parent names no key", untrusted)
	child.wait(48 * time.Hour)
	waitSaid(t, resolver, "DNSKEY", "257 3 13", false)
	delv("not signed any more", untrusted)
	if bad := watch.end(); len(bad) > 0 {
		t.Errorf("%d of %d answers on the way were not believed; the first: %s", len(bad), watch.answers.Load(), bad[0])
	}
	t.Logf("%d answers were believed on the way", watch.answers.Load())
}
