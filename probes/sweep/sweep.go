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
	"github.com/sipsteer/sipsteer/probes/internal/wire"
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
	// soon is from when on before its end a certificate is remembered.
	soon = 30 * 24 * time.Hour
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
	// suspect are names that failed once in a way that may be the listener's, such
	// as a handshake that hangs.
	suspect map[string]bool
	ends    map[string]time.Time // of names whose certificate ends soon
	again   string               // the last bad name that was asked again, out of turn
	well    string               // a name that was well when it was asked last
	done    int                  // names asked in this cycle
	full    bool
}

// New returns a prober that has asked nothing.
func New(cfg Config) *Prober { return &Prober{cfg: cfg, states: map[health.Check]*state{}} }

// Probe implements probes.Prober: it asks for the next names, and again for
// those that were bad or suspect. It fails while any name is bad, with the cause of
// the first. A name is bad when its certificate is, or when it fails otherwise twice
// running while others are well: the handshake hangs for it alone. A listener that
// does not answer at all fails with that cause; then nothing is said of names.
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
	s.take(results)
	s.advance(names, results)
	return s.result(names, time.Since(start))
}

// batch chooses the names of one probe: those that are bad, at most half of
// them, and the next ones.
func (p *Prober) batch(spec probes.Spec, names []string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.states[spec.Check]
	if s == nil {
		s = &state{bad: map[string]probes.Result{}, suspect: map[string]bool{}, ends: map[string]time.Time{}}
		p.states[spec.Check] = s
	}
	gone := func(name string) bool { _, still := slices.BinarySearch(names, name); return !still }
	maps.DeleteFunc(s.bad, func(name string, _ probes.Result) bool { return gone(name) })
	maps.DeleteFunc(s.suspect, func(name string, _ bool) bool { return gone(name) })
	maps.DeleteFunc(s.ends, func(name string, _ time.Time) bool { return gone(name) })
	cycle := cmp.Or(spec.Question.Cycle, defaultCycle)
	n := int((time.Duration(len(names))*spec.Times.Interval + cycle - 1) / cycle)
	n = min(max(n, 1), mostNames, len(names))
	from, _ := slices.BinarySearch(names, s.next)
	if from == len(names) {
		from = 0
	}
	out := s.outOfTurn(max(n/2, 1))
	for _, name := range names[from:min(from+n, len(names))] {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	if s.well != "" && !gone(s.well) && !slices.Contains(out, s.well) {
		out = append(out, s.well) // to tell a name from the listener
	}
	return out
}

// outOfTurn are at most so many names that failed: the suspects first, for at the
// next failure they are bad, and then the bad ones after those of the last time.
func (s *state) outOfTurn(most int) []string {
	out := slices.Sorted(maps.Keys(s.suspect))
	out = out[:min(len(out), most)]
	bad := slices.DeleteFunc(slices.Sorted(maps.Keys(s.bad)), func(name string) bool { return slices.Contains(out, name) })
	from, found := slices.BinarySearch(bad, s.again)
	if found {
		from++
	}
	for i := range min(len(bad), most-len(out)) {
		s.again = bad[(from+i)%len(bad)]
		out = append(out, s.again)
	}
	return out
}

// take sorts names by what came of them, where the listener answers.
func (s *state) take(results map[string]probes.Result) {
	before := s.well
	for _, name := range slices.Sorted(maps.Keys(results)) {
		r := results[name]
		_, known := s.bad[name]
		s.note(name, r.Ends)
		switch {
		case r.Outcome == health.NoData:
		case r.Outcome == health.Success:
			delete(s.bad, name)
			delete(s.suspect, name)
			if name != before {
				s.well = name // each is a witness once
			}
		case ofName(r.Cause), known, s.suspect[name]:
			s.bad[name] = r
			delete(s.suspect, name)
		default:
			s.suspect[name] = true
		}
	}
}

// note remembers whose certificate ends soon.
func (s *state) note(name string, e probes.Ending) {
	switch {
	case e.At.IsZero():
	case time.Until(e.At) < soon:
		s.ends[name] = e.At
	default:
		delete(s.ends, name)
	}
}

// first is the certificate that ends first, of those that end soon, and how many
// these are.
func (s *state) first() (first probes.Ending, of int) {
	for _, name := range slices.Sorted(maps.Keys(s.ends)) {
		if time.Until(s.ends[name]) > 0 {
			first = first.Sooner(probes.Ending{At: s.ends[name], Of: wire.Clean(name)})
			of++
		}
	}
	return first, of
}

// advance moves on behind the names in turn that were asked.
func (s *state) advance(names []string, asked map[string]probes.Result) {
	from, _ := slices.BinarySearch(names, s.next)
	if from == len(names) {
		from = 0
	}
	for from < len(names) {
		if _, was := asked[names[from]]; !was {
			break
		}
		from, s.done = from+1, s.done+1
	}
	if from == len(names) {
		s.next, s.full, s.done = "", true, 0
		return
	}
	s.next = names[from]
}

// ask shakes hands for each name, a few at a time. When others have hung for so long
// that less than half of the timeout is left, the rest waits for the next time: a
// failure would be no fault of theirs.
func (p *Prober) ask(ctx context.Context, spec probes.Spec, names []string) map[string]probes.Result {
	var (
		mu   sync.Mutex
		out  = make(map[string]probes.Result, len(names))
		work sync.WaitGroup
		turn = make(chan struct{}, atOnce)
	)
	for _, name := range names {
		turn <- struct{}{}
		if end, has := ctx.Deadline(); has && time.Until(end) < spec.Times.Timeout/2 {
			break
		}
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
	first, ending := s.first()
	if len(s.bad) == 0 {
		says := how + ", all well"
		if ending > 0 {
			says = fmt.Sprintf("%s; %d of them with a certificate that ends within 30 days, first %s on %s", says, ending, first.Of, first.At.UTC().Format(time.DateOnly))
		}
		r := probes.Succeeded(took, says)
		r.Ends = first
		return r
	}
	var says []string
	bad := slices.Sorted(maps.Keys(s.bad))
	for _, name := range bad[:min(len(bad), named)] {
		says = append(says, name+": "+s.bad[name].Detail)
	}
	if more := len(bad) - named; more > 0 {
		says = append(says, fmt.Sprintf("%d more", more))
	}
	worst := s.bad[bad[0]]
	r := probes.Failed(worst.Cause, fmt.Sprintf("%d of %s are bad: %s", len(bad), how, strings.Join(says, "; ")))
	r.RTT, r.Certificate, r.Ends = took, worst.Certificate, first
	return r
}
