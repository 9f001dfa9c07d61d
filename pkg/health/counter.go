package health

// Thresholds say how many results move a Counter. A value below 1 counts as 1.
type Thresholds struct {
	// Fall is the number of failures in total, not in a row, that make a check
	// Down. A probe that loses every third answer is sick, although it never
	// fails twice in a row. Too low, and one lost packet moves traffic.
	Fall int
	// Reset is the number of successes in a row that forget the failures. Too
	// low, and slow intermittent failure is never seen.
	Reset int
	// Rise is the number of successes in a row that bring a check back Up. Too
	// low, and a softswitch that flaps takes its phones along.
	Rise int
	// Hold bounds how many successes in a row a repeat offender needs; below Rise
	// it counts as Rise, and 0 is no bound but that of the doubling. Who asks sets
	// it so that the hold-down has a longest time, whatever the interval.
	Hold int
}

func (t Thresholds) atLeastOne() Thresholds {
	t = Thresholds{Fall: max(t.Fall, 1), Reset: max(t.Reset, 1), Rise: max(t.Rise, 1), Hold: t.Hold}
	if t.Hold != 0 {
		t.Hold = max(t.Hold, t.Rise)
	}
	return t
}

// The hold-down of repeat offenders.
const (
	// maxFalls bounds the doubling: the longest hold is Rise << (maxFalls-1).
	maxFalls = 5
	// decayRuns is how many times its own hold a check must stay Up without a
	// failure before one fall is forgiven.
	decayRuns = 4
)

// Counter is what one observer remembers of one check. The zero value knows
// nothing. It is gdnsd's counter (docs/gdnsd.config.podin, up_thresh and
// down_thresh) with two additions: Unknown as a status of its own, and a
// hold-down that doubles with every fall and decays while the check is Up
// (Envoy's outlier ejection, RFC 2439).
type Counter struct {
	status   Status
	failures int  // since they were last forgotten
	streak   int  // successes in a row
	calm     int  // successes in a row while Up, since the last fall or decay
	falls    int  // times it went from Up to Down, less what decayed
	idle     int  // intervals in a row without data
	owes     bool // Unknown, but was Down before: it must rise, not just answer once
}

// Status returns what is believed now.
func (c Counter) Status() Status { return c.status }

// Failures returns the failures that are not forgotten yet.
func (c Counter) Failures() int { return c.failures }

// Need returns how many successes in a row bring the check back Up: Rise,
// doubled for every fall after the first that has not decayed, at most Hold.
func (c Counter) Need(t Thresholds) int {
	t = t.atLeastOne()
	need := t.Rise << max(c.falls-1, 0)
	if t.Hold > 0 {
		need = min(need, t.Hold)
	}
	return need
}

// Next returns the counter after one result. NoData changes nothing: an
// observer that could not ask has learned nothing.
//
// A check of which nothing is known is Up after its first success, so that one
// round decides at start, and Down after Fall failures.
func (c Counter) Next(o Outcome, t Thresholds) Counter {
	t = t.atLeastOne()
	switch o {
	case Success:
		return c.success(t)
	case Failure:
		return c.failure(t)
	}
	return c
}

func (c Counter) success(t Thresholds) Counter {
	c.idle = 0
	c.streak++
	if c.streak >= t.Reset {
		c.failures = 0
	}
	switch {
	case c.status == Up:
		c.calm++
		if c.falls > 0 && c.calm >= decayRuns*c.Need(t) {
			c.falls--
			c.calm = 0
		}
	case c.status == Unknown && !c.owes:
		c.status, c.calm = Up, 0
	case c.streak >= c.Need(t):
		c.status, c.failures, c.calm, c.owes = Up, 0, 0, false
	}
	return c
}

func (c Counter) failure(t Thresholds) Counter {
	c.idle, c.streak, c.calm = 0, 0, 0
	// The bound keeps the count readable; more than Fall says nothing new.
	c.failures = min(c.failures+1, t.Fall)
	if c.status == Down || c.failures < t.Fall {
		return c
	}
	if c.status == Up {
		c.falls = min(c.falls+1, maxFalls)
	}
	c.status, c.owes = Down, false
	return c
}

// Miss returns the counter after one interval that brought no data. After
// limit such intervals in a row the status is Unknown, and the failures and
// successes from before are forgotten; the falls are not, and a check that was
// Down still has to rise before it is Up.
func (c Counter) Miss(limit int) Counter {
	limit = max(limit, 1)
	c.idle = min(c.idle+1, limit)
	if c.idle < limit {
		return c
	}
	c.owes = c.owes || c.status == Down
	c.status, c.failures, c.streak, c.calm = Unknown, 0, 0, 0
	return c
}
