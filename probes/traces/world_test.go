package traces_test

import (
	"cmp"
	"context"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
)

// state is what is wrong at one site.
type state struct {
	word   string
	tenant string  // whose login fails; "" is all
	amount float64 // per cent of loss, drops
	period [2]time.Duration
	since  time.Time
}

// dead reports whether the process is gone now.
func (s state) dead() bool {
	return s.word == "down" || s.word == "flap" && time.Since(s.since)%(s.period[0]+s.period[1]) < s.period[0]
}

// world is three sites with their softswitches, agents and lines.
type world struct {
	seed    uint64
	begin   time.Time
	checks  []health.Check
	mu      sync.Mutex
	sites   map[fleet.SiteID]state // guarded by mu, as all below
	asked   map[string]uint64
	voices  map[health.Check][]health.Voice
	verdict map[health.Check]health.Verdict
	downs   map[health.Check]time.Duration // first verdict of down, since the begin
	common  bool
	observe func(fleet.SiteID, health.Opinion) // told of each opinion, if set
}

// newWorld has the checks of allChecks, and those of further tenants' canaries.
func newWorld(seed uint64, tenants ...string) *world {
	w := &world{
		seed: seed, begin: time.Now(), checks: append(allChecks(), tenantChecks(tenants)...), sites: map[fleet.SiteID]state{}, asked: map[string]uint64{}, voices: map[health.Check][]health.Voice{},
		verdict: map[health.Check]health.Verdict{}, downs: map[health.Check]time.Duration{},
	}
	for _, c := range w.checks {
		w.verdict[c] = health.Verdict{Check: c}
		for _, s := range sites {
			w.voices[c] = append(w.voices[c], health.Voice{Agent: fleet.AgentID(s), Site: s, Heard: true, Opinion: health.Opinion{Check: c}})
		}
	}
	return w
}

// agent is one observer's prober.
type agent struct {
	*world
	site fleet.SiteID
}

// random returns a source of its own for each question, whatever the order in
// which goroutines run.
func (a agent) random(c health.Check) *rand.Rand {
	key := string(a.site) + c.String()
	a.asked[key]++
	h := fnv.New64a()
	_, _ = h.Write([]byte(key))
	return rand.New(rand.NewPCG(a.seed^h.Sum64(), a.asked[key]))
}

// Probe implements probes.Prober.
func (a agent) Probe(ctx context.Context, s probes.Spec) probes.Result {
	a.mu.Lock()
	st, own, rnd := a.sites[s.Check.Site], a.sites[a.site], a.random(s.Check)
	a.mu.Unlock()
	cause, wait := a.meet(s.Check, st, own, rnd)
	deadline, _ := ctx.Deadline()
	if limit := time.Until(deadline); wait >= limit {
		<-ctx.Done()
		return probes.Failed(cmp.Or(cause, health.CauseTimeout), "no answer in time")
	}
	sleep(wait)
	if cause != health.CauseNone {
		return probes.Failed(cause, string(cause))
	}
	return probes.Succeeded(wait, "200 OK")
}

// lookEvery is how late a standing connection's end is seen here.
const lookEvery = 50 * time.Millisecond

// Watch implements probes.Watcher: the connection is reset when the process
// dies, and refused until it is back.
func (a agent) Watch(ctx context.Context, s probes.Spec, report func(probes.Result)) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	stood := true
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		a.mu.Lock()
		dead := a.sites[s.Check.Site].dead()
		a.mu.Unlock()
		if stood && dead {
			report(probes.Failed(health.CauseReset, "closed"))
			report(probes.Failed(health.CauseRefused, "refused"))
		}
		stood = !dead
	}
}

// meet is what a question meets: why it fails, and how long that takes.
func (a agent) meet(c health.Check, st, own state, rnd *rand.Rand) (health.Cause, time.Duration) {
	const never = time.Hour
	remote, rtt := a.site != c.Site, time.Millisecond
	if remote {
		rtt = 30 * time.Millisecond
	}
	well := took(c, 0, rtt, rnd)
	if remote && own.word == "blind" {
		return health.CauseTimeout, never
	}
	switch st.word {
	case "down", "flap":
		if st.dead() {
			return health.CauseRefused, rtt
		}
	case "silent":
		return health.CauseTimeout, never
	case "silent-tls":
		if c.Transport == fleet.TLS {
			return health.CauseTLSHang, never
		}
	case "silent-register":
		if c.Kind == health.Register {
			return health.CauseTimeout, never
		}
	case "auth":
		if c.Kind == health.Register.Named(st.tenant) || st.tenant == "" && c.Kind.Base() == health.Register {
			return health.CauseAuth, well
		}
	case "loss":
		return health.CauseNone, took(c, st.amount/100, rtt, rnd)
	case "line-loss":
		if remote {
			return health.CauseNone, took(c, st.amount/100, rtt, rnd)
		}
	case "drops":
		if rnd.Float64() < st.amount/100 {
			return health.CauseTimeout, never
		}
	case "slow":
		return health.CauseNone, well + st.period[0]*(time.Since(st.since)/st.period[1])
	case "cut-off":
		if remote {
			return health.CauseTimeout, never
		}
	}
	return health.CauseNone, well
}

// change carries out one step of a trace.
func (w *world) change(s step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	st := state{word: s.words[0], since: time.Now()}
	switch st.word {
	case "loss", "line-loss", "drops":
		st.amount = number(s.words[1])
	case "silent":
		if len(s.words) > 1 {
			st.word += "-" + s.words[1]
		}
	case "auth":
		if len(s.words) > 1 {
			st.tenant = s.words[1]
		}
	case "slow":
		st.period[0], _ = time.ParseDuration(s.words[1])
		st.period[1], _ = time.ParseDuration(s.words[3])
	case "flap":
		st.period[0], _ = time.ParseDuration(s.words[1])
		st.period[1], _ = time.ParseDuration(s.words[2])
	case "agent-dead":
		for _, voices := range w.voices {
			for i := range voices {
				voices[i].Heard = voices[i].Heard && voices[i].Site != s.site
			}
		}
	}
	w.sites[s.site] = st
}

// hear takes one observer's opinion and combines.
func (w *world) hear(from fleet.SiteID, o health.Opinion) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.observe != nil {
		w.observe(from, o)
	}
	voices := w.voices[o.Check]
	for i := range voices {
		if voices[i].Site == from {
			voices[i].Opinion = o
		}
	}
	before := w.verdict[o.Check]
	next, _ := health.Combine(before, voices, 1, time.Now())
	w.verdict[o.Check] = next
	if w.tenants() {
		before, next = w.acquit(o.Check, before)
	}
	if next.Status != health.Down || before.Status == health.Down {
		return
	}
	if _, seen := w.downs[o.Check]; !seen {
		w.downs[o.Check] = time.Since(w.begin)
	}
	w.common = w.common || len(health.CommonCause(w.all(), time.Minute, time.Now())) > 0
}

// all are the verdicts in the order of the checks.
func (w *world) all() (out []health.Verdict) {
	for _, c := range w.checks {
		out = append(out, w.verdict[c])
	}
	return out
}

// tenants reports whether there is more than one.
func (w *world) tenants() bool { return len(w.checks) > len(allChecks()) }

// acquit combines all voices anew, as a leader does, and tells the fault of a tenant
// from one of a site. It returns what was and is believed of one check.
func (w *world) acquit(c health.Check, before health.Verdict) (was, is health.Verdict) {
	prev := maps.Clone(w.verdict)
	prev[c] = before
	all := make([]health.Verdict, 0, len(w.checks))
	for _, x := range w.checks {
		v, _ := health.Combine(prev[x], w.voices[x], 1, time.Now())
		all = append(all, v)
	}
	tenant := func(c health.Check) string { return string(c.Kind) }
	for _, v := range health.AcquitSites(func(c health.Check) health.Verdict { return prev[c] }, all, tenant, time.Now()) {
		w.verdict[v.Check] = v
	}
	return before, w.verdict[c]
}

// profile is how often is asked.
type profile struct {
	interval, timeout, burst time.Duration
}

var usual = profile{5 * time.Second, 2 * time.Second, 250 * time.Millisecond}

// start runs an agent at each site until the test ends.
func (w *world) start(t *testing.T, p profile) {
	t.Helper()
	for _, site := range sites {
		a := agent{w, site}
		cfg := probes.Config{
			Observer: fleet.AgentID(site), Interval: p.interval, Timeout: p.timeout, Burst: p.burst,
			Thresholds: health.Thresholds{Fall: 3, Reset: 6, Rise: 12},
			Probers:    map[health.Kind]probes.Prober{health.Options: a, health.TLS: a, health.Register: a},
			Watchers:   map[health.Kind]probes.Watcher{health.Standing: a},
			OnOpinion:  func(o health.Opinion) { w.hear(site, o) },
			Rand:       rand.New(rand.NewPCG(w.seed, uint64(len(site)))),
		}
		r, err := probes.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var specs []probes.Spec
		for _, c := range w.checks {
			s := probes.Spec{Check: c, Address: netip.MustParseAddrPort("127.0.0.1:5060")}
			if c.Kind.Base() == health.Register {
				s.Times.Interval = 3 * p.interval
			}
			specs = append(specs, s)
			if c.Kind == health.Options && c.Transport == fleet.TCP {
				s.Check.Kind = health.Standing
				specs = append(specs, s)
			}
		}
		if err := r.SetSpecs(specs); err != nil {
			t.Fatal(err)
		}
		r.Start()
		t.Cleanup(func() {
			if err := r.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}
