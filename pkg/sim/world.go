package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// start is when every scenario begins, by the calendar of the core.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Config is what is played.
type Config struct {
	// Scenario must be valid for Fleet.
	Scenario Scenario
	// Fleet must be valid.
	Fleet fleet.Fleet
	// Zone is the policy's time zone; nil is UTC.
	Zone *time.Location
	// Watch, if not nil, is called after every command that was applied. An
	// error ends the run. It is how rules are checked after every step.
	Watch func(Step) error
	// Rest, if not nil, is called when a leader has looked and finds nothing to
	// do. An error ends the scenario.
	Rest func(s steer.State, now time.Time) error
}

// World is a scenario in the middle of being played.
type World struct {
	cfg   Config
	sc    Scenario
	fleet *fleet.Fleet
	now   time.Duration // since the start
	rnd   *rand.Rand
	q     *queue

	sites     []site
	observers []observer
	opinions  int // how often any observer has changed one
	checks    []checkInfo
	attempts  []attempt
	freeTries []int32

	flapping []bool // by fault: down now
	poisoned []int  // by site: the fault, plus one, that has poisoned it
	ill      []int  // by site: for how many seconds enough poison has been there

	quorum quorum
	names  directory

	groups    []group
	phones    []phone
	resolvers []resolver
	changedAt time.Duration // since then nothing has happened that a phone could feel
	parked    int

	meter  meter
	broken error // the rule that a step broke
}

// Run plays a scenario to its end.
func Run(cfg Config) (*Result, error) {
	w, err := newWorld(cfg)
	if err != nil {
		return nil, err
	}
	end := w.sc.Length.D()
	for w.broken == nil {
		e, ok := w.q.take(end)
		if !ok {
			break
		}
		w.now = e.at
		w.handle(e)
	}
	if w.broken != nil {
		return nil, w.broken
	}
	w.now = end
	return w.result(), nil
}

func newWorld(cfg Config) (*World, error) {
	f := cfg.Fleet.WithDefaults()
	if p := fleet.Validate(f); len(p) > 0 {
		return nil, fmt.Errorf("check fleet: %s: %s", p[0].Path, p[0].Message)
	}
	if p := Validate(cfg.Scenario, &f); len(p) > 0 {
		return nil, fmt.Errorf("check scenario: %s: %s", p[0].Path, p[0].Message)
	}
	w := &World{cfg: cfg, sc: cfg.Scenario.WithDefaults(&f), fleet: &f, q: newQueue()}
	w.rnd = rand.New(rand.NewPCG(uint64(w.sc.Seed), 0x51b57ee2))
	w.buildSites()
	w.buildObservers()
	w.buildDirectory()
	w.buildQuorum()
	w.buildPhones()
	w.buildMeter()
	w.flapping = make([]bool, len(w.sc.Faults))
	w.poisoned, w.ill = make([]int, len(w.sites)), make([]int, len(w.sites))
	for i, x := range w.sc.Faults {
		w.q.add(x.At.D(), evFault, i)
		if x.For > 0 {
			w.q.add((x.At + x.For).D(), evHeal, i)
		}
	}
	for i, o := range w.sc.Operators {
		w.q.add(o.At.D(), evOrder, i)
	}
	w.q.add(time.Second, evSecond, 0)
	return w, nil
}

func (w *World) handle(e event) {
	switch e.what {
	case evPhone:
		w.phoneEvent(int(e.who))
	case evRound:
		w.round(int(e.who))
	case evBurst:
		w.burst(int(e.who))
	case evSlow:
		w.slow(int(e.who))
	case evAnswer:
		w.answer(int(e.who))
	case evReport:
		w.quorum.reporting = false
		w.leadNow()
	case evLead:
		if e.at == w.quorum.leadAt {
			w.quorum.leadAt = -1
			w.leadNow()
		}
	case evCommit:
		w.commit(int(e.who))
	case evApply:
		w.apply(int(e.who))
	case evElect:
		w.elect()
	case evFault:
		w.fault(int(e.who))
	case evHeal:
		w.heal(int(e.who))
	case evFlap:
		w.flap(int(e.who))
	case evPoison:
		w.poison(int(e.who))
	case evOrder:
		w.order(int(e.who))
	case evSecond:
		w.second()
	}
}

// time is the calendar's, as the leader stamps it.
func (w *World) time() time.Time { return start.Add(w.now) }

// offset is what the clock of the policy's time zone is ahead of UTC, in seconds.
func (w *World) offset() int {
	if w.cfg.Zone == nil || !w.fleet.Policy.Failback.Timed() {
		return 0
	}
	_, seconds := w.time().In(w.cfg.Zone).Zone()
	return seconds
}

// jitter is a random part of d.
func (w *World) jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(w.rnd.Int64N(int64(d)))
}

// between is a random time from a to b.
func (w *World) between(a, b time.Duration) time.Duration { return a + w.jitter(b-a) }

func (w *World) siteIndex(id fleet.SiteID) int {
	return slices.IndexFunc(w.sites, func(s site) bool { return s.id == id })
}

// changed says that phones may feel something new from now on.
func (w *World) changed() {
	w.changedAt = w.now
	if w.parked > 0 {
		w.wakeAll()
	}
}

// second ends one second of virtual time: loads are summed up, and the sample
// is taken.
func (w *World) second() {
	w.loads()
	w.sample()
	if w.unrest() && w.now%(10*time.Second) == 0 {
		w.leadNow()
	}
	if next := w.now + time.Second; next <= w.sc.Length.D() {
		w.q.add(next, evSecond, 0)
	}
}
