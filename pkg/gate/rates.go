package gate

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/gate/meter"
)

// rateSpan is the time over which requests per second are averaged, in sweeps
// of a second each.
const rateSpan = 10

// rates keeps the counters of the last seconds.
type rates struct {
	mu   sync.Mutex // held for both
	last [rateSpan + 1]sample
	next int
}

type sample struct {
	at    time.Time
	stats Stats
}

func (r *rates) add(s sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last[r.next%len(r.last)] = s
	r.next++
}

// oldest is the first sample of the span; its time is zero without one.
func (r *rates) oldest() sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last[max(r.next-len(r.last), 0)%len(r.last)]
}

// Rate is requests per second of one kind, averaged over the last ten seconds.
type Rate struct {
	Name      string // a method, or a family of User-Agents
	PerSecond float64
	Refused   float64 // of these
}

// Live is what goes on at a gate.
type Live struct {
	meter.Report
	Stats   Stats
	Methods []Rate // busiest first
	Agents  []Rate
	// Offenders are sources that send more than they may, the worst first.
	Offenders []Offender
	// Sources are those that began something in the last full window of
	// Policy.SourceWindow, the busiest first, without those that are exempt.
	Sources []SourceRate
	// SourcesAt is when that window ended; zero before the first.
	SourcesAt time.Time
	// Quarantine are the sources whose new work is dropped.
	Quarantine []QuarantineReport
	// Certificates are those of the TLS listeners that come from files.
	Certificates []CertificateState
	// Asking counts the devices that were asked to look again.
	Asking AskTotals
}

// Live counts what goes on now. It takes time in proportion to the devices that
// are known.
func (g *Gate) Live() Live {
	now := time.Now()
	l := Live{Report: g.meter.Report(now), Stats: g.Stats(), Offenders: g.sources.list(), Quarantine: g.rules.Load().quarantine(), Asking: g.asking.counts()}
	l.Sources, l.SourcesAt = g.talkers.last(g.cfg.Exempt)
	if g.certs != nil {
		l.Certificates = g.certs.states()
	}
	before := g.rates.oldest()
	span := now.Sub(before.at).Seconds()
	if before.at.IsZero() || span <= 0 {
		return l
	}
	l.Methods, l.Agents = methodRates(before.stats, l.Stats, span), agentRates(before.stats, l.Stats, span)
	return l
}

// Straggler is who still comes, with what came of asking it to look again.
type Straggler struct {
	meter.Straggler
	Asked Asked
}

// Stragglers lists who still comes though it should not.
func (g *Gate) Stragglers() []Straggler {
	all := g.meter.Stragglers(time.Now())
	out := make([]Straggler, len(all))
	for i, s := range all {
		out[i] = Straggler{s, g.asking.of(s.AoR, s.Source.Addr())}
	}
	return out
}

// Registered returns those of the addresses of record that are registered here.
func (g *Gate) Registered(aors []string) []string { return g.meter.Registered(time.Now(), aors) }

// watch sweeps the meter and samples the counters until the gate stops.
func (g *Gate) watch() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		now := time.Now()
		g.meter.Sweep(now)
		g.talkers.roll(now, g.rules.Load().policy.SourceWindow)
		if g.certs != nil {
			g.certs.look(now)
		}
		g.rates.add(sample{now, g.Stats()})
		select {
		case <-tick.C:
		case <-g.conns.stop:
			return
		}
	}
}

func methodRates(before, now Stats, span float64) []Rate {
	sum := map[string]Rate{}
	for k, n := range now.ByMethod {
		r := sum[k.Method]
		r.Name = k.Method
		went := float64(n-before.ByMethod[k]) / span
		r.PerSecond += went
		if k.Action != Relay && k.Action != Drop {
			r.Refused += went
		}
		sum[k.Method] = r
	}
	return busiest(sum)
}

func agentRates(before, now Stats, span float64) []Rate {
	sum := map[string]Rate{}
	for name, n := range now.ByAgent {
		old := before.ByAgent[name]
		refused := float64(n.Refused-old.Refused) / span
		sum[name] = Rate{name, float64(n.Relayed-old.Relayed)/span + refused, refused}
	}
	return busiest(sum)
}

func busiest(sum map[string]Rate) []Rate {
	var out []Rate
	for _, r := range sum {
		if r.PerSecond > 0 {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Rate) int {
		return cmp.Or(cmp.Compare(b.PerSecond, a.PerSecond), cmp.Compare(a.Name, b.Name))
	})
	return out
}
