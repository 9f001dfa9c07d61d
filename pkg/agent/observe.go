package agent

import (
	"context"
	"crypto/x509"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/dns"
	"github.com/sipsteer/sipsteer/probes/exec"
	"github.com/sipsteer/sipsteer/probes/http"
	"github.com/sipsteer/sipsteer/probes/options"
	"github.com/sipsteer/sipsteer/probes/register"
	"github.com/sipsteer/sipsteer/probes/standing"
	"github.com/sipsteer/sipsteer/probes/storage"
	"github.com/sipsteer/sipsteer/probes/tcp"
	"github.com/sipsteer/sipsteer/probes/tlscheck"
)

const (
	// reportPeriod is how often an agent repeats its opinions to the leader
	// when they do not change: a new leader knows them after one period.
	reportPeriod = 500 * time.Millisecond
	// reportFresh is how old a report may be and still count. An agent that is
	// not heard for so long has no voice.
	reportFresh = 5 * reportPeriod
	// rereadPeriod is how often the passwords of canaries are read again.
	rereadPeriod = 30 * time.Second
	// keepUsualPeriod is how often what was learnt of numbers is written down;
	// a crash costs so much of it.
	keepUsualPeriod = 10 * time.Minute
	// reportTimeout bounds one report.
	reportTimeout = time.Second
)

// observe keeps the probes in step with the fleet file.
func (a *Agent) observe(ctx context.Context) {
	var fleetNow *fleet.Fleet
	again, keep := time.NewTicker(rereadPeriod), time.NewTicker(keepUsualPeriod)
	defer again.Stop()
	defer keep.Stop()
	for ctx.Err() == nil {
		now, changed := a.pub.served()
		if now.state.Fleet != nil && now.state.Fleet != fleetNow {
			a.adoptFleet(fleetNow, now.state.Fleet)
			fleetNow = now.state.Fleet
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-again.C: // a password may have been put down, or changed
			if fleetNow != nil {
				a.adoptFleet(fleetNow, fleetNow)
			}
		case <-keep.C:
			a.keepUsual()
			a.keepHabits()
		}
	}
	a.stopProbes()
	a.keepUsual()
	a.keepHabits()
}

// adoptFleet hands the runner its new checks, of which unchanged ones keep
// their counters. Only other settings of the checks need a new runner.
func (a *Agent) adoptFleet(old, f *fleet.Fleet) {
	roots := a.trustRoots(f)
	specs := append(a.withLogins(f, specsOf(f, roots)), standingSpecs(f)...)
	specs = append(specs, a.extraSpecs(f, roots)...)
	if old != nil && sameRunner(old.Checks, f.Checks) {
		if err := a.setSpecs(specs); err != nil {
			a.log.Error().Err(err).Msg("cannot change the checks; the old ones go on")
		}
		return
	}
	a.stopProbes()
	standingTimes := f.Checks.Of(string(health.Standing))
	runner, err := probes.New(probes.Config{
		Observer: a.cfg.Name, Interval: f.Checks.Interval.D(), Timeout: f.Checks.Timeout.D(), Burst: f.Checks.Burst.D(),
		Thresholds: health.Thresholds{Fall: f.Checks.Fall, Reset: f.Checks.Reset, Rise: f.Checks.Rise, Hold: f.Checks.Of(string(health.Options)).Hold()},
		Probers:    a.probers(),
		Watchers:   map[health.Kind]probes.Watcher{health.Standing: standing.New(standing.Config{Interval: standingTimes.Interval.D(), Timeout: standingTimes.Timeout.D()})},
		Logger:     a.log.With().Str("part", "probes").Logger(),
		OnOpinion:  func(health.Opinion) { a.opinionChanged() },
	})
	if err != nil {
		a.log.Error().Err(err).Msg("cannot start the probes")
		return
	}
	a.runnerMu.Lock()
	a.runner = runner
	a.runnerMu.Unlock()
	if err := a.setSpecs(specs); err != nil {
		a.log.Error().Err(err).Msg("cannot set the checks")
	}
	runner.Start()
}

// probers are all kinds that are asked.
func (a *Agent) probers() map[health.Kind]probes.Prober {
	return map[health.Kind]probes.Prober{
		health.Options:  options.New(options.Config{}),
		health.TLS:      tlscheck.New(tlscheck.Config{}),
		health.Register: register.New(register.Config{}),
		health.TCP:      tcp.New(),
		health.HTTP:     http.New(),
		health.DNS:      dns.New(),
		health.Exec:     exec.New(),
		health.Storage:  storage.New(),
		health.Metrics:  a.numbers,
		health.Call:     a.calls,
		// Names are asked for one after the other.
		health.Certificates: a.sweep,
	}
}

// sameRunner reports whether two settings of checks differ in nothing but the
// checks themselves.
func sameRunner(a, b fleet.Checks) bool {
	const s = string(health.Standing)
	return a.Interval == b.Interval && a.Timeout == b.Timeout && a.Burst == b.Burst &&
		a.Fall == b.Fall && a.Reset == b.Reset && a.Rise == b.Rise && a.Of(s) == b.Of(s)
}

func (a *Agent) setSpecs(specs []probes.Spec) error {
	a.runnerMu.Lock()
	defer a.runnerMu.Unlock()
	if a.runner == nil {
		return nil
	}
	return a.runner.SetSpecs(specs)
}

// trustRoots are the authorities of the TLS checks; nil means the machine's.
func (a *Agent) trustRoots(f *fleet.Fleet) *x509.CertPool {
	if f.Checks.TrustRoots == "" {
		return nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(f.Checks.TrustRoots)) {
		a.log.Error().Msg("checks.trust_roots holds no certificate; TLS checks use the machine's roots")
		return nil
	}
	return roots
}

func (a *Agent) stopProbes() {
	a.runnerMu.Lock()
	old := a.runner
	a.runner = nil
	a.runnerMu.Unlock()
	if old == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := old.Stop(ctx); err != nil {
		a.log.Warn().Err(err).Msg("probes did not stop in time")
	}
}

func (a *Agent) currentOpinions() []health.Opinion {
	a.runnerMu.Lock()
	defer a.runnerMu.Unlock()
	if a.runner == nil {
		return nil
	}
	return append(a.runner.Opinions(), a.traffic.said()...)
}

// opinionChanged wakes the reporter. It is called by the probes and must not
// wait.
func (a *Agent) opinionChanged() {
	select {
	case a.reportNow <- struct{}{}:
	default:
	}
}

// report sends this agent's opinions to the leader, at once when one changes
// and again each period, and lets the local reflex follow them.
func (a *Agent) report(ctx context.Context) {
	tick := time.NewTicker(reportPeriod)
	defer tick.Stop()
	for seq := uint64(1); ; seq++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-a.reportNow:
		}
		ops := a.currentOpinions()
		a.pub.setDead(a.deadTransports(ops))
		r := api.Report{Agent: string(a.cfg.Name), Site: string(a.cfg.Site), Seq: seq, Time: time.Now(), Opinions: ops}
		if err := a.sendReport(ctx, r); err != nil {
			a.log.Debug().Err(err).Msg("report not delivered")
		}
	}
}

func (a *Agent) sendReport(ctx context.Context, r api.Report) error {
	leader, _ := a.store.Leader()
	if leader == a.cfg.Name {
		return a.opinions.take(r, time.Now())
	}
	c, ok := a.client(leader)
	if !ok {
		return nil // no leader known: the next period tries again
	}
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	return c.Report(ctx, r)
}

// deadTransports finds the transports on which every softswitch of this site
// is down by this agent's own checks.
func (a *Agent) deadTransports(ops []health.Opinion) map[fleet.Transport]bool {
	now, _ := a.pub.served()
	if now.state.Fleet == nil {
		return nil
	}
	site := now.state.Fleet.Site(a.cfg.Site)
	if site == nil {
		return nil
	}
	status := map[health.Target]health.Status{}
	for _, op := range ops {
		if op.Check.Kind != health.Options || op.Cause.Spreads() {
			continue // it answers; whether phones are better off elsewhere is not for one site to say
		}
		if op.Check.Site == a.cfg.Site && (op.Status == health.Down || status[op.Check.Target] == health.Unknown) {
			status[op.Check.Target] = op.Status
		}
	}
	dead := map[fleet.Transport]bool{}
	for _, t := range site.Transports() {
		if deadOn(site, t, status) {
			dead[t] = true
		}
	}
	return dead
}

func deadOn(site *fleet.Site, t fleet.Transport, status map[health.Target]health.Status) bool {
	n := 0
	for _, sw := range site.Softswitches {
		for _, l := range sw.Listeners {
			if l.Transport != t {
				continue
			}
			n++
			if status[health.Target{Site: site.Name, Switch: sw.Name, Transport: t}] != health.Down {
				return false
			}
		}
	}
	return n > 0
}
