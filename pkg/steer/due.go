package steer

import "time"

// NextDue is the earliest time after now at which Decide would act by the
// clock alone: the end of a drain, its stage, the end of a failover, a hold, a block or a key's stage, of the look
// whether a failure is at other sites too, or the next failback step. False when nothing is due.
func NextDue(s State, now time.Time) (time.Time, bool) {
	if s.Fleet == nil {
		return time.Time{}, false
	}
	var next time.Time
	add := func(t time.Time) {
		if t.After(now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, d := range s.Drains {
		add(d.Until)
		if wait, ok := StageTime(s.Fleet, d); ok {
			add(d.StageAt.Add(wait))
		}
	}
	for i := range s.Outs {
		if o := &s.Outs[i]; o.awaits() {
			add(o.Until)
		}
	}
	for _, k := range s.ZoneKeys {
		if due, ok := k.Due(); ok {
			add(due)
		}
	}
	for _, h := range s.Holds {
		add(h.Until)
	}
	for _, b := range s.Blocks {
		add(b.Until)
	}
	for _, q := range s.Quarantines {
		add(q.Until)
	}
	for i := range s.Silences {
		add(s.Silences[i].Until)
	}
	v := view{State: &s}
	for _, m := range s.Moves {
		add(m.At.Add(moveWindow))
	}
	for _, verdict := range s.Verdicts {
		if until, spreads := v.lookUntil(&verdict); spreads {
			add(until)
		}
	}
	for _, f := range s.Failbacks {
		due, _ := FailbackDue(s, f, now)
		add(due)
	}
	return next, !next.IsZero()
}
