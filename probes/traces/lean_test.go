package traces_test

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
)

// lean is one observer of one softswitch under nothing but random loss, for
// times that the real runner would take days to live through: the rules of
// package probes (agenda, suspicion, bursts) in one loop, around the real
// counter. TestLeanIsTheRunner holds the two together.
type lean struct {
	p       profile
	loss    float64
	rtt     time.Duration
	rnd     *rand.Rand
	checks  []leanCheck
	pending []leanEvent
	now     time.Duration

	bursting, clean bool
	since, muted    time.Duration

	changed func(i int, s health.Status, at time.Duration)
}

type leanCheck struct {
	check    health.Check
	interval time.Duration
	clear    float64 // probability that a question loses no packet
	counter  health.Counter
	grid     time.Duration
	round    time.Duration
	burst    time.Duration // or never
	asked    time.Duration
	good     bool
	suspect  bool
	streak   int
}

type leanEvent struct {
	at, start time.Duration
	check     int
	soft, ok  bool
}

const never = time.Duration(1<<63 - 1)

var thresholds = health.Thresholds{Fall: 3, Reset: 6, Rise: 12}

func newLean(p profile, checks []health.Check, loss float64, rtt time.Duration, seed uint64) *lean {
	l := &lean{p: p, loss: loss, rtt: rtt, rnd: rand.New(rand.NewPCG(seed, seed)), muted: -1, changed: func(int, health.Status, time.Duration) {}}
	for _, c := range checks {
		lc := leanCheck{check: c, interval: p.interval, burst: never, asked: -time.Hour}
		if c.Kind == health.Register {
			lc.interval *= 3
		}
		lc.grid = time.Duration(l.rnd.Float64() * float64(lc.interval))
		lc.round = lc.grid
		lc.counter = lc.counter.Next(health.Success, thresholds)
		lc.clear = l.clearOf(c)
		l.checks = append(l.checks, lc)
	}
	return l
}

// clearOf is the probability that a question and its answer lose no packet.
func (l *lean) clearOf(c health.Check) float64 {
	p := 1.0
	for range 2 * exchanges(c) {
		p *= 1 - l.loss
	}
	return p
}

// run lives until the end.
func (l *lean) run(end time.Duration) {
	for {
		at, what, i := l.next()
		if at > end {
			return
		}
		l.now = at
		c := &l.checks[min(i, len(l.checks)-1)]
		switch what {
		case dueRound:
			c.grid += c.interval
			c.round = c.grid + time.Duration(l.rnd.Int64N(int64(c.interval/20)+1))
			if l.now-c.asked >= l.p.burst {
				l.ask(i)
			}
		case dueBurst:
			c.burst = never
			if c.suspect {
				l.ask(i)
				c.burst = l.now + l.p.burst
			}
		case duePending:
			e := l.pending[i]
			l.pending = slices.Delete(l.pending, i, i+1)
			if e.soft {
				if l.checks[e.check].counter.Status() != health.Down {
					l.suspectAll(true)
				}
				continue
			}
			l.record(e.check, e.start, e.ok)
		}
	}
}

const (
	dueRound = iota
	dueBurst
	duePending
)

func (l *lean) next() (at time.Duration, what, index int) {
	at = never
	for i := range l.checks {
		if c := &l.checks[i]; c.round < at {
			at, what, index = c.round, dueRound, i
		}
		if c := &l.checks[i]; c.burst < at {
			at, what, index = c.burst, dueBurst, i
		}
	}
	for i := range l.pending {
		if l.pending[i].at < at {
			at, what, index = l.pending[i].at, duePending, i
		}
	}
	return at, what, index
}

func (l *lean) ask(i int) {
	c := &l.checks[i]
	c.asked, c.good = l.now, false
	if l.rnd.Float64() < c.clear {
		l.record(i, l.now, true)
		return
	}
	wait := took(c.check, l.loss, l.rtt, l.rnd)
	for wait <= time.Duration(exchanges(c.check))*l.rtt { // something is lost in this one
		wait = took(c.check, l.loss, l.rtt, l.rnd)
	}
	if wait >= l.p.timeout/2 {
		l.pending = append(l.pending, leanEvent{at: l.now + l.p.timeout/2, check: i, soft: true})
	}
	l.pending = append(l.pending, leanEvent{at: l.now + min(wait, l.p.timeout), start: l.now, check: i, ok: wait < l.p.timeout})
}

func (l *lean) record(i int, start time.Duration, ok bool) {
	c := &l.checks[i]
	before := c.counter.Status()
	outcome := health.Failure
	if ok {
		outcome = health.Success
	}
	c.counter = c.counter.Next(outcome, thresholds)
	if start == c.asked {
		c.good = ok
	}
	down := c.counter.Status() == health.Down
	switch {
	case !ok:
		c.streak, l.clean = 0, false
		switch {
		case down:
		case l.bursting:
			l.arm(i)
		default:
			l.muted = -1
			l.suspectAll(false)
			l.clean = false
		}
	case start >= l.since:
		c.streak++
	}
	if down || c.counter.Failures() == 0 && c.streak >= 2 {
		c.suspect = false
	}
	l.settle()
	if now := c.counter.Status(); now != before {
		l.changed(i, now, l.now)
	}
}

func (l *lean) suspectAll(soft bool) {
	if l.bursting || soft && l.now < l.muted {
		return
	}
	l.clean, l.since = true, l.now
	for i := range l.checks {
		if l.checks[i].counter.Status() != health.Down {
			l.bursting = true
			l.arm(i)
		}
	}
}

func (l *lean) arm(i int) {
	c := &l.checks[i]
	c.suspect, c.streak = true, 0
	if c.burst != never {
		return
	}
	c.burst = max(c.asked+l.p.burst, l.now)
	if c.good {
		c.burst = l.now
	}
}

func (l *lean) settle() {
	if !l.bursting {
		return
	}
	for i := range l.checks {
		if l.checks[i].suspect {
			return
		}
	}
	l.bursting = false
	if l.clean {
		l.muted = l.now + 10*l.p.interval
	}
}
