package probes

import (
	"context"
	"fmt"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
)

// attempt is one question under way.
type attempt struct {
	check *check
	start time.Time
	until time.Time     // deadline of the prober
	lost  time.Duration // what this machine had withheld when it began
	round bool          // a regular question, not one under suspicion
	over  bool          // its result has been counted
	blind bool          // as no data, since this machine was late
}

const (
	// maxHung bounds what a prober that never returns can pile up for one
	// check: once one hangs, so many may be out.
	maxHung = 4
	// missLimit is how many intervals without data make an opinion unknown.
	missLimit = 3
)

// grace is what a prober gets to return after its timeout before the runner
// counts for it.
func (c *check) grace() time.Duration { return max(c.times.Timeout/8, 20*time.Millisecond) }

// advance does everything that is due.
func (r *Runner) advance(ctx context.Context, now time.Time) {
	for {
		e, ok := r.agenda.take(now)
		if !ok {
			break
		}
		r.late.note(e.at, now)
		if e.what == dueBeat {
			r.lookAtLateness(now)
			continue
		}
		if e.check.removed && e.attempt == nil {
			continue
		}
		switch e.what {
		case dueRound:
			r.round(ctx, e.check, now)
		case dueBurst:
			r.burst(ctx, e.check, now)
		case dueNow:
			r.ask(ctx, e.check, now, false)
		case dueAgain:
			e.check.again = false
			r.ask(ctx, e.check, now, false)
		case dueWatch:
			r.watch(ctx, e.check)
		case dueSlow:
			r.slow(e.attempt, now)
		case dueCut:
			r.cut(e.attempt, now)
		}
	}
	r.fill(ctx, now)
}

// round plans the check's next regular question and asks this one.
func (r *Runner) round(ctx context.Context, c *check, now time.Time) {
	c.grid = c.grid.Add(c.times.Interval)
	if !c.grid.After(now) { // after a pause, do not catch up
		behind := now.Sub(c.grid)/c.times.Interval + 1
		c.grid = c.grid.Add(behind * c.times.Interval)
	}
	jitter := time.Duration(r.cfg.Rand.Int64N(int64(c.times.Interval/20) + 1))
	r.agenda.add(event{at: c.grid.Add(jitter), what: dueRound, check: c})

	switch {
	case c.waiting:
		r.record(c, now, true, Failed(health.CauseLocal, "no place free to ask for a whole interval"), now)
	case c.stuck():
		r.record(c, now, true, Failed(health.CauseLocal, fmt.Sprintf("%d probers have not returned", c.hung)), now)
	case now.Sub(c.asked) >= max(r.cfg.Burst, c.times.Again): // else just asked, under suspicion
		r.ask(ctx, c, now, true)
	}
}

// ask starts one question, or lets it wait for a place.
func (r *Runner) ask(ctx context.Context, c *check, now time.Time, round bool) {
	if c.removed || c.waiting || c.stuck() {
		return
	}
	if r.running >= r.cfg.Concurrency {
		c.waiting, c.round = true, round
		if c.suspect {
			r.urgent = append(r.urgent, c)
		} else {
			r.patient = append(r.patient, c)
		}
		return
	}
	sick := !c.good && !c.asked.IsZero() // the last question was not answered well, or not yet
	c.asked, c.good = now, false
	a := &attempt{check: c, start: now, until: now.Add(c.times.Timeout + c.stretch), lost: r.lostBy(now), round: round}
	r.watchLateness(now.Add(quietBeats * r.late.beat))
	if c.apart() { // it takes its time; only the cut is planned
		r.agenda.add(event{at: a.until.Add(c.grace()), what: dueCut, check: c, attempt: a})
	} else {
		r.agenda.add(event{at: now.Add(c.times.Timeout / 2), what: dueSlow, check: c, attempt: a})
	}
	r.running++
	c.open++
	r.work.Add(1)
	// Ends with the prober, at the latest when ctx does; Stop waits for it.
	go func() {
		defer r.work.Done()
		ctx, cancel := context.WithDeadline(ctx, a.until)
		defer cancel()
		var wire *Transcript
		if sick {
			ctx, wire = Record(ctx)
		}
		r.answered(a, r.probe(ctx, c.prober, c.spec), wire)
	}()
}

// probe calls the prober. A panic there must not take down the agent, which
// answers DNS: it is logged and is no data.
func (r *Runner) probe(ctx context.Context, p Prober, s Spec) (res Result) {
	defer func() {
		if v := recover(); v != nil {
			r.cfg.Logger.Error().Stringer("check", s.Check).Str("panic", fmt.Sprintf("%q", fmt.Sprint(v))).Msg("prober panicked")
			res = Failed(health.CauseLocal, "the prober panicked")
		}
	}()
	res = p.Probe(ctx, s)
	if res.Cause == health.CauseUnreachable && !r.anyRoute() {
		return Failed(health.CauseLocal, "this machine has no route to any softswitch: "+res.Detail)
	}
	return res
}

// anyRoute reports whether this machine knows a way to at least one softswitch.
// Loopback does not count, unless there is nothing else.
func (r *Runner) anyRoute() bool {
	r.mu.Lock()
	addresses := r.addresses // never changed in place
	r.mu.Unlock()
	outside := false
	for _, a := range addresses {
		if a.IsLoopback() {
			continue
		}
		outside = true
		if r.cfg.HasRoute(a) {
			return true
		}
	}
	return !outside
}

// answered counts what a prober returned. One that was cut has been counted.
func (r *Runner) answered(a *attempt, res Result, transcript *Transcript) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a.check.open--
	if transcript != nil && res.Outcome == health.Failure {
		a.check.evidence, a.check.failed = evidence(transcript), time.Now()
	}
	if a.over {
		a.check.hung--
		if a.blind && !timedOut(res.Cause) { // a fact, however late
			r.record(a.check, a.start, false, res, time.Now())
			r.poke()
		}
		return
	}
	a.over = true
	r.running--
	r.result(a, res, time.Now())
	r.pokeIfDue()
}

// cut counts for a prober that did not return, and frees its place. One that was
// not granted its time by this machine gets more turns first, up to twice the
// time.
func (r *Runner) cut(a *attempt, now time.Time) {
	if a.over {
		return
	}
	whole := a.check.times.Timeout + a.check.grace()
	left := min(whole-r.granted(a, now), a.until.Add(a.until.Sub(a.start)).Sub(now))
	if left > 0 {
		r.agenda.add(event{at: now.Add(left), what: dueCut, check: a.check, attempt: a})
		return
	}
	a.over = true
	r.running--
	a.check.hung++
	r.cfg.Logger.Warn().Stringer("check", a.check.spec.Check).Dur("took", now.Sub(a.start)).Msg("prober did not return at its timeout")
	r.result(a, Failed(health.CauseTimeout, "the prober did not return at its timeout"), now)
}

// fill gives free places to the questions that wait.
func (r *Runner) fill(ctx context.Context, now time.Time) {
	for r.running < r.cfg.Concurrency {
		queue := &r.urgent
		if len(*queue) == 0 {
			queue = &r.patient
		}
		if len(*queue) == 0 {
			return
		}
		c := (*queue)[0]
		*queue = (*queue)[1:]
		c.waiting = false
		r.ask(ctx, c, now, c.round)
	}
}
