package agent

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// maxOpinions bounds one report.
const maxOpinions = 20000

// opinions holds the last report of each agent, at the leader. The times are
// this agent's own and monotonic: no clock of another machine is trusted.
type opinions struct {
	peers  func() []Peer
	fresh  time.Duration // a report older than this is not heard
	notify chan struct{}
	// steering remembers which checks steer.
	steering steering

	mu      sync.Mutex
	reports map[fleet.AgentID]heard
}

type heard struct {
	at  time.Time
	seq uint64
	by  map[health.Check]health.Opinion
}

func newOpinions(peers func() []Peer, fresh time.Duration) *opinions {
	return &opinions{peers: peers, fresh: fresh, notify: make(chan struct{}, 1), reports: map[fleet.AgentID]heard{}}
}

// take keeps a report. An agent that is no member is refused.
func (o *opinions) take(r api.Report, now time.Time) error {
	id := fleet.AgentID(r.Agent)
	if !slices.ContainsFunc(o.peers(), func(p Peer) bool { return p.Name == id && string(p.Site) == r.Site }) {
		return &api.Error{Category: api.Invalid, Field: "agent", Message: fmt.Sprintf("no agent %q at site %q is a member", r.Agent, r.Site)}
	}
	if len(r.Opinions) > maxOpinions {
		return &api.Error{Category: api.Invalid, Field: "opinions", Message: fmt.Sprintf("%d opinions, at most %d", len(r.Opinions), maxOpinions)}
	}
	h := heard{at: now, seq: r.Seq, by: make(map[health.Check]health.Opinion, len(r.Opinions))}
	for _, op := range r.Opinions {
		h.by[op.Check] = op
	}
	o.mu.Lock()
	old, known := o.reports[id]
	if known && r.Seq < old.seq && now.Sub(old.at) < o.fresh {
		o.mu.Unlock()
		return nil // overtaken on the way
	}
	o.reports[id] = h
	o.mu.Unlock()
	select {
	case o.notify <- struct{}{}:
	default:
	}
	return nil
}

// verdicts combines what the agents say about every check of the fleet. now is
// the fleet's time; how fresh reports are is counted by this machine alone.
func (o *opinions) verdicts(s steer.State, now time.Time) []health.Verdict {
	peers := o.peers()
	heardAt := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	prev := make(map[health.Check]health.Verdict, len(s.Verdicts))
	for _, v := range s.Verdicts {
		prev[v.Check] = v
	}
	minRemote := 1
	if s.Fleet.Checks.MinRemote != nil {
		minRemote = *s.Fleet.Checks.MinRemote
	}
	var out []health.Verdict
	for _, c := range o.steering.of(s.Fleet).list {
		voices, remote := make([]health.Voice, 0, len(peers)), minRemote
		if c.Kind.Local() {
			remote = 0 // nobody elsewhere can see it
		}
		for _, p := range peers {
			if c.Kind.Local() && p.Site != c.Site {
				continue
			}
			v := health.Voice{Agent: p.Name, Site: p.Site}
			if r, ok := o.reports[p.Name]; ok && heardAt.Sub(r.at) < o.fresh {
				v.Heard, v.Opinion = true, r.by[c]
				if v.Opinion.Status == health.Unknown {
					v.Opinion.Check = c
				}
			}
			voices = append(voices, v)
		}
		before, ok := prev[c]
		if !ok {
			before = health.Verdict{Check: c}
		}
		verdict, _ := health.Combine(before, voices, remote, now)
		out = append(out, verdict)
	}
	slices.SortFunc(out, func(a, b health.Verdict) int { return a.Check.Compare(b.Check) })
	tenant := func(c health.Check) string { return tenantOf(s.Fleet, c) }
	return health.AcquitSites(func(c health.Check) health.Verdict { return prev[c] }, out, tenant, now)
}
