package probes

import (
	"context"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
)

// Runner asks all checks of one observer and keeps its opinions.
type Runner struct {
	cfg  Config
	wake chan struct{} // a change that the schedule must look at
	quit chan struct{} // closed by Stop
	done chan struct{} // closed when the schedule has ended and all it started has returned
	work sync.WaitGroup
	turn func() // waits for one at the end of the queue; runtime.Gosched

	mu sync.Mutex // guards all below
	//
	started, stopped bool
	checks           map[health.Check]*check
	switches         map[switchKey]*softswitch
	placed           int // softswitches that were given an offset so far
	addresses        []netip.Addr
	agenda           agenda
	asleep           time.Time // until then the schedule sleeps, if nobody pokes it
	running          int       // questions under way
	urgent, patient  []*check  // waiting for a place: under suspicion, regular
	late             lateness
	asked            window
	notes            []note // for the callbacks
}

// note is one call of a callback that is due.
type note struct {
	observation *health.Observation
	opinion     *health.Opinion
}

// New returns a runner that asks nothing yet.
func New(cfg Config) (*Runner, error) {
	cfg, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	return &Runner{
		cfg:      cfg,
		wake:     make(chan struct{}, 1),
		quit:     make(chan struct{}),
		done:     make(chan struct{}),
		turn:     runtime.Gosched,
		late:     lateness{beat: beatOf(cfg.Timeout)},
		checks:   make(map[health.Check]*check),
		switches: make(map[switchKey]*softswitch),
	}, nil
}

// Start begins to ask. The goroutine it starts ends with Stop, which waits for
// it. A second Start does nothing.
func (r *Runner) Start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started || r.stopped {
		return
	}
	r.started = true
	r.schedule(r.sorted())
	go func() {
		defer close(r.done)
		// The runner outlives any caller's context; Stop ends this one.
		ctx, cancel := context.WithCancel(context.Background())
		r.run(ctx)
		cancel()
		r.work.Wait()
	}()
}

// Stop ends all questions and waits for what was started, until ctx ends. It
// may be called more than once, and before Start.
func (r *Runner) Stop(ctx context.Context) error {
	r.mu.Lock()
	if !r.stopped {
		r.stopped = true
		close(r.quit)
		if !r.started {
			close(r.done)
		}
	}
	r.mu.Unlock()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run is the schedule: the only goroutine that looks at the agenda, starts
// others, and calls back. What it starts ends with ctx.
func (r *Runner) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-r.quit:
			return
		case <-timer.C:
		case <-r.wake:
		}
		r.mu.Lock()
		r.advance(ctx, time.Now())
		notes := r.notes
		r.notes = nil
		next, some := r.agenda.next()
		r.asleep = next
		r.mu.Unlock()
		for _, n := range notes {
			r.call(n)
		}
		if some {
			timer.Reset(time.Until(next))
		}
	}
}

func (r *Runner) call(n note) {
	switch {
	case n.observation != nil:
		r.cfg.OnObservation(*n.observation)
	case n.opinion != nil:
		r.cfg.OnOpinion(*n.opinion)
	}
}

// pokeIfDue makes the schedule look again when there is something to do for it
// before it would by itself. Most answers change nothing.
func (r *Runner) pokeIfDue() {
	next, _ := r.agenda.next()
	if len(r.notes)+len(r.urgent)+len(r.patient) > 0 || r.asleep.IsZero() || next.Before(r.asleep) {
		r.poke()
	}
}

// poke makes the schedule look again.
func (r *Runner) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Opinions returns what is believed of every check that is asked, ordered by
// check. What is held open has no opinion of its own.
func (r *Runner) Opinions() []health.Opinion {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []health.Opinion
	for _, c := range r.sorted() {
		if c.prober != nil {
			all = append(all, c.opinion())
		}
	}
	return all
}

// Recent returns the last results of a check, oldest first: the evidence for
// its opinion.
func (r *Runner) Recent(id health.Check) []health.Observation {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.checks[id]
	if c == nil {
		return nil
	}
	return slices.Clone(c.recent)
}

// ProbeNow asks every check of the target once, now, whatever the schedule. It
// does not wait for the answers.
func (r *Runner) ProbeNow(target health.Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for _, c := range r.sorted() {
		if c.spec.Check.Target == target && c.prober != nil {
			r.agenda.add(event{at: now, what: dueNow, check: c})
		}
	}
	r.poke()
}

// Stats is what a runner is doing.
type Stats struct {
	Late    Late // how late this machine is
	Checks  int  // that are asked or held open
	Running int  // questions under way
	Waiting int  // questions that wait for a place (Concurrency)
	Hung    int  // probers that have not returned long after their timeout
}

// Stats returns what the runner is doing.
func (r *Runner) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	s := Stats{Late: r.asked.sum(now, r.lostBy(now)), Checks: len(r.checks), Running: r.running, Waiting: len(r.urgent) + len(r.patient)}
	for _, c := range r.checks {
		s.Hung += c.hung
	}
	return s
}

// sorted returns all checks in order.
func (r *Runner) sorted() []*check {
	all := make([]*check, 0, len(r.checks))
	for _, c := range r.checks {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *check) int { return a.spec.Check.Compare(b.spec.Check) })
	return all
}
