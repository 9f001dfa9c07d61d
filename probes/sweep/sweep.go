// Package sweep asks a TLS listener for the certificate of every name that it
// serves, a few at a time, so that all were asked in a cycle. One name with a bad
// certificate is one customer without telephone, whom no check of the listener
// sees.
package sweep

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
)

// Config of a Prober.
type Config struct {
	// Names are those that a site serves, sorted. What is returned is not changed.
	Names func(fleet.SiteID) []string
	// Handshake asks for one name: package tlscheck.
	Handshake probes.Prober
}

const (
	// atOnce bounds the handshakes with one listener at a time.
	atOnce = 8
	// mostNames bounds one batch: with more names a cycle takes longer.
	mostNames = 200
	// defaultCycle is in what time all names are asked.
	defaultCycle = time.Hour
	// named is how many bad names a sentence lists.
	named = 3
)

// Prober sweeps over the names of each listener.
type Prober struct {
	cfg Config

	mu     sync.Mutex
	states map[health.Check]*state // guarded by mu
}

// state is how far one sweep is.
type state struct {
	next string // the first name that is not asked yet; "" begins anew
	bad  map[string]probes.Result
	done int // names asked in this cycle
	full bool
}

// New returns a prober that has asked nothing.
func New(cfg Config) *Prober { return &Prober{cfg: cfg, states: map[health.Check]*state{}} }

// Probe implements probes.Prober: it asks for the next names, and again for
// those that were bad. It fails while any name is bad, with the cause of the
// first. A listener that does not answer at all fails with that cause; then
// nothing is said of names.
func (p *Prober) Probe(ctx context.Context, spec probes.Spec) probes.Result {
	start := time.Now()
	names := p.cfg.Names(spec.Check.Site)
	if len(names) == 0 {
		return probes.Failed(health.CauseLocal, "this site serves no names yet")
	}
	batch := p.batch(spec, names)
	results := p.ask(ctx, spec, batch)
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.states[spec.Check]
	if dead, ok := unreachable(results); ok {
		return dead
	}
	for name, r := range results {
		switch {
		case r.Outcome == health.Success:
			delete(s.bad, name)
		case ofName(r.Cause):
			s.bad[name] = r
		}
	}
	s.advance(names, batch)
	return s.result(names, time.Since(start))
}

// batch chooses the names of one probe: those that are bad, at most half of
// them, and the next ones.
func (p *Prober) batch(spec probes.Spec, names []string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.states[spec.Check]
	if s == nil {
		s = &state{bad: map[string]probes.Result{}}
		p.states[spec.Check] = s
	}
	for name := range s.bad {
		if _, still := slices.BinarySearch(names, name); !still {
			delete(s.bad, name)
		}
	}
	cycle := cmp.Or(spec.Question.Cycle, defaultCycle)
	n := int((time.Duration(len(names))*spec.Times.Interval + cycle - 1) / cycle)
	n = min(max(n, 1), mostNames, len(names))
	from, _ := slices.BinarySearch(names, s.next)
	if from == len(names) {
		from = 0
	}
	out := slices.Clone(names[from:min(from+n, len(names))])
	for _, name := range slices.Sorted(maps.Keys(s.bad)) {
		if len(out) < n+max(n/2, 1) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// advance moves on behind the last name of a batch that was in turn.
func (s *state) advance(names, batch []string) {
	from, _ := slices.BinarySearch(names, s.next)
	if from == len(names) {
		from = 0
	}
	for from < len(names) && slices.Contains(batch, names[from]) {
		from, s.done = from+1, s.done+1
	}
	if from == len(names) {
		s.next, s.full, s.done = "", true, 0
		return
	}
	s.next = names[from]
}

// ask shakes hands for each name, a few at a time.
func (p *Prober) ask(ctx context.Context, spec probes.Spec, names []string) map[string]probes.Result {
	var (
		mu   sync.Mutex
		out  = make(map[string]probes.Result, len(names))
		work sync.WaitGroup
		turn = make(chan struct{}, atOnce)
	)
	for _, name := range names {
		turn <- struct{}{}
		work.Go(func() {
			defer func() { <-turn }()
			one := spec
			one.ServerName = name
			r := p.cfg.Handshake.Probe(ctx, one)
			mu.Lock()
			defer mu.Unlock()
			out[name] = r
		})
	}
	work.Wait()
	return out
}

// ofName reports whether a failure is of the name that was asked for, and not
// of the listener.
func ofName(c health.Cause) bool { return c.AboutCertificate() || c == health.CauseTLSRefused }

// unreachable returns the failure of a listener that answered for no name.
func unreachable(results map[string]probes.Result) (probes.Result, bool) {
	var worst probes.Result
	for _, name := range slices.Sorted(maps.Keys(results)) {
		r := results[name]
		if r.Outcome == health.Success || ofName(r.Cause) {
			return probes.Result{}, false
		}
		worst = r
	}
	return worst, true
}

func (s *state) result(names []string, took time.Duration) probes.Result {
	how := fmt.Sprintf("%d names", len(names))
	if !s.full {
		how = fmt.Sprintf("%d of %d names so far", s.done, len(names))
	}
	if len(s.bad) == 0 {
		return probes.Succeeded(took, how+", all well")
	}
	var says []string
	bad := slices.Sorted(maps.Keys(s.bad))
	for _, name := range bad[:min(len(bad), named)] {
		says = append(says, name+": "+s.bad[name].Detail)
	}
	if more := len(bad) - named; more > 0 {
		says = append(says, fmt.Sprintf("%d more", more))
	}
	first := s.bad[bad[0]]
	r := probes.Failed(first.Cause, fmt.Sprintf("%d of %s are bad: %s", len(bad), how, strings.Join(says, "; ")))
	r.RTT, r.Certificate = took, first.Certificate
	return r
}
