package agent

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/probes/parity"
)

// look gathers what the State does not know, all at the same time.
func (a *Agent) look(ctx context.Context, s steer.State) plan.Seen {
	seen := plan.Seen{Behind: max(0, a.cfg.Behind)}
	if a.cfg.Behind == 0 {
		seen.Behind = defaultBehind
	}
	if s.Fleet == nil {
		return seen
	}
	var wg sync.WaitGroup
	wg.Go(func() { seen.Machines, seen.Sources = a.lookAtMachines(ctx) })
	wg.Go(func() { seen.Certificates = a.lookAtCertificates(ctx) })
	wg.Go(func() {
		if agents, err := a.Checks(ctx); err == nil {
			seen.Listeners, seen.Blind = listenersOf(s.Fleet, agents), blindOf(agents)
		}
	})
	wg.Go(func() { seen.NameServers = a.lookAtNameServers(ctx, s) })
	wg.Go(func() { seen.Parent = a.askParent(ctx, s) })
	wg.Go(func() { seen.Parity = a.lookAtParity(ctx, s) })
	wg.Wait()
	return seen
}

func (a *Agent) lookAtMachines(ctx context.Context) ([]plan.Machine, []plan.Source) {
	peers := a.peers()
	out := make([]plan.Machine, len(peers))
	var loud []plan.Source
	for i, e := range a.effects(ctx, peers) {
		loud = append(loud, loudSources(e.Attention)...)
		out[i] = plan.Machine{Name: fleet.AgentID(e.Agent), Reached: e.err == nil, Epoch: uint64(e.Epoch), Problem: cmp.Or(e.Problem, e.Edge)}
	}
	a.everyPeer(ctx, peers, func(ctx context.Context, i int, p Peer) {
		var st api.StoreStatus
		var err error
		if p.Name == a.cfg.Name {
			st, err = a.Store(ctx)
		} else {
			st, err = a.clientOf(p).Store(ctx)
		}
		if err != nil {
			return // not reached is told by its effect
		}
		out[i].CopyAt = st.DelayedAt
		for _, f := range st.Findings {
			if f.Urgency != urgentNote {
				out[i].Troubles = append(out[i].Troubles, plan.Trouble{Now: f.Urgency == urgentNow, Text: f.Text, Next: f.Next})
			}
		}
	})
	return out, loud
}

func (a *Agent) lookAtCertificates(ctx context.Context) []plan.Certificate {
	gates, err := a.Gates(ctx)
	if err != nil {
		return nil
	}
	var out []plan.Certificate
	for _, g := range gates {
		for _, c := range g.Certs {
			x := plan.Certificate{Site: fleet.SiteID(g.Site), File: c.File, Problem: c.Problem}
			if c.NotAfter != nil {
				x.Until = *c.NotAfter
			}
			out = append(out, x)
		}
	}
	return out
}

// lookAtParity compares what softswitches answer, over each transport of the
// fleet.
func (a *Agent) lookAtParity(ctx context.Context, s steer.State) []plan.Parity {
	ctx, cancel := context.WithTimeout(ctx, parityTimeout)
	defer cancel()
	var transports []string
	for i := range s.Fleet.Services {
		for _, t := range s.Fleet.Services[i].Transports {
			if !slices.Contains(transports, t.String()) {
				transports = append(transports, t.String())
			}
		}
	}
	slices.Sort(transports)
	out := make([]plan.Parity, len(transports))
	var wg sync.WaitGroup
	for i, t := range transports {
		wg.Go(func() { out[i] = a.compared(ctx, t) })
	}
	wg.Wait()
	return out
}

func (a *Agent) compared(ctx context.Context, transport string) plan.Parity {
	out := plan.Parity{Transport: transport}
	table, err := a.Parity(ctx, transport)
	if err != nil {
		out.Problem = err.Error()
	}
	for _, q := range table.Questions {
		for _, d := range q.Differences {
			if d.Field == parity.Unanswered {
				continue // its checks tell
			}
			out.Differences = append(out.Differences, d.Field+" of "+q.Question)
		}
	}
	return out
}
