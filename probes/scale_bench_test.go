package probes_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
	"github.com/sipsteer/sipsteer/probes/options"
)

// timed asks with OPTIONS and remembers when.
type timed struct {
	probes.Prober
	mu    sync.Mutex
	asked map[health.Check][]time.Time
}

func (p *timed) Probe(ctx context.Context, s probes.Spec) probes.Result {
	p.mu.Lock()
	p.asked[s.Check] = append(p.asked[s.Check], time.Now())
	p.mu.Unlock()
	return p.Prober.Probe(ctx, s)
}

// BenchmarkTenThousandChecks asks 10,000 listeners over UDP every 5 s, the
// answering softswitch in the same process, and reports what part of one core
// that takes and how late questions are: the interval that was asked for against
// the one that was kept, beside the jitter of 5 % that is meant. One operation is
// four intervals.
func BenchmarkTenThousandChecks(b *testing.B) {
	for b.Loop() {
		runTenThousand(b)
	}
}

// tenThousand checks are asked by one agent.
const tenThousand = 10000

// runTenThousand is four intervals of them.
func runTenThousand(b *testing.B) {
	b.Helper()
	addr := wiretest.UDP(b, func(req string) []byte { return wiretest.Answer(req, "200 OK", "") })
	const interval, checks = 5 * time.Second, tenThousand
	p := &timed{Prober: options.New(options.Config{}), asked: map[health.Check][]time.Time{}}
	r, err := probes.New(probes.Config{
		Observer: "a", Interval: interval, Timeout: 2 * time.Second, Burst: 250 * time.Millisecond,
		Thresholds: health.Thresholds{Fall: 3, Reset: 6, Rise: 12}, Probers: map[health.Kind]probes.Prober{health.Options: p},
	})
	if err != nil {
		b.Fatal(err)
	}
	var specs []probes.Spec
	for i := range checks {
		name := fmt.Sprintf("s%d", i/4)
		specs = append(specs, probes.Spec{Address: addr, Check: health.Check{Kind: health.Options, Target: health.Target{
			Site: fleet.SiteID(name), Switch: fleet.SwitchID(fmt.Sprintf("%s-%d", name, i%4)), Transport: fleet.UDP,
		}}})
	}
	if err := r.SetSpecs(specs); err != nil {
		b.Fatal(err)
	}
	cpu, start := used(b), time.Now()
	r.Start()
	<-time.After(4 * interval)
	share := (used(b) - cpu).Seconds() / time.Since(start).Seconds()
	if err := r.Stop(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(100*share, "%core")
	b.ReportMetric(float64(p.late(interval).Milliseconds()), "p99-ms-late")
}

// late is the 99th percentile of how much longer than the interval, with its
// jitter, two questions of one check were apart.
func (p *timed) late(interval time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []time.Duration
	for _, at := range p.asked {
		for i := 2; i < len(at); i++ { // the first round is quicker on purpose
			all = append(all, max(0, at[i].Sub(at[i-1])-interval-interval/20))
		}
	}
	slices.Sort(all)
	return all[len(all)*99/100]
}

// used is the processor time of this process.
func used(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
