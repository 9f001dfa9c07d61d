package sim

import (
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// observer is the agent of one site: what it has asked and what it believes.
// It asks as package probes does: each check once an interval at a phase of its
// own, and all checks of a softswitch in a burst at the first sign of trouble.
type observer struct {
	agent       fleet.AgentID
	dead        bool
	partitioned bool
	lostAt      time.Duration // when the leader last could hear it
	asks        []asking      // by check
	reflex      [transports]bool
	suspected   []suspicion // by site: its softswitches share their faults
}

// checkInfo is one check of the fleet.
type checkInfo struct {
	check health.Check
	site  int
	times fleet.CheckTimes // of its kind
}

// asking is what an observer remembers of one check.
type asking struct {
	counter health.Counter
	opinion health.Opinion
	asked   time.Duration
	good    bool // the last question was answered well
	suspect bool
	armed   bool // a burst question is planned
	streak  int
}

// suspicion is a burst under way.
type suspicion struct {
	bursting, clean bool
	since, muted    time.Duration
}

// attempt is one question under way.
type attempt struct {
	key     int // of the asking
	start   time.Duration
	outcome health.Outcome
	cause   health.Cause
	over    bool
}

const (
	clearStreak   = 2  // successes in a row that end a suspicion
	muteIntervals = 10 // for which soft signs are ignored after a false one
	dying         = 8  // part of Burst that a dying process gets
)

func (w *World) buildObservers() {
	for i := range w.fleet.Sites {
		fs := &w.fleet.Sites[i]
		for _, sw := range fs.Softswitches {
			for _, l := range sw.Listeners {
				for _, k := range w.kindsOf(l.Transport) {
					c := health.Check{Target: health.Target{Site: fs.Name, Switch: sw.Name, Transport: l.Transport}, Kind: k}
					w.checks = append(w.checks, checkInfo{c, i, w.fleet.Checks.Of(string(k))})
				}
			}
		}
	}
	slices.SortFunc(w.checks, func(a, b checkInfo) int { return a.check.Compare(b.check) })
	for i := range w.fleet.Sites {
		o := observer{
			agent: fleet.AgentID(w.fleet.Sites[i].Name), asks: make([]asking, len(w.checks)),
			suspected: make([]suspicion, len(w.sites)), lostAt: -1,
		}
		for c := range o.asks {
			o.asks[c].opinion = health.Opinion{Check: w.checks[c].check, Status: health.Up}
			o.asks[c].counter = health.Counter{}.Next(health.Success, health.Thresholds{})
			o.asks[c].asked = -time.Hour
			w.q.add(w.jitter(w.checks[c].times.Interval.D()), evRound, i*len(w.checks)+c)
		}
		w.observers = append(w.observers, o)
	}
}

func (w *World) kindsOf(t fleet.Transport) []health.Kind {
	kinds := []health.Kind{health.Options}
	for _, k := range w.sc.Canaries {
		if k == health.Register || k == health.TLS && t.Secure() {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

func (w *World) asking(key int) (o *observer, a *asking, c *checkInfo) {
	o = &w.observers[key/len(w.checks)]
	n := key % len(w.checks)
	return o, &o.asks[n], &w.checks[n]
}

// round asks a check and plans the next time.
func (w *World) round(key int) {
	o, a, c := w.asking(key)
	interval := c.times.Interval.D()
	w.q.add(w.now+interval+w.jitter(interval/20), evRound, key)
	if !o.dead && w.now-a.asked >= w.fleet.Checks.Burst.D() {
		w.ask(key)
	}
}

// burst asks a check that is under suspicion, and plans the next question
// without waiting for the answer.
func (w *World) burst(key int) {
	o, a, _ := w.asking(key)
	a.armed = false
	if !a.suspect || o.dead {
		return
	}
	w.ask(key)
	a.armed = true
	w.q.add(w.now+w.fleet.Checks.Burst.D(), evBurst, key)
}

// ask starts a question. One that is answered at once, and whose answer nobody
// waits for in suspicion, ends here.
func (w *World) ask(key int) {
	o, a, c := w.asking(key)
	a.asked, a.good = w.now, false
	timeout := c.times.Timeout.D()
	outcome, cause, took := w.probe(o, c)
	if outcome == health.Success && took < timeout/2 && !a.suspect {
		w.count(key, w.now, outcome, cause)
		return
	}
	n := w.newAttempt(attempt{key: key, start: w.now, outcome: outcome, cause: cause})
	if took >= timeout/2 {
		w.q.add(w.now+timeout/2, evSlow, n)
	}
	w.q.add(w.now+took, evAnswer, n)
}

// probe is what a question meets on its way and at the softswitch.
func (w *World) probe(o *observer, c *checkInfo) (health.Outcome, health.Cause, time.Duration) {
	timeout := c.times.Timeout.D()
	from, t := w.siteIndex(fleet.SiteID(o.agent)), c.check.Transport
	if !w.reachable(from, c.site) {
		return health.Failure, health.CauseTimeout, timeout
	}
	s := &w.sites[c.site]
	m := options
	switch c.check.Kind {
	case health.Register:
		m = register
	case health.TLS:
		m = handshake
	}
	trip := 2 * w.sc.Network.Sites.D()
	if from == c.site {
		trip = time.Millisecond
	}
	r := s.softswitch(t, m, true)
	if (r == accepted || r == late) && w.rnd.Float64() < s.load.dropped() {
		r = silent
	}
	switch r {
	case accepted:
		return health.Success, health.CauseNone, trip
	case late:
		if lateness < timeout {
			return health.Success, health.CauseNone, trip + lateness
		}
		return health.Failure, health.CauseTimeout, timeout
	case reset:
		return health.Failure, health.CauseRefused, trip
	case badCert:
		return health.Failure, health.CauseCertInvalid, trip
	case failed:
		return health.Failure, health.CauseStatus, trip
	case forbidden:
		return health.Failure, health.CauseAuth, trip
	}
	cause := health.CauseTimeout
	switch {
	case s.sick[t].down > 0:
		return health.Failure, health.CauseRefused, trip // ICMP is not ignored by probes
	case t.Secure() && s.sick[t].hang > 0:
		cause = health.CauseTLSHang
	}
	return health.Failure, cause, timeout
}

// slow: half of a timeout has brought no answer.
func (w *World) slow(n int) {
	at := &w.attempts[n]
	if at.over {
		return
	}
	o, a, c := w.asking(at.key)
	if a.counter.Status() != health.Down {
		w.suspect(o, c.site, w.now, true)
	}
}

// answer takes the result of a question.
func (w *World) answer(n int) {
	at := w.attempts[n]
	w.attempts[n].over = true
	w.freeTries = append(w.freeTries, int32(n))
	if o, _, _ := w.asking(at.key); !o.dead {
		w.count(at.key, at.start, at.outcome, at.cause)
	}
}

// newAttempt reuses places of attempts whose last event is over.
func (w *World) newAttempt(a attempt) int {
	if k := len(w.freeTries); k > 0 {
		n := int(w.freeTries[k-1])
		w.freeTries = w.freeTries[:k-1]
		w.attempts[n] = a
		return n
	}
	w.attempts = append(w.attempts, a)
	return len(w.attempts) - 1
}

// count feeds the real counter, and raises, keeps or clears suspicion.
func (w *World) count(key int, asked time.Duration, out health.Outcome, cause health.Cause) {
	o, a, c := w.asking(key)
	th := health.Thresholds{Fall: c.times.Fall, Reset: c.times.Reset, Rise: c.times.Rise, Hold: c.times.Hold()}
	a.counter = a.counter.Next(out, th)
	a.good = out == health.Success
	s := &o.suspected[c.site]
	down := a.counter.Status() == health.Down
	switch {
	case out == health.Failure:
		a.streak, s.clean = 0, false
		switch {
		case down:
		case s.bursting:
			w.arm(o, key, w.now)
		default:
			s.muted = 0
			w.suspect(o, c.site, w.now, false)
			s.clean = false
		}
	case asked >= s.since:
		a.streak++
	}
	if down || a.counter.Failures() == 0 && a.streak >= clearStreak {
		a.suspect = false
	}
	w.settle(o, c.site)
	if a.counter.Status() != a.opinion.Status || down && cause != health.CauseNone && cause != a.opinion.Cause {
		w.believe(o, a, cause)
	}
}

// believe changes an opinion: the site's own gate follows at once, the leader
// hears of it.
func (w *World) believe(o *observer, a *asking, cause health.Cause) {
	w.opinions++
	a.opinion.Status = a.counter.Status()
	a.opinion.Cause = health.CauseNone
	if a.opinion.Status == health.Down {
		a.opinion.Cause = cause
	}
	w.reflexes(o)
	if !w.quorum.reporting {
		w.quorum.reporting = true
		w.q.add(w.now+w.sc.Network.Sites.D(), evReport, 0)
	}
}

// suspect puts every check of a site's softswitches that is not down into a
// burst.
func (w *World) suspect(o *observer, i int, from time.Duration, soft bool) {
	s := &o.suspected[i]
	if s.bursting || soft && w.now < s.muted {
		return
	}
	s.clean, s.since = true, w.now
	base := w.siteIndex(fleet.SiteID(o.agent)) * len(w.checks)
	for c := range w.checks {
		if w.checks[c].site == i && o.asks[c].counter.Status() != health.Down {
			s.bursting = true
			w.arm(o, base+c, from)
		}
	}
}

// arm plans the next burst question of a check.
func (w *World) arm(o *observer, key int, from time.Duration) {
	a := &o.asks[key%len(w.checks)]
	a.suspect, a.streak = true, 0
	if a.armed {
		return
	}
	at := a.asked + w.fleet.Checks.Burst.D()
	if a.good || at < from {
		at = from
	}
	a.armed = true
	w.q.add(max(at, w.now), evBurst, key)
}

// settle ends the burst when no check of the site is under suspicion.
func (w *World) settle(o *observer, i int) {
	s := &o.suspected[i]
	if !s.bursting {
		return
	}
	for c := range w.checks {
		if w.checks[c].site == i && o.asks[c].suspect {
			return
		}
	}
	s.bursting = false
	if s.clean {
		s.muted = w.now + muteIntervals*w.fleet.Checks.Interval.D()
	}
}

// reflexes notes the transports on which every softswitch of the site answers no
// OPTIONS, by the agent's own checks; the gate may follow.
func (w *World) reflexes(o *observer) {
	i := w.siteIndex(fleet.SiteID(o.agent))
	var dead [transports]bool
	for t := range dead {
		listeners, sick := 0, 0
		for c, info := range w.checks {
			if info.site != i || int(info.check.Transport) != t || info.check.Kind != health.Options {
				continue
			}
			listeners++
			if op := o.asks[c].opinion; op.Status == health.Down && !op.Cause.Spreads() {
				sick++
			}
		}
		dead[t] = listeners > 0 && sick == listeners
	}
	if dead != o.reflex {
		o.reflex = dead
		w.setGates(i)
	}
}
