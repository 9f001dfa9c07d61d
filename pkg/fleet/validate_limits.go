package fleet

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// maxTTL is a day: phones would not move for so long.
	maxTTL = Duration(24 * time.Hour)
	// maxWait bounds the policy's periods: a week.
	maxWait = Duration(7 * 24 * time.Hour)
	// maxRetryAfter is an hour: a phone told more is lost for the day.
	maxRetryAfter = 3600
)

// ttl checks one lifetime against the floor. DNS knows whole seconds only.
func (v *validation) ttl(path, what string, d Duration) {
	floor := v.fleet.Policy.TTLFloor
	switch {
	case d < floor:
		v.add(path, "at least "+floor.String()+", or lower policy.ttl_floor", "the %s TTL %s is below the floor %s", what, d, floor)
	case d%Duration(time.Second) != 0:
		v.add(path, "whole seconds", "the %s TTL %s is not in whole seconds", what, d)
	case d > maxTTL:
		v.add(path, "at most 24h; phones would not move for so long", "the %s TTL %s is too long", what, d)
	}
}

func (v *validation) policy() {
	p := v.fleet.Policy
	if p.TTLFloor < Duration(time.Second) || p.TTLFloor%Duration(time.Second) != 0 {
		v.add("$.policy.ttl_floor", "1s or more, in whole seconds", "the TTL floor is %s", p.TTLFloor)
	}
	v.ttl("$.policy.ttl_normal", "normal", p.TTLNormal)
	v.ttl("$.policy.ttl_event", "event", p.TTLEvent)
	if p.TTLEvent > p.TTLNormal {
		v.add("$.policy.ttl_event", "at most "+p.TTLNormal.String(), "the event TTL %s is above the normal one %s", p.TTLEvent, p.TTLNormal)
	}
	if p.MaxFor <= 0 || p.MaxFor > Duration(MaxForLimit) {
		v.add("$.policy.max_for", "at most 72h", "max_for is %s", p.MaxFor)
	}
	if p.MaxMovesPerHour < 1 || p.MaxMovesPerHour > 1000 {
		v.add("$.policy.max_moves_per_hour", "1 to 1000; to stop automation: automation: advise", "max_moves_per_hour is %d", p.MaxMovesPerHour)
	}
	for i, w := range p.DrillBlocked {
		if _, err := ParseWindow(w); err != nil {
			v.add(fmt.Sprintf("$.policy.drill_blocked[%d]", i), "mon-fri 13:00-23:00", "%v", err)
		}
	}
	v.drills(p)
	if p.MinSites < 1 {
		v.add("$.policy.min_sites", "at least 1", "min_sites is %d", p.MinSites)
	}
	if n := len(v.fleet.Sites); p.MaxSitesOut < 1 || (n > 1 && p.MaxSitesOut >= n) {
		v.add("$.policy.max_sites_out", fmt.Sprintf("1 to %d, so that a site is left", max(1, n-1)), "max_sites_out is %d with %d sites", p.MaxSitesOut, n)
	}
	if p.DrainPriority < 900 || p.DrainPriority > 60000 {
		v.add("$.policy.drain_priority", "900 to 60000", "drain_priority is %d", p.DrainPriority)
	}
	v.waits(p)
	v.failbackSteps(p.FailbackSteps)
	v.failback(p.Failback)
	v.isolate(p.Isolate, p.MaxFor)
	v.retryAfter(p)
	v.emergencyNumbers(p.EmergencyNumbers)
	v.emergencyCountries(p.EmergencyCountries)
}

func (v *validation) waits(p Policy) {
	for _, d := range []struct {
		field string
		value Duration
	}{
		{"block", p.Block},
		{"common_cause_window", p.CommonCauseWindow},
		{"drain_grace", p.DrainGrace},
		{"registration_period", p.RegistrationPeriod},
		{"failback_interval", p.FailbackInterval},
	} {
		if d.value <= 0 || d.value > maxWait {
			v.add("$.policy."+d.field, "above zero, at most 168h", "%s is %s", d.field, d.value)
		}
	}
}

func (v *validation) failbackSteps(steps []int) {
	const hint = "ascending per cent that end with 100, for example [5, 25, 100]"
	last := 0
	for i, s := range steps {
		if s <= last || s > 100 {
			v.add(fmt.Sprintf("$.policy.failback_steps[%d]", i), hint, "step %d after %d", s, last)
			return
		}
		last = s
	}
	if last != 100 {
		v.add("$.policy.failback_steps", hint, "the last step is %d", last)
	}
}

func (v *validation) retryAfter(p Policy) {
	for _, n := range []struct {
		field string
		value int
	}{{"retry_after_min", p.RetryAfterMin}, {"retry_after_max", p.RetryAfterMax}} {
		if n.value < 1 || n.value > maxRetryAfter {
			v.add("$.policy."+n.field, "1 to 3600, in seconds", "%s is %d", n.field, n.value)
			return
		}
	}
	if p.RetryAfterMax < p.RetryAfterMin {
		v.add("$.policy.retry_after_min", "at most retry_after_max", "Retry-After is from %d to %d", p.RetryAfterMin, p.RetryAfterMax)
	}
}

func (v *validation) emergencyNumbers(numbers []string) {
	for i, n := range numbers {
		p := fmt.Sprintf("$.policy.emergency_numbers[%d]", i)
		if n == "" || strings.Trim(n, "0123456789*#") != "" || len(n) > 32 {
			v.add(p, `digits as they are dialled, quoted: "911"`, "emergency number %q", n)
		} else if slices.Contains(numbers[:i], n) {
			v.add(p, "delete one of them", "%s stands twice", n)
		}
	}
}

func (v *validation) checks() {
	c := v.fleet.Checks
	if c.Interval < leastInterval || c.Interval > mostInterval {
		v.add("$.checks.interval", "50ms to 1h", "interval is %s", c.Interval)
	}
	if c.Timeout <= 0 || c.Timeout >= c.Interval {
		v.add("$.checks.timeout", "above zero and below the interval", "timeout is %s with an interval of %s", c.Timeout, c.Interval)
	}
	if c.Burst <= 0 || c.Burst > c.Interval {
		v.add("$.checks.burst", "above zero, at most the interval", "burst is %s with an interval of %s", c.Burst, c.Interval)
	}
	for _, n := range []struct {
		field string
		value int
	}{{"fall", c.Fall}, {"reset", c.Reset}, {"rise", c.Rise}} {
		if n.value < 1 || n.value > 1000 {
			v.add("$.checks."+n.field, "1 to 1000", "%s is %d", n.field, n.value)
		}
	}
	if n := c.MaxForwards; n != nil && (*n < 0 || *n > 70) {
		v.add("$.checks.max_forwards", "0 to 70", "max_forwards is %d", *n)
	}
	if c.MaxHold != 0 && (c.MaxHold < Duration(time.Minute) || c.MaxHold > Duration(24*time.Hour)) {
		v.add("$.checks.max_hold", "1m to 24h", "max_hold is %s", c.MaxHold)
	}
	others := max(0, len(v.fleet.Sites)-1)
	if n := *c.MinRemote; n < min(1, others) || n > others {
		v.add("$.checks.min_remote", fmt.Sprintf("%d to %d, which is the number of other sites", min(1, others), others), "min_remote is %d with %d sites", n, len(v.fleet.Sites))
	}
	for i, s := range c.ExpectStatus {
		if s < 200 || s > 699 || s == 408 || s == 503 {
			v.add(fmt.Sprintf("$.checks.expect_status[%d]", i), "a final status; 408 and 503 never mean a living softswitch", "status %d", s)
		}
	}
}
