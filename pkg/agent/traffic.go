package agent

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes/metrics"
)

const (
	// trafficPeriod is how often what goes through the gate is judged: the rates
	// of the gate are means of so long. Sources that are counted over less are
	// judged as often as that.
	trafficPeriod = 10 * time.Second
	// trafficQuiet is the rate in a second below which nothing is abnormal.
	trafficQuiet = 5
	// trafficTolerance is the share above the usual that is abnormal: three
	// times the usual. Half as much more is a Monday.
	trafficTolerance = 2
	// maxFamilies bounds the families of devices that are watched, since they
	// come from what strangers write.
	maxFamilies = 50
	// offending is for how long a source that sent too much is named.
	offending = time.Minute
)

// trafficKind is the kind of what is judged of a gate; it has no prober.
const trafficKind health.Kind = "traffic"

// traffic judges what goes through a gate: the rate of each method and of each
// family of devices, against what is usual at this hour of the week, and the
// sources that send more than one may, or far more than they and others do.
type traffic struct {
	site    fleet.SiteID
	numbers *metrics.Prober                  // learns, and keeps over a restart
	limits  func() (health.LoudLimits, bool) // for sources; false: none is named

	mu       sync.Mutex
	families map[string]bool                 // that are watched
	sources  health.Sources                  // what each usually sends
	window   time.Time                       // of the gate, that was looked at last
	abnormal []health.Loud                   // in it
	opinions map[health.Check]health.Opinion // of the last look
}

func newTraffic(site fleet.SiteID, numbers *metrics.Prober, limits func() (health.LoudLimits, bool)) *traffic {
	return &traffic{site: site, numbers: numbers, limits: limits, families: map[string]bool{}, opinions: map[health.Check]health.Opinion{}}
}

// watchTraffic looks at this agent's gate until ctx ends.
func (a *Agent) watchTraffic(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if now.Sub(last) >= a.lookEvery() {
				last = now
				a.traffic.look(a.gate.Live(), now)
			}
		}
	}
}

// lookEvery is how often the gate is looked at.
func (a *Agent) lookEvery() time.Duration {
	now, _ := a.pub.served()
	if now.state.Fleet == nil {
		return trafficPeriod
	}
	return min(trafficPeriod, now.state.Fleet.Policy.Isolate.WithDefaults().Window.D())
}

// look judges what goes on now.
func (t *traffic) look(l gate.Live, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c, o := range t.opinions { // what is not named again is good again
		if o.Status == health.Down {
			t.opinions[c] = health.Opinion{Check: c, Status: health.Up}
		} else {
			delete(t.opinions, c)
		}
	}
	for _, r := range l.Methods {
		t.rate("method "+r.Name, r.PerSecond)
	}
	for _, r := range l.Agents[:min(len(l.Agents), maxFamilies)] { // busiest first
		if r.PerSecond < trafficQuiet && !t.families[r.Name] || len(t.families) >= maxFamilies && !t.families[r.Name] {
			continue
		}
		t.families[r.Name] = true
		t.rate("device "+plainText(r.Name), r.PerSecond)
	}
	for _, o := range l.Offenders {
		if now.Sub(o.Last) < offending {
			t.say(sourceName(netip.PrefixFrom(o.Source, o.Source.BitLen())), health.CauseLimit, fmt.Sprintf("%s sends more than one source may: %d requests dropped since %s",
				o.Source, o.Dropped, o.First.UTC().Format("Mon 15:04 UTC")))
		}
	}
	t.loud(l, now)
}

// rate judges one number in a second.
func (t *traffic) rate(what string, perSecond float64) {
	n := fleet.Number{Name: what, Usual: fleet.UsualHigh, Tolerance: trafficTolerance}
	j := t.numbers.Observe(t.check(what), &n, perSecond, time.Minute)
	if j.Cause != health.CauseNone && j.Value >= trafficQuiet {
		t.say(what, health.CauseHigh, what+" "+j.Text+", in a second")
	}
}

func (t *traffic) say(what string, cause health.Cause, detail string) {
	c := t.check(what)
	t.opinions[c] = health.Opinion{Check: c, Status: health.Down, Cause: cause, Detail: detail}
}

// check names what is judged. It is about no softswitch: the gate is asked.
func (t *traffic) check(what string) health.Check {
	return health.Check{Target: health.Target{Site: t.site, Switch: "gate", Transport: fleet.UDP}, Kind: trafficKind.Named(what)}
}

// plainText makes a name that strangers wrote fit for logs and labels.
func plainText(s string) string {
	const most = 64
	s = printable(s)
	return s[:min(len(s), most)]
}

// printable has a question mark for whatever is not printable ASCII.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// said returns what was found, in order: what is abnormal, and what no longer is.
func (t *traffic) said() []health.Opinion {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]health.Opinion, 0, len(t.opinions))
	for _, o := range t.opinions {
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b health.Opinion) int { return cmp.Compare(a.Check.Kind, b.Check.Kind) })
	return out
}
