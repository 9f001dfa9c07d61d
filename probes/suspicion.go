package probes

import (
	"context"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
)

const (
	// clearStreak is how many successes in a row clear a check that has no
	// failure to be forgotten. One could be luck, or from before the fault.
	clearStreak = 2
	// muteIntervals is for how many intervals soft signs are ignored after a
	// suspicion that came to nothing: a softswitch that is merely slow must not
	// be burdened with bursts. Failures are never ignored.
	muteIntervals = 10
	// dying is the part of Burst that a softswitch gets after its connection
	// broke. One of many processes closes its sockets over some milliseconds; a
	// datagram that it still takes would be waited for in vain.
	dying = 8
)

// suspect puts all checks of a softswitch that are not Down under suspicion:
// they are asked in a burst until each is Down or cleared. A soft sign, which a
// healthy softswitch may give too, is a slow answer or a closed connection.
//
// The first questions are sent at the moment from.
func (r *Runner) suspect(s *softswitch, now, from time.Time, soft bool) {
	if s.bursting || soft && now.Before(s.muted) {
		return
	}
	s.clean, s.since = true, now
	for _, c := range s.checks {
		if c.prober != nil && !c.apart() && c.counter.Status() != health.Down {
			s.bursting = true
			r.arm(c, from)
		}
	}
}

// arm puts one check under suspicion. It is asked at once if its last question
// was answered well, for that was before the fault; else after the spacing, so
// that one short disturbance is not counted twice.
func (r *Runner) arm(c *check, from time.Time) {
	c.suspect, c.streak = true, 0
	if c.burstTimer {
		return
	}
	at := c.asked.Add(r.cfg.Burst)
	if c.good || at.Before(from) {
		at = from
	}
	c.burstTimer = true
	r.agenda.add(event{at: at, what: dueBurst, check: c})
}

// burst asks a check that is under suspicion and plans the next question. It
// does not wait for answers: a silent softswitch would make that slow.
func (r *Runner) burst(ctx context.Context, c *check, now time.Time) {
	c.burstTimer = false
	if !c.suspect {
		return
	}
	r.ask(ctx, c, now, false)
	c.burstTimer = true
	r.agenda.add(event{at: now.Add(r.cfg.Burst), what: dueBurst, check: c})
}

// slow suspects the softswitch when half of a timeout brought no answer.
func (r *Runner) slow(a *attempt, now time.Time) {
	if a.over {
		return
	}
	if left := min(a.check.times.Timeout/2-r.granted(a, now), a.until.Sub(now)); left > 0 {
		r.agenda.add(event{at: now.Add(left), what: dueSlow, check: a.check, attempt: a})
		return
	}
	r.agenda.add(event{at: a.until.Add(a.check.grace()), what: dueCut, check: a.check, attempt: a})
	if !a.check.removed && a.check.counter.Status() != health.Down {
		r.suspect(a.check.owner, now, now, true)
	}
}

// react raises, keeps or clears suspicion after a result.
func (r *Runner) react(c *check, start time.Time, outcome health.Outcome, now time.Time) {
	s := c.owner
	down := c.counter.Status() == health.Down
	if c.apart() {
		if outcome == health.Failure && !down {
			r.agenda.add(event{at: now.Add(c.times.Again), what: dueNow, check: c})
		}
		return
	}
	switch outcome {
	case health.Failure:
		c.streak, s.clean = 0, false
		switch {
		case down:
		case s.bursting:
			r.arm(c, now)
		default:
			s.muted = time.Time{} // the soft sign before it was right
			r.suspect(s, now, now, false)
			s.clean = false
		}
	case health.Success:
		if !start.Before(s.since) {
			c.streak++
		}
	case health.NoData:
		c.suspect = false // asking faster does not help
	}
	if down || c.counter.Failures() == 0 && c.streak >= clearStreak {
		c.suspect = false
	}
	r.settle(s, now)
}

// settle ends the burst when no check of the softswitch is under suspicion.
func (r *Runner) settle(s *softswitch, now time.Time) {
	if !s.bursting {
		return
	}
	for _, c := range s.checks {
		if c.suspect {
			return
		}
	}
	s.bursting = false
	if s.clean {
		s.muted = now.Add(muteIntervals * r.cfg.Interval)
	}
}

// reported takes what a watcher says. It has no opinion of its own: that its
// connection broke makes all checks of the softswitch be asked at once, and
// their answers decide.
func (r *Runner) reported(c *check, res Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.removed || r.stopped {
		return
	}
	now := time.Now()
	r.observe(c, res, now)
	if res.Outcome == health.Failure {
		r.suspect(c.owner, now, now.Add(r.cfg.Burst/dying), res.Cause == health.CauseReset)
	}
	r.poke()
}
