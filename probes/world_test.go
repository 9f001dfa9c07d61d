package probes_test

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// mode is how a softswitch of the fake world behaves.
type mode int

const (
	serving mode = iota
	closed       // sockets closed: refused at once
	silent       // sockets open, no answer
	slow         // answers after 60 % of the timeout
	losing       // the next question gets no answer, then it serves
	stuck        // the prober does not even return at its timeout
	noData       // the observer cannot ask
)

const answerTime = time.Millisecond

// world is a fake prober and watcher over softswitches that do what they are
// told, in the virtual time of a synctest bubble.
type world struct {
	mu       sync.Mutex
	modes    map[health.Check]mode
	watchers map[health.Check]func(probes.Result)
	asked    map[health.Check][]time.Time
	running  int
	most     int // running at once
	release  chan struct{}
}

func newWorld() *world {
	return &world{
		modes: map[health.Check]mode{}, watchers: map[health.Check]func(probes.Result){},
		asked: map[health.Check][]time.Time{}, release: make(chan struct{}),
	}
}

// set changes the mode of the checks that match.
func (w *world) set(m mode, match func(health.Check) bool, checks ...health.Check) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range checks {
		if match(c) {
			w.modes[c] = m
		}
	}
}

func (w *world) begin(c health.Check) mode {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked[c] = append(w.asked[c], time.Now())
	w.running++
	w.most = max(w.most, w.running)
	m := w.modes[c]
	if m == losing {
		w.modes[c] = serving
	}
	return m
}

func (w *world) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running--
}

func (w *world) count(c health.Check) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asked[c])
}

// Probe implements probes.Prober.
func (w *world) Probe(ctx context.Context, s probes.Spec) probes.Result {
	m := w.begin(s.Check)
	defer w.end()
	wire.Remark(ctx, "asked while the softswitch was in mode %d", m)
	deadline, _ := ctx.Deadline()
	switch m {
	case closed:
		return probes.Failed(health.CauseRefused, "refused")
	case silent, losing:
		<-ctx.Done()
		return probes.Failed(health.CauseTimeout, "no answer")
	case slow:
		time.Sleep(time.Until(deadline) * 6 / 10)
	case stuck:
		<-w.release
	case noData:
		return probes.Failed(health.CauseLocal, "out of sockets")
	}
	time.Sleep(answerTime)
	return probes.Succeeded(answerTime, "200 OK")
}

// Watch implements probes.Watcher.
func (w *world) Watch(ctx context.Context, s probes.Spec, report func(probes.Result)) {
	w.mu.Lock()
	w.watchers[s.Check] = report
	w.mu.Unlock()
	<-ctx.Done()
}

// kill closes all sockets of a softswitch, the one held open too.
func (w *world) kill(checks []health.Check) {
	w.set(closed, all, checks...)
	w.say(probes.Failed(health.CauseReset, "closed"), checks)
	w.say(probes.Failed(health.CauseRefused, "refused"), checks)
}

// say reports through the watchers of the checks.
func (w *world) say(res probes.Result, checks []health.Check) {
	for _, c := range checks {
		w.mu.Lock()
		report := w.watchers[c]
		w.mu.Unlock()
		if report != nil {
			report(res)
		}
	}
}

func all(health.Check) bool     { return true }
func onTLS(c health.Check) bool { return c.Transport == fleet.TLS }

// checksOf is what a lab softswitch is asked: OPTIONS over three transports, a
// TLS handshake, and a TCP connection held open.
func checksOf(name string) []health.Check {
	at := func(tr fleet.Transport, k health.Kind) health.Check {
		return health.Check{Target: health.Target{Site: fleet.SiteID(name), Switch: fleet.SwitchID(name), Transport: tr}, Kind: k}
	}
	return []health.Check{
		at(fleet.UDP, health.Options), at(fleet.TCP, health.Options), at(fleet.TLS, health.Options),
		at(fleet.TLS, health.TLS), at(fleet.TCP, health.Standing),
	}
}

func specsOf(checks []health.Check) []probes.Spec {
	var specs []probes.Spec
	for _, c := range checks {
		specs = append(specs, probes.Spec{Check: c, Address: netip.MustParseAddrPort("127.0.0.1:5060")})
	}
	return specs
}

// labConfig has the times of the lab.
func labConfig(w *world) probes.Config {
	return probes.Config{
		Observer: "calgary-1", Interval: time.Second, Timeout: 400 * time.Millisecond, Burst: 150 * time.Millisecond,
		Thresholds: health.Thresholds{Fall: 3, Reset: 6, Rise: 12},
		Probers:    map[health.Kind]probes.Prober{health.Options: w, health.TLS: w},
		Watchers:   map[health.Kind]probes.Watcher{health.Standing: w},
	}
}

// running starts a runner in the bubble and ends it with the test.
func running(t *testing.T, cfg probes.Config, checks []health.Check) *probes.Runner {
	t.Helper()
	r, err := probes.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.SetSpecs(specsOf(checks)); err != nil {
		t.Fatal(err)
	}
	r.Start()
	t.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// status returns the opinion of one check.
func status(t *testing.T, r *probes.Runner, c health.Check) health.Opinion {
	t.Helper()
	for _, o := range r.Opinions() {
		if o.Check == c {
			return o
		}
	}
	t.Fatalf("no opinion of %s", c)
	return health.Opinion{}
}

// are reports whether all checks that match and have an opinion have this one.
func are(r *probes.Runner, s health.Status, match func(health.Check) bool) bool {
	n := 0
	for _, o := range r.Opinions() {
		if match(o.Check) {
			n++
			if o.Status != s {
				return false
			}
		}
	}
	return n > 0
}
