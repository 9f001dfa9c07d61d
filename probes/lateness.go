package probes

import (
	"fmt"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
)

// lateness is how much time this machine withheld from the runner: the time in
// which something was due and did not get its turn, be it that the process was
// paused, throttled or crowded out by others, or that its own goroutines queue.
// It is measured by the runner's wake-ups and, while questions are under way, by
// a canary: a goroutine that goes to the end of the queue as a prober does whose
// answer has come. A time-out is worth only as much as was granted of it.
type lateness struct {
	beat    time.Duration // between two looks while questions are under way
	lost    time.Duration // since the beginning
	until   time.Time     // what was lost is counted up to here
	beating bool          // a dueBeat event is in the agenda
	canary  time.Time     // since when it waits for its turn; zero: none is out
}

const (
	// beats is how many looks fall into a time-out: so fine, or a process that
	// gets many short turns seems to get all it needs.
	beats = 32
	// quietBeats is when to look first: most answers come sooner.
	quietBeats = 4
	// leastBeat and mostBeat bound the time between two looks.
	leastBeat, mostBeat = 5 * time.Millisecond, 50 * time.Millisecond
	// slackBeats is the part of a beat by which any wake-up may be late.
	slackBeats = 4
	// grantedShare in percent is how much of its time a question must have been
	// granted for a time-out to count.
	grantedShare = 75
	// maxStretch bounds by how much a question may be given more time because the
	// one before was deprived of it. What gets less than a quarter of its time
	// cannot be helped: no data becomes unknown.
	maxStretch = 4
)

// beatOf returns how often to look with a time-out.
func beatOf(timeout time.Duration) time.Duration {
	return min(max(timeout/beats, leastBeat), mostBeat)
}

// note counts that what was due at one moment got its turn at another. What
// several waited for at a time was lost once.
func (l *lateness) note(due, turn time.Time) {
	l.lost, l.until = l.with(due, turn)
}

// with returns lost and until as note would leave them.
func (l *lateness) with(due, turn time.Time) (time.Duration, time.Time) {
	if turn.Sub(due) <= l.beat/slackBeats || !turn.After(l.until) {
		return l.lost, l.until
	}
	if due.Before(l.until) {
		due = l.until
	}
	return l.lost + turn.Sub(due), turn
}

// lostBy returns the time lost up to now, with that for which the canary and the
// earliest event wait still.
func (r *Runner) lostBy(now time.Time) time.Duration {
	l := r.late
	if next, some := r.agenda.next(); some {
		l.note(next, now)
	}
	if !l.canary.IsZero() {
		l.note(l.canary, now)
	}
	return l.lost
}

// granted returns how much of the time since the attempt began this machine let
// us run.
func (r *Runner) granted(a *attempt, now time.Time) time.Duration {
	return now.Sub(a.start) - (r.lostBy(now) - a.lost)
}

// deprived reports that an attempt whose time ran out was not granted enough of
// it for that to mean anything.
func (r *Runner) deprived(a *attempt, now time.Time) bool {
	took := min(now.Sub(a.start), a.check.times.Timeout)
	return r.granted(a, now)*100 < took*grantedShare
}

// watchLateness looks for the first time at a moment, and then as long as questions
// are under way.
func (r *Runner) watchLateness(first time.Time) {
	if !r.late.beating {
		r.late.beating = true
		r.agenda.add(event{at: first, what: dueBeat})
	}
}

// lookAtLateness sends the canary and plans the next look.
func (r *Runner) lookAtLateness(now time.Time) {
	r.late.beating = false
	if r.running == 0 {
		return
	}
	r.watchLateness(now.Add(r.late.beat))
	if !r.late.canary.IsZero() {
		return // it waits; lostBy counts that
	}
	r.late.canary = now
	r.work.Add(1)
	// Ends as soon as it had its turn; Stop waits for it.
	go func() {
		defer r.work.Done()
		r.turn()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.late.note(r.late.canary, time.Now())
		r.late.canary = time.Time{}
	}()
}

// ownFault turns a time-out that this machine is to blame for into no data, and
// gives the next question of the check the time that this one lacked.
func (r *Runner) ownFault(a *attempt, res Result, now time.Time) Result {
	c := a.check
	blame := res.Outcome == health.Failure && timedOut(res.Cause) && r.deprived(a, now)
	r.asked.count(blame, now)
	a.blind = blame
	if !blame {
		c.stretch = 0
		return res
	}
	took, granted := now.Sub(a.start), r.granted(a, now)
	full := maxStretch * c.times.Timeout
	if granted > 0 {
		full = min(full, time.Duration(float64(c.times.Timeout)*float64(took)/float64(granted)))
	}
	c.stretch = full - c.times.Timeout
	return Failed(health.CauseLocal, fmt.Sprintf("this machine was late: it was busy or paused for %s of the %s that an answer was waited for",
		(took-granted).Round(time.Millisecond), took.Round(time.Millisecond)))
}

// askAgain asks a check again whose latest question had no data because this
// machine was late: that must not make it blind.
func (r *Runner) askAgain(a *attempt, now time.Time) {
	c := a.check
	if c.again || c.removed || c.apart() || !a.start.Equal(c.asked) {
		return
	}
	c.again = true
	spread := time.Duration(r.cfg.Rand.Int64N(int64(r.cfg.Burst) + 1)) // a pause hits all questions at once
	r.agenda.add(event{at: now.Add(spread), what: dueAgain, check: c})
}
