package sim

import (
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// quorum is agreement without its machinery: a log that a majority holds, a
// leader that a majority can hear, and delays. What raftstore makes of it in
// truth is tested there.
type quorum struct {
	log     []steer.State // after each entry; the first is the empty one
	applied []int         // by agent: how many entries of log it has applied
	served  []*published  // by agent: what it serves

	leader    int // -1: none
	term      int
	settledAt time.Duration
	busy      bool // a proposal is under way
	proposal  []steer.Command
	order     int           // the operator's order that is proposed; -1: the leader's own
	leadAt    time.Duration // when the leader looks next; -1: nothing planned
	electing  bool
	reporting bool  // opinions are on their way to the leader
	waiting   []int // orders that found no leader, or a busy one
	combined  combined
}

const (
	// electionTime is how long it takes until a lost leader is replaced.
	electionTime = time.Second
	// reportFresh is how long an agent is heard after it was cut off.
	reportFresh = 2500 * time.Millisecond
	// leaderSearch is how long an order waits for a leader.
	leaderSearch = 4 * time.Second
)

// buildQuorum starts with the fleet file agreed on and every check up, as if it
// had been so for long.
func (w *World) buildQuorum() {
	f := w.cfg.Fleet
	first := steer.Command{
		Kind: steer.KindSetFleet, At: w.time(), By: "scenario", Reason: "start", Fleet: &f,
	}
	first.Version = first.Needs()
	s, events, _ := steer.Apply(steer.New(), first) // the fleet was validated
	up := steer.Command{Version: 1, Kind: steer.KindVerdicts, At: w.time(), By: steer.AutomationOwner}
	for _, c := range w.checks {
		up.Verdicts = append(up.Verdicts, health.Verdict{Check: c.check, Status: health.Up, Since: w.time()})
	}
	s, _, _ = steer.Apply(s, up)
	s = w.withTenants(s)
	w.quorum = quorum{log: []steer.State{s}, applied: make([]int, len(w.sites)), served: make([]*published, len(w.sites)), leadAt: -1}
	w.meter.events = append(w.meter.events, events...)
	p := w.publish(s, nil)
	for i := range w.sites {
		w.quorum.applied[i], w.quorum.served[i] = 1, p
	}
	w.lead(0)
	w.quorum.settledAt = 0
}

// hears reports whether two agents reach each other.
func (w *World) hears(a, b int) bool {
	x, y := &w.observers[a], &w.observers[b]
	return a == b && !x.dead || !x.dead && !y.dead && !x.partitioned && !y.partitioned
}

// majority reports whether the agent reaches more than half of all.
func (w *World) majority(a int) bool {
	n := 0
	for b := range w.observers {
		if w.hears(a, b) {
			n++
		}
	}
	return 2*n > len(w.observers)
}

// membersChanged looks for a new leader where the old one is lost, and lets
// those catch up that are back.
func (w *World) membersChanged() {
	q := &w.quorum
	if q.leader >= 0 && !w.majority(q.leader) {
		q.leader, q.busy = -1, false
	}
	if q.leader < 0 && !q.electing {
		q.electing = true
		w.q.add(w.now+electionTime, evElect, 0)
	}
	if q.leader >= 0 {
		w.catchUp()
		w.q.add(w.now+reportFresh, evReport, 0)
	}
}

// elect makes one of the agents that reach a majority the leader: one that has
// applied most, as only such a one wins.
func (w *World) elect() {
	q := &w.quorum
	q.electing = false
	if q.leader >= 0 {
		return
	}
	var best []int
	for i := range w.observers {
		if !w.majority(i) {
			continue
		}
		if len(best) > 0 && q.applied[i] < q.applied[best[0]] {
			continue
		}
		if len(best) > 0 && q.applied[i] > q.applied[best[0]] {
			best = best[:0]
		}
		best = append(best, i)
	}
	if len(best) == 0 {
		return // membersChanged tries again when agents are back
	}
	w.lead(best[w.rnd.IntN(len(best))])
}

// lead begins a term.
func (w *World) lead(i int) {
	q := &w.quorum
	q.leader, q.busy, q.leadAt = i, false, -1
	q.term++
	q.settledAt = w.now + w.fleet.Checks.Interval.D() + w.fleet.Checks.Timeout.D()
	q.applied[i] = len(q.log) // a Barrier: what is committed is applied before it acts
	w.serve(i)
	w.catchUp()
	w.planLead(w.now)
}

// planLead lets the leader look at a time, unless it looks before.
func (w *World) planLead(at time.Duration) {
	q := &w.quorum
	if q.leadAt < 0 || at < q.leadAt {
		q.leadAt = at
		w.q.add(at, evLead, 0)
	}
}

// leadNow is one turn of the leader's loop: combine what the agents say, ask
// the core, propose.
func (w *World) leadNow() {
	q := &w.quorum
	if q.leader < 0 || q.busy {
		return
	}
	if len(q.waiting) > 0 {
		n := q.waiting[0]
		q.waiting = q.waiting[1:]
		w.propose([]steer.Command{w.command(n)}, n)
		return
	}
	s := q.log[len(q.log)-1]
	settled := w.now >= q.settledAt
	cmds := steer.Decide(s, steer.Input{Now: w.time(), Verdicts: w.verdicts(s), Settled: settled, Offset: w.offset()})
	if len(cmds) > 0 {
		w.propose(cmds, -1)
		return
	}
	if !settled {
		w.planLead(q.settledAt)
	} else if w.cfg.Rest != nil && w.broken == nil {
		w.broken = w.cfg.Rest(s, w.time())
	}
	if due, ok := steer.NextDue(s, w.time()); ok {
		w.planLead(due.Sub(start))
	}
}

// combined are the verdicts of one turn, kept for the next: most turns of a
// leader find what the one before found.
type combined struct {
	of       []health.Verdict // of the State from which they follow
	opinions int              // World.opinions then
	heard    []bool           // by agent
	verdicts []health.Verdict
	steady   bool // they say what the State says, so another time changes nothing
}

// verdicts combines the opinions that the leader has heard.
func (w *World) verdicts(s steer.State) []health.Verdict {
	last := &w.quorum.combined
	heard := make([]bool, len(w.observers))
	for i := range w.observers {
		o := &w.observers[i]
		heard[i] = w.hears(w.quorum.leader, i) || o.lostAt >= 0 && w.now-o.lostAt < reportFresh
	}
	if last.steady && last.opinions == w.opinions && slices.Equal(last.heard, heard) && same(last.of, s.Verdicts) {
		return last.verdicts
	}
	*last = combined{of: s.Verdicts, opinions: w.opinions, heard: heard, verdicts: make([]health.Verdict, 0, len(w.checks)), steady: true}
	voices := make([]health.Voice, len(w.observers))
	for c, info := range w.checks {
		for i := range w.observers {
			o := &w.observers[i]
			voices[i] = health.Voice{Agent: o.agent, Site: fleet.SiteID(o.agent), Heard: heard[i], Opinion: o.asks[c].opinion}
		}
		before := health.Verdict{Check: info.check}
		if i, ok := slices.BinarySearchFunc(s.Verdicts, info.check, func(v health.Verdict, c health.Check) int { return v.Check.Compare(c) }); ok {
			before = s.Verdicts[i]
		}
		v, _ := health.Combine(before, voices, *w.fleet.Checks.MinRemote, w.time())
		last.steady = last.steady && v.Since.Equal(before.Since)
		last.verdicts = append(last.verdicts, v)
	}
	return last.verdicts // the checks are in order
}

// same reports whether two slices are one: a State's are replaced, never
// written into.
func same(a, b []health.Verdict) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// propose sends commands to the others; a majority has them after one round
// trip.
func (w *World) propose(cmds []steer.Command, order int) {
	q := &w.quorum
	q.busy, q.proposal, q.order = true, cmds, order
	w.q.add(w.now+2*w.sc.Network.Sites.D(), evCommit, q.term)
}

// commit: the entry is decided, if its leader still leads.
func (w *World) commit(term int) {
	q := &w.quorum
	if term != q.term || q.leader < 0 || !q.busy {
		if q.order >= 0 && q.busy {
			q.waiting = append(q.waiting, q.order)
		}
		return
	}
	q.busy = false
	s := q.log[len(q.log)-1]
	for _, c := range q.proposal {
		next, events, err := steer.Apply(s, c)
		if w.cfg.Watch != nil && w.broken == nil {
			w.broken = w.cfg.Watch(Step{Before: s, After: next, Command: c, Events: events, Err: err})
		}
		w.meter.events = append(w.meter.events, events...)
		if q.order >= 0 {
			w.meter.ordered(w.now, w.sc.Operators[q.order], err)
		}
		s = next
	}
	q.log[len(q.log)-1].Events = nil // the last State has them all
	q.log = append(q.log, s)
	q.applied[q.leader] = len(q.log)
	w.serve(q.leader)
	w.catchUp()
	w.leadNow()
}

// catchUp sends what is committed to everyone who can be reached.
func (w *World) catchUp() {
	for i := range w.observers {
		if i != w.quorum.leader && w.hears(w.quorum.leader, i) && w.quorum.applied[i] < len(w.quorum.log) {
			w.q.add(w.now+w.sc.Network.Sites.D(), evApply, i)
		}
	}
}

func (w *World) apply(i int) {
	q := &w.quorum
	if q.leader < 0 || !w.hears(q.leader, i) {
		return
	}
	q.applied[i] = len(q.log)
	w.serve(i)
}

// unrest reports whether anything is not in its place, so that the leader's
// regular look may find something.
func (w *World) unrest() bool {
	s := &w.quorum.log[len(w.quorum.log)-1]
	return len(s.Drains)+len(s.Outs)+len(s.Holds)+len(s.Advice)+len(s.Failbacks)+len(w.quorum.waiting) > 0
}
