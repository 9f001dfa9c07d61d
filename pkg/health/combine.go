package health

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Voice is what one agent says about one check.
type Voice struct {
	Agent fleet.AgentID
	Site  fleet.SiteID // where the agent is: an agent at the check's own site is local
	// Heard says that the agent's reports are fresh. The opinion of an agent
	// that is not heard is ignored.
	Heard bool
	// Opinion is Unknown when the agent cannot say.
	Opinion Opinion
}

// Pattern says in one word how the voices stand to each other.
type Pattern string

// The patterns.
const (
	// PatternNoData: nobody who is heard has an opinion.
	PatternNoData Pattern = "no-data"
	// PatternAgreed: all who have an opinion have the same, and it counts.
	PatternAgreed Pattern = "agreed"
	// PatternTooFew: all who have an opinion have the same, but they are too
	// few to change anything.
	PatternTooFew Pattern = "too-few"
	// PatternLocalOnly: only the agents at the site itself say down. Their own
	// network, or a fault that callers do not meet.
	PatternLocalOnly Pattern = "local-only"
	// PatternOutsideOnly: only agents elsewhere say down: the path to the site
	// is broken, not the softswitch (CauseNetwork).
	PatternOutsideOnly Pattern = "outside-only"
	// PatternSplit: any other disagreement.
	PatternSplit Pattern = "split"
)

// Combine joins the voices about prev.Check into the verdict that follows prev.
// The rules, in this order:
//
//   - Down needs a majority of the agents that are heard, at least minRemote of
//     them at other sites, and the local agent. If the local agent is not heard
//     or cannot say, at least two others must say it, or the one other there is
//     in a fleet that has no more.
//   - Up needs a majority of the agents that are heard, or a local agent that
//     says up while only the outside says down (PatternOutsideOnly); the latter
//     does not bring back what is Down.
//   - Otherwise the status stays: doubt never moves traffic.
//
// An agent named twice speaks once. Since moves only when the status does; now
// is the leader's time.
func Combine(prev Verdict, voices []Voice, minRemote int, now time.Time) (Verdict, Pattern) {
	heard := attentive(prev.Check, voices)
	t := count(prev.Check.Site, voices, heard)
	status := t.decide(prev.Status, minRemote)
	pattern := t.pattern(status)

	next := Verdict{Check: prev.Check, Status: status, Since: prev.Since}
	if status != prev.Status || prev.Since.IsZero() {
		next.Since = now
	}
	for i := range heard {
		if heard[i].Opinion.Status != status {
			continue
		}
		if next.Observers == nil {
			next.Observers = make([]fleet.AgentID, 0, len(heard)-i)
		}
		next.Observers = append(next.Observers, heard[i].Agent)
	}
	switch {
	case status == Down && t.localDown+t.remoteDown == 0:
		next.Cause, next.Detail, next.Certificate = prev.Cause, prev.Detail, prev.Certificate
	case status == Down:
		o := chooseOpinion(prev.Check.Site, heard)
		next.Cause, next.Detail, next.Certificate = o.Cause, o.Detail, o.Certificate
	case status == Up && pattern == PatternOutsideOnly:
		next.Cause, next.Detail = CauseNetwork, outsideDetail(heard)
	}
	return next, pattern
}

// attentive returns the voices that are heard, one for each agent, ordered by
// agent. A voice about another check has no opinion on this one.
func attentive(check Check, voices []Voice) []Voice {
	heard := make([]Voice, 0, len(voices))
	for i := range voices {
		if !voices[i].Heard {
			continue
		}
		heard = append(heard, voices[i])
		if o := &heard[len(heard)-1].Opinion; o.Check != check {
			*o = Opinion{Check: check}
		}
	}
	byAgent := func(a, b Voice) int { return cmp.Compare(a.Agent, b.Agent) }
	if !slices.IsSortedFunc(heard, byAgent) {
		slices.SortStableFunc(heard, byAgent)
	}
	return slices.CompactFunc(heard, func(a, b Voice) bool { return a.Agent == b.Agent })
}

// tally counts voices.
type tally struct {
	heard                int
	localUp, localDown   int
	remoteUp, remoteDown int
	remoteAgents         int // at other sites, heard or not
}

func count(site fleet.SiteID, voices, heard []Voice) tally {
	t := tally{heard: len(heard)}
	for i := range voices {
		again := slices.ContainsFunc(voices[:i], func(v Voice) bool { return v.Agent == voices[i].Agent })
		if voices[i].Site != site && !again {
			t.remoteAgents++
		}
	}
	for i := range heard {
		v := &heard[i]
		local := v.Site == site
		switch {
		case v.Opinion.Status == Up && local:
			t.localUp++
		case v.Opinion.Status == Up:
			t.remoteUp++
		case v.Opinion.Status == Down && local:
			t.localDown++
		case v.Opinion.Status == Down:
			t.remoteDown++
		}
	}
	return t
}

func (t tally) majority(n int) bool { return 2*n > t.heard }

func (t tally) down(minRemote int) bool {
	if t.localUp > 0 || !t.majority(t.localDown+t.remoteDown) {
		return false
	}
	if t.localDown > 0 {
		return t.remoteDown >= minRemote
	}
	need := min(max(2, minRemote), t.remoteAgents)
	return t.remoteDown > 0 && t.remoteDown >= need
}

// outsideOnly reports that every agent at another site that has an opinion says
// down, and every local one says up.
func (t tally) outsideOnly() bool {
	return t.localUp > 0 && t.localDown == 0 && t.remoteDown > 0 && t.remoteUp == 0
}

func (t tally) decide(prev Status, minRemote int) Status {
	switch {
	case t.down(minRemote):
		return Down
	case t.majority(t.localUp + t.remoteUp):
		return Up
	case t.outsideOnly() && prev != Down:
		return Up
	}
	return prev
}

func (t tally) pattern(decided Status) Pattern {
	up, down := t.localUp+t.remoteUp, t.localDown+t.remoteDown
	switch {
	case up+down == 0:
		return PatternNoData
	case up == 0 && (decided != Down || !t.majority(down)),
		down == 0 && (decided != Up || !t.majority(up)):
		return PatternTooFew
	case up == 0 || down == 0:
		return PatternAgreed
	case t.outsideOnly():
		return PatternOutsideOnly
	case t.localDown > 0 && t.localUp == 0 && t.remoteDown == 0:
		return PatternLocalOnly
	}
	return PatternSplit
}

// chooseOpinion returns the opinion with the cause that most of the voices that
// say down give, the local one's if several are as frequent.
func chooseOpinion(site fleet.SiteID, heard []Voice) Opinion {
	var down []Voice
	times := map[Cause]int{}
	for _, v := range heard {
		if v.Opinion.Status == Down {
			down = append(down, v)
			times[v.Opinion.Cause]++
		}
	}
	best := slices.MinFunc(down, func(a, b Voice) int {
		return cmp.Or(
			cmp.Compare(times[b.Opinion.Cause], times[a.Opinion.Cause]),
			-compareBool(a.Site == site, b.Site == site),
			cmp.Compare(a.Agent, b.Agent),
		)
	})
	return best.Opinion
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// outsideDetail names who cannot reach the site.
func outsideDetail(heard []Voice) string {
	var who []string
	for _, v := range heard {
		if v.Opinion.Status == Down {
			who = append(who, string(v.Agent)+": "+string(v.Opinion.Cause))
		}
	}
	return "only the outside cannot reach it (" + strings.Join(who, ", ") + ")"
}
