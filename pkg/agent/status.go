package agent

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// statusTimeout is how long a status waits for the other agents.
const statusTimeout = 400 * time.Millisecond

// Status implements api.Backend.
func (a *Agent) Status(ctx context.Context) (api.Status, error) {
	peers := a.peers()
	s := a.state()
	leader, _ := a.store.Leader()
	out := api.Status{
		Agent: string(a.cfg.Name), Epoch: s.Epoch, Leader: string(leader), Quorum: a.store.HasQuorum() && leader != "",
		Time: time.Now().UTC(), Version: a.cfg.Version,
		Sites: []api.SiteStatus{}, Services: []api.ServiceStatus{}, Agents: []api.AgentStatus{},
		Incidents: incidents(s), Drains: drains(s), Holds: holds(s), Quarantines: quarantines(s), Silences: silences(s), Outs: outs(s), Runs: runs(s), Failbacks: failbacks(s), Blocks: blocks(s), Advice: advice(s),
		Concerns: concerns(s, a.now()),
	}
	if s.Fleet == nil {
		return out, nil
	}
	effects := a.effects(ctx, peers)
	gates := steer.GateStates(s)
	for i := range s.Fleet.Sites {
		out.Sites = append(out.Sites, siteStatus(s, &s.Fleet.Sites[i], gates, effects))
	}
	for i := range s.Fleet.Services {
		out.Services = append(out.Services, serviceStatus(s, &s.Fleet.Services[i]))
	}
	for i, p := range peers {
		out.Agents = append(out.Agents, agentStatus(p, effects[i]))
		out.Attention = append(out.Attention, effects[i].Attention...)
	}
	return out, nil
}

// effect is what this agent serves.
func (a *Agent) effect() api.Effect {
	now, _ := a.pub.served()
	e := api.Effect{
		Agent: string(a.cfg.Name), Epoch: now.state.Epoch, Gates: map[string]string{},
		Problem: cmp.Or(now.problem, a.keepingProblem(), a.signingProblem(now.state), a.updateProblem(), a.auditProblem(), a.pub.staleProblem()), Time: time.Now(), Applied: a.appliedIndex(),
		Commands: steer.CommandVersion, Attention: a.attention(), Sealing: a.sealingName(), Stale: a.pub.staleness(), Late: a.late(),
	}
	policy, ok := a.gatePolicyInForce()
	if !ok {
		return e
	}
	e.Edge, e.Note, e.Unguarded, e.Unparted = a.edgeProblem(), a.edgeNote(), a.unguarded(), a.unparted()
	if e.Unparted == "" {
		e.Parts = refusedParts(policy)
	}
	worst := gate.Closed
	for t, r := range policy.Rules {
		e.Gates[t.String()] = r.Mode.String()
		worst = min(worst, r.Mode)
		e.Reflex = e.Reflex || r.Mode == gate.Closed // nothing else closes a gate
	}
	if len(policy.Rules) == 0 {
		worst = gate.Open
	}
	e.Gate = worst.String()
	if a.gate == nil {
		return e
	}
	st := a.gate.Stats()
	e.GateStats = &api.GateStats{Relayed: st.Relayed, Refused: st.Refused, Redirected: st.Redirected, Dropped: st.Dropped, Connections: st.Connections}
	return e
}

// peerEffect is what a peer serves, or why it could not be asked.
type peerEffect struct {
	api.Effect
	site fleet.SiteID
	err  error
}

// effects asks every peer what it serves, in their order.
func (a *Agent) effects(ctx context.Context, peers []Peer) []peerEffect {
	out := make([]peerEffect, len(peers))
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for i, p := range peers {
		wg.Go(func() {
			if p.Name == a.cfg.Name {
				out[i].Effect = a.effect()
				return
			}
			out[i].Effect, out[i].err = a.clientOf(p).Effect(ctx, 0, 0)
		})
	}
	wg.Wait()
	for i, p := range peers {
		out[i].Agent, out[i].site = string(p.Name), p.Site
	}
	nameWrongClocks(out)
	return out
}

// nameWrongClocks tells of agents whose clock is far from the middle of all. The
// answers came in within statusTimeout, so that much is no difference.
func nameWrongClocks(effects []peerEffect) {
	var clocks []time.Time
	for _, e := range effects {
		if e.err == nil && !e.Time.IsZero() {
			clocks = append(clocks, e.Time)
		}
	}
	if len(clocks) < 2 {
		return
	}
	middle := median(clocks)
	for i := range effects {
		e := &effects[i]
		off := e.Time.Sub(middle)
		if e.err != nil || e.Time.IsZero() || off.Abs() <= clockTolerance || e.Problem != "" {
			continue
		}
		word := "ahead of"
		if off < 0 {
			word = "behind"
		}
		e.Problem = fmt.Sprintf("its clock is %s %s the others'; it is not used for decisions while others can be heard", off.Abs().Round(time.Second), word)
	}
}

func agentStatus(p Peer, e peerEffect) api.AgentStatus {
	out := api.AgentStatus{Name: string(p.Name), Site: string(p.Site), Reachable: e.err == nil, Epoch: e.Epoch, Gate: e.Gate, Stale: e.Stale, Late: e.Late, Problem: cmp.Or(e.Problem, e.Edge, e.Note, e.Unparted, e.Unguarded)}
	if e.err != nil {
		out.Problem = "not reachable"
	}
	return out
}

func siteStatus(s steer.State, site *fleet.Site, gates map[fleet.SiteID]steer.GateState, effects []peerEffect) api.SiteStatus {
	out := api.SiteStatus{
		Name: string(site.Name), Intent: intent(s, site.Name), Gate: gates[site.Name].Mode().String(),
		Gates: map[string]string{}, Transports: map[string]string{}, Detail: map[string]string{}, Out: map[string]string{},
	}
	for _, t := range site.Transports() {
		out.Gates[t.String()] = gates[site.Name].Rule(t).Mode.String()
		out.Transports[t.String()] = s.SiteStatus(site.Name, t).String()
	}
	for _, v := range s.Verdicts {
		if v.Check.Site == site.Name && v.Status == health.Down {
			out.Detail[v.Check.Transport.String()] = strings.TrimSuffix(fmt.Sprintf("%s: %s", cmp.Or(string(v.Cause), "down"), v.Detail), ": ")
		}
	}
	out.Checks, out.Maintenance = checkMatrix(s, site.Name), maintained(s, site)
	for _, o := range s.Outs {
		if o.Site == site.Name {
			text := fmt.Sprintf("since %s by %s: %s", o.Since.UTC().Format(time.TimeOnly), o.By, o.Reason)
			if !o.Until.IsZero() {
				text += "; " + o.Lasts()
			}
			out.Out[o.Transport.String()] = text
		}
	}
	for _, e := range effects { // the gate itself knows best, its reflex included
		if e.err == nil && e.Gate != "" && e.site == site.Name {
			out.Gate, out.Gates, out.GateParts, out.Reflex, out.GateStats = e.Gate, e.Gates, e.Parts, e.Reflex, e.GateStats
		}
	}
	return out
}

// checkMatrix is what is believed of the checks of a site, the worst of its
// softswitches.
func checkMatrix(s steer.State, site fleet.SiteID) api.CheckMatrix {
	worst := map[fleet.Transport]map[health.Kind]health.Status{}
	for _, v := range s.Verdicts {
		if v.Check.Site != site {
			continue
		}
		kinds := worst[v.Check.Transport]
		if kinds == nil {
			kinds = map[health.Kind]health.Status{}
			worst[v.Check.Transport] = kinds
		}
		if old, known := kinds[v.Check.Kind]; !known || v.Status == health.Down || v.Status == health.Unknown && old == health.Up {
			kinds[v.Check.Kind] = v.Status
		}
	}
	out := api.CheckMatrix{}
	for t, kinds := range worst {
		row := map[string]string{}
		for k, status := range kinds {
			row[string(k)] = status.String()
		}
		out[t.String()] = row
	}
	return out
}

// intent sums up what people want with the whole site.
func intent(s steer.State, site fleet.SiteID) string {
	word := "active"
	for _, d := range s.Drains {
		if d.Site != site || d.Service != "" || d.Transport != 0 || !d.Cohort.IsZero() {
			continue
		}
		if d.Stage == steer.StageDone {
			return "drained"
		}
		word = "draining"
	}
	return word
}

func serviceStatus(s steer.State, svc *fleet.Service) api.ServiceStatus {
	out := api.ServiceStatus{Name: string(svc.Name), Automation: string(cmp.Or(svc.Automation, fleet.AutomationAdvise)), Transports: map[string][]steer.Target{}}
	for t, targets := range steer.Answers(s, svc) {
		out.Transports[t.String()] = targets
	}
	for _, p := range steer.Parts(s, svc)[1:] {
		c := api.CohortStatus{Cohort: p.Cohort.String(), Percent: p.Cohort.Percent(), Transports: map[string][]steer.Target{}}
		for t, targets := range p.Answers {
			c.Transports[t.String()] = targets
		}
		out.Cohorts = append(out.Cohorts, c)
	}
	zone := steer.Records(s)
	if set, ok := zone.Lookup(svc.Transports[0].Label()+"."+s.Fleet.FQDN(string(svc.Name)+"."), srv.TypeSRV); ok {
		out.TTL = set.TTL
	}
	return out
}

func incidents(s steer.State) []api.IncidentStatus {
	out := []api.IncidentStatus{}
	for _, in := range s.Incidents {
		if !in.Open() {
			continue
		}
		st := api.IncidentStatus{ID: in.ID, State: string(in.State), Severity: string(in.Severity), Cause: in.Cause, Owner: in.Owner, Summary: in.Summary, OpenedAt: in.OpenedAt}
		for _, site := range in.Sites {
			st.Sites = append(st.Sites, string(site))
		}
		out = append(out, st)
	}
	return out
}

func drains(s steer.State) []api.IntentStatus {
	out := []api.IntentStatus{}
	for _, d := range s.Drains {
		st := api.IntentStatus{
			ID: d.ID, Site: string(d.Site), Service: string(d.Service), Cohort: d.Cohort.String(), Stage: d.Stage.String(),
			Owner: d.Owner, Reason: d.Reason, Since: d.Since, Until: d.Until, Maintenance: d.Maintenance,
		}
		if d.Transport != 0 {
			st.Transport = d.Transport.String()
		}
		if wait, ok := steer.StageTime(s.Fleet, d); ok {
			st.NextStage = d.StageAt.Add(wait).UTC().Format(time.RFC3339)
		}
		out = append(out, st)
	}
	return out
}

func holds(s steer.State) []api.IntentStatus {
	out := []api.IntentStatus{}
	for _, h := range s.Holds {
		out = append(out, api.IntentStatus{Service: string(h.Service), Owner: h.Owner, Reason: h.Reason, Since: h.Since, Until: h.Until})
	}
	return out
}

func failbacks(s steer.State) []api.FailbackStatus {
	out := []api.FailbackStatus{}
	for _, f := range s.Failbacks {
		st := api.FailbackStatus{Site: string(f.Site), Cohort: f.Cohort.String(), Pace: string(f.Pace), Owner: f.Owner, Reason: f.Reason}
		if f.Step >= 0 {
			st.Share = s.Fleet.Policy.FailbackSteps[f.Step]
		}
		due, waits := steer.FailbackDue(s, f, s.Now)
		st.Next = due.UTC().Format(time.RFC3339)
		if waits {
			st.Waits = "for the failback window (" + s.Fleet.Policy.Failback.String() + ")"
		}
		if s.ReturnBefore(&f) != nil {
			st.Waits = strings.TrimPrefix(st.Waits+", after the return that is under way", ", ")
		}
		if sick := notUp(s, f); sick != "" {
			st.Waits = strings.TrimPrefix(st.Waits+", when it is up over "+sick, ", ")
		}
		out = append(out, st)
	}
	return out
}

// notUp names the transports for which a return waits: it takes no step to a site
// that is not known to be up.
func notUp(s steer.State, f steer.Failback) string {
	var names []string
	for _, slot := range f.Slots {
		if name := slot.Transport.String(); !slices.Contains(names, name) && s.SiteStatus(slot.Site, slot.Transport) != health.Up {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func blocks(s steer.State) []api.BlockStatus {
	out := []api.BlockStatus{}
	for _, b := range s.Blocks {
		out = append(out, api.BlockStatus{Service: string(b.Service), Site: string(b.Site), Until: b.Until})
	}
	return out
}

// advice lists each site and rule once; the slots differ only in the service
// and transport.
func advice(s steer.State) []api.AdviceStatus {
	out := []api.AdviceStatus{}
	for _, x := range s.Advice {
		out = append(out, api.AdviceStatus{Site: string(x.Site), Service: string(x.Service), Transport: x.Transport.String(), Rule: string(x.Rule), Text: x.Text, Next: x.Next})
	}
	return out
}
