package probes

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// recentResults is how many results of each check are kept as evidence.
const recentResults = 16

// check is what the runner knows of one spec.
type check struct {
	spec    Spec
	times   Times   // in force
	prober  Prober  // asked, or
	watcher Watcher // held open
	owner   *softswitch
	stop    context.CancelFunc // ends the watcher
	removed bool               // no longer wanted; late results are dropped

	phase time.Duration // place in the interval
	grid  time.Time     // the regular moment last planned, without jitter
	asked time.Time     // when the last question was sent
	good  bool          // it was answered well
	open  int           // probers that have not returned
	hung  int           // those of them whose timeout is long over

	counter health.Counter
	pattern string         // how it went down, before the detail of why; empty: at once
	told    health.Opinion // what OnOpinion was last told
	recent  []health.Observation
	tally   tally
	numbers map[string]float64 // what the last answer told of itself
	ends    Ending             // of the certificates that were shown last

	evidence []wire.Line // of the last failure that was written down,
	failed   time.Time   // which was then

	stretch time.Duration // more time for the next question, as this machine is late
	again   bool          // a dueAgain event is in the agenda

	waiting bool // for a free place, see Concurrency
	round   bool // what waits is the regular question

	suspect    bool // under suspicion
	burstTimer bool // a dueBurst event is in the agenda
	streak     int  // successes in a row since the suspicion began
}

func (c *check) opinion() health.Opinion {
	o := health.Opinion{Check: c.spec.Check, Status: c.counter.Status()}
	if o.Status != health.Down {
		return o
	}
	why := c.why(c.times.Thresholds.Fall)
	o.Cause, o.Detail = why.Cause, c.pattern+why.Detail
	if o.Cause == health.CauseNone {
		// A repeat offender has to answer well for longer than results are kept.
		o.Cause, o.Detail, o.Certificate = c.told.Cause, c.told.Detail, c.told.Certificate
	} else if o.Cause.AboutCertificate() {
		o.Certificate = why.Certificate
	}
	return o
}

// why returns the latest failure of the most frequent cause among the last ones,
// the latest cause among equals. The last failure alone would mislead: a
// question that a dying process took with it times out after later ones were
// refused.
func (c *check) why(last int) health.Observation {
	times := map[health.Cause]int{}
	var latest []health.Observation // of each cause, latest first
	for _, o := range slices.Backward(c.recent) {
		if o.Outcome != health.Failure {
			continue
		}
		if times[o.Cause] == 0 {
			latest = append(latest, o)
		}
		times[o.Cause]++
		if last--; last == 0 {
			break
		}
	}
	var best health.Observation
	for _, o := range latest {
		if times[o.Cause] > times[best.Cause] {
			best = o
		}
	}
	return best
}

// intermittence names the failures that brought a check down if answers came in
// between: a sick softswitch, or a sick line, is looked for elsewhere than a dead one.
func (c *check) intermittence() string {
	failures, between, total := 0, 0, 0
	for _, o := range slices.Backward(c.recent) {
		switch {
		case o.Outcome == health.Failure:
			failures++
			total = failures + between
		case o.Outcome == health.Success:
			between++
		}
		if failures == c.times.Thresholds.Fall {
			break
		}
	}
	if total == failures {
		return ""
	}
	return fmt.Sprintf("intermittent, %d of %d questions failed: ", failures, total)
}

func (c *check) remember(o health.Observation) {
	if len(c.recent) == recentResults {
		copy(c.recent, c.recent[1:])
		c.recent = c.recent[:recentResults-1]
	}
	c.recent = append(c.recent, o)
}

// apart reports that the check is asked seldom, and never suspected.
func (c *check) apart() bool { return c.times.Again > 0 }

// stuck reports that probers of the check hang, and no more may join them.
func (c *check) stuck() bool { return c.hung > 0 && c.open >= maxHung }

// softswitch groups the checks that are suspected together.
type softswitch struct {
	key    switchKey
	checks []*check
	offset float64 // place in the interval, 0 to 1
	placed uint32  // checks that were given a phase so far

	bursting bool
	clean    bool      // no failure since the suspicion began
	since    time.Time // when it began
	muted    time.Time // until then a slow answer or a closed connection alone is no suspicion
}

type switchKey struct {
	site fleet.SiteID
	name fleet.SwitchID
}

// golden spreads any number of points evenly over a circle: each new one falls
// into one of the largest gaps.
const golden = 0.618033988749895

// fraction returns x without its integer part.
func fraction(x float64) float64 { return x - math.Floor(x) }

// place returns the phase of the softswitch's next check: base-2 van der Corput
// points, so that whatever the number of checks they halve the largest gap.
// That gap is the time for which a softswitch can be silent unnoticed.
func (s *softswitch) place(interval time.Duration) time.Duration {
	v := float64(bits.Reverse32(s.placed)) / (1 << 32)
	s.placed++
	return time.Duration(fraction(s.offset+v) * float64(interval))
}
