package sweep_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
	"github.com/sipsteer/sipsteer/probes/sweep"
	"github.com/sipsteer/sipsteer/probes/tlscheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listener plays a TLS listener with a certificate for each name.
type listener struct {
	mu    sync.Mutex
	bad   map[string]health.Cause
	ends  map[string]time.Duration // of certificates, if it is less than a year
	dead  bool
	asked map[string]int
}

func (l *listener) Probe(_ context.Context, s probes.Spec) probes.Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked[s.ServerName]++
	switch cause := l.bad[s.ServerName]; {
	case l.dead:
		return probes.Failed(health.CauseRefused, "refused")
	case cause != "":
		return probes.Failed(cause, "it is "+string(cause))
	}
	r := probes.Succeeded(time.Millisecond, "")
	r.Ends = probes.Ending{At: time.Now().AddDate(1, 0, 0), Of: s.ServerName}
	if left, ok := l.ends[s.ServerName]; ok {
		r.Ends.At = time.Now().Add(left)
	}
	return r
}

func tenants(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("t%05d.example.net", i))
	}
	return out
}

func spec() probes.Spec {
	return probes.Spec{
		Check:    health.Check{Target: health.Target{Site: "calgary", Switch: "cgy1", Transport: fleet.TLS}, Kind: health.Certificates.Named("tenants")},
		Times:    probes.Times{Interval: 5 * time.Second},
		Question: probes.Question{Cycle: time.Hour},
	}
}

// TestTenThousandNamesInACycle: each once in an hour (and as a witness), 14 at a time, and the bad
// ones named until they are well.
func TestTenThousandNamesInACycle(t *testing.T) {
	names := tenants(10000)
	l := &listener{bad: map[string]health.Cause{names[7000]: health.CauseCertExpired}, asked: map[string]int{}}
	p := sweep.New(sweep.Config{Names: func(fleet.SiteID) []string { return names }, Handshake: l})
	found, last := -1, probes.Result{}
	for i := range 720 { // of 5 s: an hour
		if last = p.Probe(t.Context(), spec()); last.Outcome == health.Failure && found < 0 {
			found = i
		}
	}
	if len(l.asked) != len(names) {
		t.Errorf("%d names asked in an hour", len(l.asked))
	}
	for name, n := range l.asked {
		if n > 4 && name != names[7000] {
			t.Errorf("%s was asked %d times", name, n)
		}
	}
	want := "1 of 10000 names are bad: t07000.example.net: it is cert-expired"
	if found != 7000/14 || last.Cause != health.CauseCertExpired || last.Detail != want {
		t.Errorf("found after %d probes: %+v", found, last)
	}
	l.bad = nil
	if got := p.Probe(t.Context(), spec()); got.Outcome != health.Success || got.Detail != "10000 names, all well" {
		t.Errorf("after it was renewed: %+v", got)
	}
}

// TestAHandshakeThatHangsForOneName: it is asked again at the next interval, and
// named then; one that hung once is not. When nothing answers it is the listener.
func TestAHandshakeThatHangsForOneName(t *testing.T) {
	names := tenants(10) // one of them in its turn
	l := &listener{bad: map[string]health.Cause{names[3]: health.CauseTLSHang}, asked: map[string]int{}}
	p := sweep.New(sweep.Config{Names: func(fleet.SiteID) []string { return names }, Handshake: l})
	for i := range 4 {
		if got := p.Probe(t.Context(), spec()); got.Outcome != health.Success {
			t.Fatalf("probe %d: %+v", i, got)
		}
	}
	got := p.Probe(t.Context(), spec())
	if want := "1 of 5 of 10 names so far are bad: t00003.example.net: it is tls-hang"; got.Cause != health.CauseTLSHang || got.Detail != want {
		t.Errorf("asked again: %+v, want %s", got, want)
	}
	l.bad = nil
	if got := p.Probe(t.Context(), spec()); got.Outcome != health.Success {
		t.Errorf("when it is well again: %+v", got)
	}
	l.bad = map[string]health.Cause{names[6]: health.CauseTLSHang}
	p.Probe(t.Context(), spec()) // its turn
	l.bad = nil
	for range 2 {
		if got := p.Probe(t.Context(), spec()); got.Outcome != health.Success {
			t.Errorf("after it hung once: %+v", got)
		}
	}
	l.dead = true
	for range 3 {
		if got := p.Probe(t.Context(), spec()); got.Cause != health.CauseRefused {
			t.Errorf("a dead listener: %+v", got)
		}
	}
	if l.dead = false; p.Probe(t.Context(), spec()).Outcome != health.Success {
		t.Error("names were blamed for the listener")
	}
}

// TestAllThatAreBadAreAskedAgain: more than fit beside those in turn, one after the
// other.
func TestAllThatAreBadAreAskedAgain(t *testing.T) {
	names := tenants(1440) // two in turn, and one again
	l := &listener{bad: map[string]health.Cause{}, asked: map[string]int{}}
	for _, name := range names[:10] {
		l.bad[name] = health.CauseCertExpired
	}
	p := sweep.New(sweep.Config{Names: func(fleet.SiteID) []string { return names }, Handshake: l})
	for range 5 {
		p.Probe(t.Context(), spec())
	}
	l.bad = nil
	for range 11 {
		p.Probe(t.Context(), spec())
	}
	if got := p.Probe(t.Context(), spec()); got.Outcome != health.Success {
		t.Errorf("all were mended: %+v", got)
	}
}

// stuck hangs for every name until it is cut.
type stuck struct{}

func (stuck) Probe(ctx context.Context, _ probes.Spec) probes.Result {
	<-ctx.Done()
	return probes.Failed(health.CauseTLSHang, "hangs")
}

// TestNamesThatGotNoTurnAreNotBlamed: where as many hang as are asked at a time, the
// others wait for the next probe.
func TestNamesThatGotNoTurnAreNotBlamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := tenants(10000)
		p := sweep.New(sweep.Config{Names: func(fleet.SiteID) []string { return names }, Handshake: stuck{}})
		s := spec()
		s.Times.Timeout = 2 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), s.Times.Timeout)
		defer cancel()
		start := time.Now()
		if got := p.Probe(ctx, s); got.Cause != health.CauseTLSHang || time.Since(start) != s.Times.Timeout {
			t.Errorf("after %s: %+v", time.Since(start), got)
		}
	})
}

func TestAListenerThatIsDeadSaysNothingOfNames(t *testing.T) {
	names := tenants(10)
	l := &listener{dead: true, asked: map[string]int{}}
	p := sweep.New(sweep.Config{Names: func(fleet.SiteID) []string { return names }, Handshake: l})
	if got := p.Probe(t.Context(), spec()); got.Cause != health.CauseRefused {
		t.Errorf("%+v", got)
	}
	l.dead = false
	for range 11 {
		if got := p.Probe(t.Context(), spec()); got.Outcome != health.Success {
			t.Errorf("%+v", got)
		}
	}
	// A tenant that is gone is not bad any more.
	l.bad = map[string]health.Cause{names[9]: health.CauseCertName}
	for range 12 {
		p.Probe(t.Context(), spec())
	}
	names = names[:9]
	if got := p.Probe(t.Context(), spec()); got.Outcome != health.Success {
		t.Errorf("after the tenant left: %+v", got)
	}
	names = nil
	if got := p.Probe(t.Context(), spec()); got.Outcome != health.NoData {
		t.Errorf("without names: %+v", got)
	}
}

// TestNamesOfARealListener: one listener, two certificates by SNI, one of them
// for another name.
func TestNamesOfARealListener(t *testing.T) {
	ca := wiretest.NewAuthority(t)
	cfg := ca.Config(wiretest.Leaf{DNS: []string{"a.example.net"}})
	s := spec()
	s.Address, s.Roots = wiretest.TCP(t, wiretest.ServeTLS(cfg, func(string) []byte { return nil })), ca.Pool()
	p := sweep.New(sweep.Config{Names: func(fleet.SiteID) []string { return []string{"a.example.net", "b.example.net"} }, Handshake: tlscheck.New(tlscheck.Config{})})
	var got probes.Result
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		got = p.Probe(ctx, s)
		cancel()
	}
	if got.Cause != health.CauseCertName || !strings.HasPrefix(got.Detail, `1 of 2 names are bad: b.example.net: certificate is for "a.example.net"`) || got.Certificate == "" {
		t.Errorf("%+v", got)
	}
}

// TestCertificatesThatEndSoon: of ten thousand names the one whose certificate ends
// first, until it is renewed.
func TestCertificatesThatEndSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := tenants(10000)
		const day = 24 * time.Hour
		l := &listener{ends: map[string]time.Duration{names[17]: 20 * day, names[4711]: 3 * day, names[9000]: 40 * day}, asked: map[string]int{}}
		p := sweep.New(sweep.Config{Names: func(fleet.SiteID) []string { return names }, Handshake: l})
		cycle := func() (last probes.Result) {
			for range 720 { // of 5 s: an hour
				last = p.Probe(t.Context(), spec())
			}
			return last
		}
		got := cycle()
		if got.Outcome != health.Success || got.Ends.Of != names[4711] || !strings.Contains(got.Detail, "2 of them with a certificate that ends within 30 days, first "+names[4711]) {
			t.Errorf("%+v", got)
		}
		l.mu.Lock()
		delete(l.ends, names[4711]) // renewed
		l.mu.Unlock()
		if got = cycle(); got.Ends.Of != names[17] {
			t.Errorf("after one was renewed: %+v", got)
		}
		l.mu.Lock()
		delete(l.ends, names[17])
		l.mu.Unlock()
		if got = cycle(); got.Ends != (probes.Ending{}) || !strings.HasSuffix(got.Detail, "all well") {
			t.Errorf("after all were renewed: %+v", got)
		}
	})
}
