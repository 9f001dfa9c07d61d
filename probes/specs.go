package probes

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
)

// SetSpecs replaces what is asked. A spec that did not change keeps its counter
// and its place in the interval; one that did is a new check. Nothing changes
// if any spec cannot be asked: one named twice, of a kind without a prober, or
// without an address.
func (r *Runner) SetSpecs(specs []Spec) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	want, err := r.byCheck(specs)
	if err != nil {
		return err
	}
	for _, c := range r.sorted() {
		if s, ok := want[c.spec.Check]; !ok || !s.equal(c.spec) {
			r.remove(c)
		}
	}
	var added []*check
	for _, s := range specs {
		if r.checks[s.Check] == nil {
			added = append(added, r.add(s))
		}
	}
	slices.SortFunc(added, func(a, b *check) int { return a.spec.Check.Compare(b.spec.Check) })
	// In order of check, so that the same fleet gets the same phases.
	for _, c := range added {
		if c.prober != nil {
			c.phase = c.owner.place(c.times.Interval)
		}
	}
	least := r.cfg.Timeout
	for _, c := range r.checks {
		least = min(least, c.times.Timeout)
	}
	r.late.beat = beatOf(least)
	r.addresses = r.addresses[:0:0] // readers may still hold the old ones
	for _, s := range specs {
		if s.Address.IsValid() {
			r.addresses = append(r.addresses, s.Address.Addr())
		}
	}
	slices.SortFunc(r.addresses, netip.Addr.Compare)
	r.addresses = slices.Compact(r.addresses)
	if r.started && !r.stopped {
		r.schedule(added)
		r.poke()
	}
	return nil
}

func (r *Runner) byCheck(specs []Spec) (map[health.Check]Spec, error) {
	want := make(map[health.Check]Spec, len(specs))
	for _, s := range specs {
		_, twice := want[s.Check]
		_, asked := r.cfg.Probers[s.Check.Kind.Base()]
		_, held := r.cfg.Watchers[s.Check.Kind.Base()]
		switch {
		case twice:
			return nil, fmt.Errorf("%w: check %s is named twice", ErrConfig, s.Check)
		case !asked && !held:
			return nil, fmt.Errorf("%w: check %s: nobody knows how to ask %q", ErrConfig, s.Check, s.Check.Kind)
		case !s.Question.local() && (!s.Address.IsValid() || s.Address.Port() == 0):
			return nil, fmt.Errorf("%w: check %s has no address", ErrConfig, s.Check)
		case !s.Check.Transport.Valid():
			return nil, fmt.Errorf("%w: check %s has no transport", ErrConfig, s.Check)
		}
		if t := s.Times.or(r.times()); t.Timeout > t.Interval {
			return nil, fmt.Errorf("%w: check %s has a timeout of %s and an interval of %s", ErrConfig, s.Check, t.Timeout, t.Interval)
		}
		want[s.Check] = s
	}
	return want, nil
}

// times are those of all checks.
func (r *Runner) times() Times {
	return Times{Interval: r.cfg.Interval, Timeout: r.cfg.Timeout, Thresholds: r.cfg.Thresholds}
}

func (r *Runner) add(s Spec) *check {
	key := switchKey{s.Check.Site, s.Check.Switch}
	owner := r.switches[key]
	if owner == nil {
		// The hash sets observers apart, the golden ratio softswitches.
		start := float64(hash(string(r.cfg.Observer))%1e6) / 1e6
		owner = &softswitch{key: key, offset: fraction(start + golden*float64(r.placed))}
		r.placed++
		r.switches[key] = owner
	}
	c := &check{
		spec: s, owner: owner, times: s.Times.or(r.times()),
		prober: r.cfg.Probers[s.Check.Kind.Base()], watcher: r.cfg.Watchers[s.Check.Kind.Base()],
		told: health.Opinion{Check: s.Check},
	}
	owner.checks = append(owner.checks, c)
	r.checks[s.Check] = c
	return c
}

func (r *Runner) remove(c *check) {
	c.removed = true
	if c.stop != nil {
		c.stop()
	}
	delete(r.checks, c.spec.Check)
	c.owner.checks = slices.DeleteFunc(c.owner.checks, func(o *check) bool { return o == c })
	r.settle(c.owner, time.Now())
	if len(c.owner.checks) == 0 {
		delete(r.switches, c.owner.key)
	}
}

// warmUp is the spacing of the first questions: quick, so that opinions exist
// soon after a start, but no flood in a large fleet.
const warmUp = 5 * time.Millisecond

// schedule puts new checks into the agenda and starts the watchers. The first
// round is quick; from the second on each check has its own phase.
func (r *Runner) schedule(added []*check) {
	now := time.Now()
	spacing := warmUp
	if n := len(added); n > 0 {
		spacing = min(spacing, r.cfg.Interval/time.Duration(n))
	}
	for i, c := range added {
		if c.watcher != nil {
			r.agenda.add(event{at: now, what: dueWatch, check: c})
			continue
		}
		first := now.Add(time.Duration(i) * spacing)
		// One interval before the second round, on the grid.
		interval := c.times.Interval
		c.grid = now.Add(c.phase - interval)
		for c.grid.Add(interval).Sub(first) < interval/2 {
			c.grid = c.grid.Add(interval)
		}
		r.agenda.add(event{at: first, what: dueRound, check: c})
	}
}

// watch starts the goroutine that holds a check open. It ends with the check or
// with Stop, which waits for it.
func (r *Runner) watch(ctx context.Context, c *check) {
	ctx, stop := context.WithCancel(ctx)
	c.stop = stop
	r.work.Add(1)
	go func() {
		defer r.work.Done()
		c.watcher.Watch(ctx, c.spec, func(res Result) { r.reported(c, res) })
	}()
}
