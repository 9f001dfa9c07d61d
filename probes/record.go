package probes

import (
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
)

// result counts what came of an attempt.
func (r *Runner) result(a *attempt, res Result, now time.Time) {
	own := r.ownFault(a, res, now)
	r.record(a.check, a.start, a.round, own, now)
	if a.blind {
		r.askAgain(a, now)
	}
}

// record counts one result of a check that was asked at start.
func (r *Runner) record(c *check, start time.Time, round bool, res Result, now time.Time) {
	if c.removed || r.stopped {
		return
	}
	r.observe(c, res, now)
	c.tally.add(res)
	if res.Numbers != nil {
		c.numbers = res.Numbers
	}
	if !res.Ends.At.IsZero() || res.Outcome == health.Success {
		c.ends = res.Ends
	}
	was := c.counter.Status()
	switch {
	case res.Outcome != health.NoData:
		c.counter = c.counter.Next(res.Outcome, c.times.Thresholds)
		if was != health.Down && c.counter.Status() == health.Down {
			c.pattern = c.intermittence()
		}
	case round:
		c.counter = c.counter.Miss(missLimit)
	}
	if start.Equal(c.asked) {
		c.good = res.Outcome == health.Success
	}
	r.tell(c)
	r.react(c, start, res.Outcome, now)
}

func timedOut(c health.Cause) bool {
	return c == health.CauseTimeout || c == health.CauseTLSHang
}

// observe keeps one result as evidence and passes it on.
func (r *Runner) observe(c *check, res Result, now time.Time) {
	o := health.Observation{Check: c.spec.Check, At: now, Outcome: res.Outcome, Cause: res.Cause, Detail: res.Detail, RTT: res.RTT, Certificate: res.Certificate}
	c.remember(o)
	if r.cfg.OnObservation != nil {
		r.notes = append(r.notes, note{observation: &o})
	}
}

// tell passes on a change of opinion. A change of detail alone is none.
func (r *Runner) tell(c *check) {
	o := c.opinion()
	if o.Status == c.told.Status && o.Cause == c.told.Cause {
		return
	}
	id := c.spec.Check
	r.cfg.Logger.Info().
		Str("site", string(id.Site)).Str("switch", string(id.Switch)).
		Stringer("transport", id.Transport).Str("kind", string(id.Kind)).
		Stringer("from", c.told.Status).Stringer("to", o.Status).
		Str("cause", string(o.Cause)).Str("detail", o.Detail).Msg("opinion changed")
	c.told = o
	if r.cfg.OnOpinion != nil {
		r.notes = append(r.notes, note{opinion: &o})
	}
}
