package agent

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// OwnGate implements api.GateBackend.
func (a *Agent) OwnGate() (api.GateReport, bool) {
	if a.gate == nil {
		return api.GateReport{}, false
	}
	e := a.effect()
	live := a.gate.Live()
	r := gateReport(live)
	r.Parts = partsLeft(live.Domains, a.machine.State())
	r.Site, r.Agent, r.Gate, r.Gates, r.Refused, r.Unparted = string(a.cfg.Site), string(a.cfg.Name), e.Gate, e.Gates, e.Parts, e.Unparted
	return r, true
}

// OwnStragglers implements api.GateBackend.
func (a *Agent) OwnStragglers() []api.Straggler {
	out := []api.Straggler{}
	if a.gate == nil {
		return out
	}
	for _, s := range a.gate.Stragglers() {
		out = append(out, straggler(s))
	}
	return out
}

// Registered implements api.GateBackend.
func (a *Agent) Registered(aors []string) []string {
	if a.gate == nil {
		return []string{}
	}
	return append([]string{}, a.gate.Registered(aors)...)
}

// Gates implements api.GateBackend.
func (a *Agent) Gates(ctx context.Context) ([]api.GateReport, error) {
	peers := a.peers()
	all := make([]api.GateReport, len(peers))
	a.everyPeer(ctx, peers, func(ctx context.Context, i int, p Peer) {
		var err error
		if p.Name == a.cfg.Name {
			all[i], _ = a.OwnGate()
		} else if all[i], err = a.clientOf(p).OwnGate(ctx); err != nil {
			all[i] = api.GateReport{Site: string(p.Site), Agent: string(p.Name), Problem: "not reachable"}
		}
	})
	return append([]api.GateReport{}, slices.DeleteFunc(all, func(r api.GateReport) bool { return r.Agent == "" })...), nil
}

// everyPeer calls f for all peers at once and waits, as long as a status does.
func (a *Agent) everyPeer(ctx context.Context, peers []Peer, f func(ctx context.Context, i int, p Peer)) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for i, p := range peers {
		wg.Go(func() { f(ctx, i, p) })
	}
	wg.Wait()
}

// Stragglers implements api.GateBackend. Each of them is looked for at the other
// sites: who is registered there has moved, and only asks here first.
func (a *Agent) Stragglers(ctx context.Context, site string) (api.StragglerList, error) {
	out := api.StragglerList{Site: site, Items: []api.Straggler{}}
	gates, err := a.Gates(ctx)
	if err != nil {
		return out, err
	}
	i := slices.IndexFunc(gates, func(g api.GateReport) bool { return g.Site == site })
	if i < 0 {
		return out, &api.Error{Category: api.Invalid, Field: "site", Message: fmt.Sprintf("there is no gate at site %q", site), Hint: "sipsteer gate status   # lists the gates"}
	}
	if gates[i].Problem != "" {
		return out, &api.Error{Category: api.Unreachable, Message: fmt.Sprintf("the agent of %s is not reachable; only its gate knows who comes there", site), Hint: "sipsteer status   # shows which agents are reachable"}
	}
	out.Gate, out.Horizon = gates[i].Gate, gates[i].Horizon
	if gates[i].Agent == string(a.cfg.Name) {
		out.Items = a.OwnStragglers()
	} else if c, ok := a.client(fleet.AgentID(gates[i].Agent)); ok {
		if out.Items, err = c.OwnStragglers(ctx); err != nil {
			return out, err
		}
	}
	a.lookElsewhere(ctx, site, out.Items)
	return out, nil
}

// maxAsked bounds how many stragglers are looked for elsewhere.
const maxAsked = 5000

func (a *Agent) lookElsewhere(ctx context.Context, site string, items []api.Straggler) {
	peers := a.peers()
	var aors []string
	for _, s := range items[:min(len(items), maxAsked)] {
		if !s.Trunk {
			aors = append(aors, s.AoR)
		}
	}
	if len(aors) == 0 {
		return
	}
	found := make([][]string, len(peers))
	a.everyPeer(ctx, peers, func(ctx context.Context, i int, p Peer) {
		switch {
		case string(p.Site) == site:
		case p.Name == a.cfg.Name:
			found[i] = a.Registered(aors)
		default:
			found[i], _ = a.clientOf(p).Registered(ctx, aors) // who cannot be asked adds nothing
		}
	})
	at := map[string]string{}
	for i, p := range peers {
		for _, aor := range found[i] {
			at[aor] = string(p.Site)
		}
	}
	for i := range items {
		if other := at[items[i].AoR]; other != "" && !items[i].Trunk {
			items[i].RegisteredAt = other
			items[i].Step = "nothing: it is registered at " + other + " and only asks here first"
		}
	}
}

func gateReport(l gate.Live) api.GateReport {
	r := api.GateReport{
		Since: timeOrNil(l.Since), Horizon: timeOrNil(l.Horizon), Finish: timeOrNil(l.Finish),
		Left: l.Left, Untold: l.Untold, Told: l.Told, Moved: l.Moved, Stuck: l.Stuck, Lapsed: l.Lapsed, Strangers: l.Strangers,
		Unlisted: l.Unlisted, Calls: l.Calls, Stragglers: l.Report.Stragglers, Conns: l.Stats.Connections,
		Totals: api.GateTotals{
			Relayed: l.Stats.Relayed, Refused: l.Stats.Refused, Redirected: l.Stats.Redirected, Silenced: l.Stats.Silenced,
			HungUp: l.Stats.HungUp, Isolated: l.Stats.Isolated, Dropped: l.Stats.Dropped, Malformed: l.Stats.Malformed,
		},
		Tenants: []api.TenantLeft{}, Methods: rates(l.Methods), Agents: rates(l.Agents), Shares: []api.Share{},
		Push:       api.PushTotals(l.Asking),
		Quarantine: []api.QuarantineCount{}, Sources: topSources(l.Sources), Offenders: []api.Offender{}, Certs: []api.Certificate{},
	}
	for _, c := range l.Certificates {
		r.Certs = append(r.Certs, api.Certificate{File: c.File, Names: append([]string{}, c.Names...), Kind: c.Kind, NotAfter: timeOrNil(c.NotAfter), Problem: c.Problem})
	}
	for _, q := range l.Quarantine {
		r.Quarantine = append(r.Quarantine, api.QuarantineCount{Source: q.Prefix.String(), Until: q.Until.UTC(), Dropped: q.Dropped, Last: timeOrNil(q.Last)})
	}
	for _, o := range l.Offenders {
		r.Offenders = append(r.Offenders, api.Offender{Source: o.Source.String(), Dropped: o.Dropped, First: o.First.UTC(), Last: o.Last.UTC()})
	}
	for _, t := range l.Tenants {
		r.Tenants = append(r.Tenants, api.TenantLeft{Domain: t.Domain, Left: t.Left})
	}
	for _, s := range l.Shares {
		r.Shares = append(r.Shares, api.Share{Family: s.Family, Answer: s.Answer.String(), Refused: s.Refused, Moved: s.Moved})
	}
	return r
}

func rates(all []gate.Rate) []api.Rate {
	out := []api.Rate{}
	for _, r := range all {
		out = append(out, api.Rate{Name: r.Name, PerSecond: r.PerSecond, Refused: r.Refused})
	}
	return out
}

func straggler(s gate.Straggler) api.Straggler {
	return api.Straggler{
		AoR: s.AoR, Trunk: s.Trunk, Source: s.Source.String(), Transport: s.Transport.String(), UserAgent: s.Agent,
		First: s.First.UTC(), Last: s.Last.UTC(), Refusals: s.Refusals, Every: s.Every.String(), Reason: string(s.Reason), Step: s.Step,
		Asked: timeOrNil(s.Asked.At), Answer: askedText(s.Asked),
	}
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Round(time.Second)
	return &t
}
