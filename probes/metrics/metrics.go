// Package metrics reads numbers of a softswitch (registrations, calls, ratios,
// refusals) and judges them: against limits that always hold, and against what
// is usual at this hour of the week, which it learns. It sees what no question
// of ours shows: that callers no longer come.
package metrics

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// Config of a Prober. The zero value is usable.
type Config struct {
	// Unusual says why a site does not carry its usual traffic: "calgary is
	// drained". Then nothing is compared and nothing is learnt. "" means that it
	// does; nil that all always do.
	Unusual func(fleet.SiteID) string
}

// Prober reads and judges. It remembers the last readings of each number and
// what it has learnt.
type Prober struct {
	cfg Config

	mu     sync.Mutex
	series map[key]*series // guarded by mu
}

// key names one number of one softswitch.
type key struct {
	site   fleet.SiteID
	sw     fleet.SwitchID
	kind   health.Kind
	number string
}

// New returns a prober that has learnt nothing.
func New(cfg Config) *Prober {
	if cfg.Unusual == nil {
		cfg.Unusual = func(fleet.SiteID) string { return "" }
	}
	return &Prober{cfg: cfg, series: map[key]*series{}}
}

// Probe implements probes.Prober. The causes, beside those of the connection:
// CauseMalformed, the source answers something else; CauseContent, a number is
// not there; CauseLimit, CauseLow, CauseHigh, a number is wrong. A number of
// which too little is known yet is never wrong.
func (p *Prober) Probe(ctx context.Context, spec probes.Spec) probes.Result {
	return p.probe(ctx, spec, true)
}

// Once returns a prober that judges by what this one knows and teaches it
// nothing: for questions out of turn.
func (p *Prober) Once() probes.Prober { return once{p} }

type once struct{ p *Prober }

// Probe implements probes.Prober.
func (o once) Probe(ctx context.Context, spec probes.Spec) probes.Result {
	return o.p.probe(ctx, spec, false)
}

func (p *Prober) probe(ctx context.Context, spec probes.Spec, learn bool) probes.Result {
	start := time.Now()
	source := sources[spec.Question.Source]
	if source == nil {
		return probes.Failed(health.CauseLocal, "no numbers come from "+wire.Clean(spec.Question.Source))
	}
	numbers, fault := source(ctx, spec, metricsOf(spec))
	took := time.Since(start)
	if fault != nil {
		return probes.Failed(fault.Cause, fault.Detail)
	}
	var missing []string
	for _, m := range metricsOf(spec) {
		if _, ok := numbers[m]; !ok {
			missing = append(missing, wire.Clean(m))
		}
	}
	if len(missing) > 0 {
		r := probes.Failed(health.CauseContent, "the softswitch has no "+strings.Join(missing, ", "))
		r.RTT = took
		return r
	}
	return p.judge(spec, numbers, took, learn)
}

// judge takes the numbers in and says what is wrong with them.
func (p *Prober) judge(spec probes.Spec, numbers map[string]float64, took time.Duration, learn bool) probes.Result {
	now, unusual := time.Now(), p.cfg.Unusual(spec.Check.Site)
	var wrong, fine []string
	cause := health.CauseNone
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range spec.Question.Numbers {
		n := &spec.Question.Numbers[i]
		r := reading{at: now, value: numbers[n.Metric], per: numbers[n.Per]}
		var j Judgement
		if s := p.of(spec.Check, n.Name, learn); learn {
			j = s.judgeAndLearn(spec.Check, r, n, over(spec), unusual)
		} else {
			j = s.judge(n, s.take(r, n, over(spec), false), now, unusual)
		}
		if j.Cause == health.CauseNone {
			fine = append(fine, n.Name+" "+j.Text)
			continue
		}
		wrong = append(wrong, n.Name+" "+j.Text)
		if cause == health.CauseNone {
			cause = j.Cause
		}
	}
	if len(wrong) > 0 {
		r := probes.Failed(cause, strings.Join(wrong, "; "))
		r.RTT = took
		return r
	}
	return probes.Succeeded(took, strings.Join(fine, "; "))
}

// Observe judges and learns a number that somebody else has read: a level,
// smoothed over a time.
func (p *Prober) Observe(c health.Check, n *fleet.Number, v float64, over time.Duration) Judgement {
	now, unusual := time.Now(), p.cfg.Unusual(c.Site)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.of(c, n.Name, true).judgeAndLearn(c, reading{at: now, value: v}, n, over, unusual)
}

// of returns the series of a number. Without keep, one that is not there is made
// for this question alone, and one that is there is a copy.
func (p *Prober) of(c health.Check, number string, keep bool) *series {
	k := key{c.Site, c.Switch, c.Kind, number}
	s := p.series[k]
	switch {
	case s == nil:
		s = &series{}
		if keep {
			p.series[k] = s
		}
	case !keep:
		held := *s
		s = &held
		s.readings = append([]reading(nil), s.readings...)
	}
	return s
}

const defaultOver = time.Minute

func over(spec probes.Spec) time.Duration {
	if spec.Question.Over > 0 {
		return spec.Question.Over
	}
	return defaultOver
}

// Judgement is what is thought of a number.
type Judgement struct {
	Cause health.Cause // CauseNone: not wrong
	Text  string       // for people: "is 41, abnormally low: 180 is usual …"
	Known bool         // Value is one
	Value float64
	// Expected, Least and Most are zero unless Compared.
	Compared              bool
	Expected, Least, Most float64
}

// Reading is the last judgement of one number.
type Reading struct {
	Check  health.Check
	Number string
	Judgement
}

// Readings returns the last judgement of each number that is asked for, in no
// order.
func (p *Prober) Readings() []Reading {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Reading
	for _, s := range p.series {
		if s.latest.Number != "" && time.Since(s.touched) < forgetReadings {
			out = append(out, s.latest)
		}
	}
	return out
}

// forgetReadings is after how long a number that is no longer asked for is not
// shown any more.
const forgetReadings = 2 * time.Hour

// figure writes a number for people: three digits are enough.
func figure(v float64) string {
	if v >= 100 || v <= -100 || v == float64(int64(v)) {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
