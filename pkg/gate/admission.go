package gate

import (
	"sync/atomic"
	"time"
)

// admission bounds how many devices per second may register newly, so that the
// phones of a site that died do not take this one down with their registrations.
// Who is registered here is always let through.
type admission struct {
	tat     atomic.Int64 // when the last of those who were let through has had its turn, in Unix nanoseconds
	waiting atomic.Int64 // how long those who were turned away would take, in nanoseconds
	counted atomic.Int64 // when waiting was last lowered
}

// admitBurst is how much may come at once, as a share of a second.
const admitBurst = int64(time.Second)

// maxRetryAfter bounds Retry-After: some phones take it by the letter.
const maxRetryAfter = 60

// admit reports whether a new registration may pass; rate is per second, 0 for
// no limit.
func (a *admission) admit(rate int, now time.Time) bool {
	if rate <= 0 {
		return true
	}
	every, at := int64(time.Second)/int64(rate), now.UnixNano()
	for {
		tat := a.tat.Load()
		next := max(tat, at) + every
		if next-at > admitBurst {
			a.turnedAway(every, at)
			return false
		}
		if a.tat.CompareAndSwap(tat, next) {
			return true
		}
	}
}

// turnedAway counts how long the queue would be, if there were one.
func (a *admission) turnedAway(every, at int64) {
	before := a.counted.Swap(at)
	left := a.waiting.Load()
	if before != 0 {
		left = max(left-max(at-before, 0), 0)
	}
	a.waiting.Store(min(left+every, int64(maxRetryAfter)*int64(time.Second)))
}

// spread is over how many seconds those who were turned away should come back.
func (a *admission) spread() uint64 { return uint64(a.waiting.Load() / int64(time.Second)) }

// arrival refuses a new registration when too many come at once.
func (w *worker) arrival(rs *ruleset, v verdict) verdict {
	if v.action != Relay || rs.registerRate <= 0 || !w.m.Is("REGISTER") || deregisters(&w.m) {
		return v
	}
	if w.meter.Known(w.m.To().URI, w.now) || w.admission.admit(rs.registerRate, w.now) {
		return v
	}
	return verdict{action: Refuse, status: 503, crowded: true}
}

// retryAfter is the place of the request in the spread of Retry-After; it follows
// ownTag.
func (w *worker) retryAfter(rs *ruleset, v verdict) uint64 {
	span := rs.retrySpan
	if v.crowded {
		span += w.admission.spread()
	}
	return min(rs.retryMin+w.spread()%span, max(maxRetryAfter, rs.retryMin+rs.retrySpan))
}
