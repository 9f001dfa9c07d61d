package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
)

// Checks implements api.ProbeBackend.
func (a *Agent) Checks(ctx context.Context) ([]api.AgentChecks, error) {
	peers := a.peers()
	all := make([]api.AgentChecks, len(peers))
	a.everyPeer(ctx, peers, func(ctx context.Context, i int, p Peer) {
		var err error
		if p.Name == a.cfg.Name {
			all[i] = a.OwnChecks()
		} else if all[i], err = a.clientOf(p).OwnChecks(ctx); err != nil {
			all[i] = api.AgentChecks{Agent: string(p.Name), Site: string(p.Site), Problem: "not reachable", Checks: []api.CheckSeen{}}
		}
	})
	return all, nil
}

// OwnChecks implements api.ProbeBackend.
func (a *Agent) OwnChecks() api.AgentChecks {
	out := api.AgentChecks{Agent: string(a.cfg.Name), Site: string(a.cfg.Site), Checks: []api.CheckSeen{}}
	now, _ := a.pub.served()
	verdicts := map[health.Check]health.Verdict{}
	if now.state.Fleet != nil {
		for _, c := range checksOf(now.state.Fleet) {
			verdicts[c] = health.Verdict{Check: c}
		}
	}
	for _, v := range now.state.Verdicts {
		verdicts[v.Check] = v
	}
	a.runnerMu.Lock()
	runner := a.runner
	a.runnerMu.Unlock()
	if runner == nil {
		out.Problem = "not probing yet"
		return out
	}
	times, ends := map[health.Check]*api.AnswerTimes{}, map[health.Check]probes.Ending{}
	for _, s := range runner.CheckStats() {
		ends[s.Check] = s.Ends
		times[s.Check] = api.NewAnswerTimes(s.Answers, s.Sum, s.Within)
	}
	for _, o := range runner.Opinions() {
		seen := api.CheckSeen{Check: o.Check, Status: o.Status.String(), Cause: string(o.Cause), Detail: o.Detail, Recent: []api.Sample{}, Times: times[o.Check]}
		if v, counts := verdicts[o.Check]; counts {
			seen.Verdict, seen.Maintenance = v.Status.String(), v.Quiet()
		} else {
			seen.Maintenance = o.Status == health.Down && now.state.Maintained(o.Check)
		}
		if e := ends[o.Check]; !e.At.IsZero() {
			seen.CertificateEnds, seen.CertificateOf = &e.At, e.Of
		}
		for _, r := range runner.Recent(o.Check) {
			seen.Recent = append(seen.Recent, sample(r.At, r.Outcome, r.Cause, r.Detail, r.RTT))
		}
		lines, failed := runner.Evidence(o.Check)
		for _, l := range lines {
			seen.Wire = append(seen.Wire, wireLine(l.At, l.Direction, l.Text))
		}
		if !failed.IsZero() {
			seen.WireAt = &failed
		}
		out.Checks = append(out.Checks, seen)
	}
	return out
}

var outcomeWords = map[health.Outcome]string{health.Success: "success", health.Failure: "failure", health.NoData: "no-data"}

func sample(at time.Time, o health.Outcome, c health.Cause, detail string, took time.Duration) api.Sample {
	return api.Sample{At: at, Outcome: outcomeWords[o], Cause: string(c), Detail: detail, Took: float64(took.Microseconds()) / 1000}
}

// ProbeOnce implements api.ProbeBackend.
func (a *Agent) ProbeOnce(ctx context.Context, r api.ProbeRequest, forwarded bool) (api.ProbeRun, error) {
	who, err := a.prober(r)
	if err != nil {
		return api.ProbeRun{}, err
	}
	if who.Name != a.cfg.Name {
		if forwarded {
			return api.ProbeRun{}, &api.Error{Category: api.Invalid, Field: "agent", Message: fmt.Sprintf("agent %s was asked for %s", a.cfg.Name, who.Name)}
		}
		r.Agent = string(who.Name)
		return a.clientOf(who).ProbeForPeer(ctx, r)
	}
	specs, err := a.matching(r)
	if err != nil {
		return api.ProbeRun{}, err
	}
	run := api.ProbeRun{Agent: string(a.cfg.Name), Results: make([]api.ProbeResult, len(specs))}
	var wg sync.WaitGroup
	for i, s := range specs {
		wg.Go(func() { run.Results[i] = a.probeOnce(ctx, s) })
	}
	wg.Wait()
	return run, nil
}

// prober says which agent asks: the one that is named, else one at the site,
// else this one.
func (a *Agent) prober(r api.ProbeRequest) (Peer, error) {
	self, peers := Peer{Name: a.cfg.Name, Site: a.cfg.Site}, a.peers()
	if r.Agent != "" {
		i := slices.IndexFunc(peers, func(p Peer) bool { return string(p.Name) == r.Agent })
		if i < 0 {
			return Peer{}, &api.Error{Category: api.Invalid, Field: "agent", Message: fmt.Sprintf("no agent is called %q", r.Agent), Hint: "sipsteer checks   # lists the agents"}
		}
		return peers[i], nil
	}
	if string(a.cfg.Site) == r.Site {
		return self, nil
	}
	if i := slices.IndexFunc(peers, func(p Peer) bool { return string(p.Site) == r.Site }); i >= 0 {
		return peers[i], nil
	}
	return self, nil
}

// matching returns the specs that a request means.
func (a *Agent) matching(r api.ProbeRequest) ([]probes.Spec, error) {
	now, _ := a.pub.served()
	f := now.state.Fleet
	if f == nil {
		return nil, &api.Error{Category: api.Unreachable, Message: "this agent has no fleet yet"}
	}
	if f.Site(fleet.SiteID(r.Site)) == nil {
		return nil, &api.Error{Category: api.Invalid, Field: "site", Message: fmt.Sprintf("no site is called %q", r.Site), Hint: "sipsteer status   # lists the sites"}
	}
	roots := a.trustRoots(f)
	all := append(a.withLogins(f, specsOf(f, roots)), a.extraSpecs(f, roots)...)
	var out []probes.Spec
	var kinds []string
	for _, s := range all {
		c := s.Check
		if string(c.Site) != r.Site || r.Switch != "" && string(c.Switch) != r.Switch || r.Transport != "" && c.Transport.String() != r.Transport {
			continue
		}
		if k := string(c.Kind); !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
		if string(c.Kind) == r.Kind || string(c.Kind.Base()) == r.Kind {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return nil, &api.Error{
			Category: api.Invalid, Field: "kind", Message: fmt.Sprintf("agent %s has no check of the kind %q there", a.cfg.Name, r.Kind),
			Hint: "one of " + strings.Join(kinds, ", "),
		}
	}
	return out, nil
}

// probeOnce asks one question and writes down what goes over the wire.
func (a *Agent) probeOnce(ctx context.Context, s probes.Spec) api.ProbeResult {
	ctx, cancel := context.WithTimeout(ctx, s.Times.Timeout)
	defer cancel()
	ctx, transcript := probes.Record(ctx)
	prober := a.probers()[s.Check.Kind.Base()]
	if s.Check.Kind.Base() == health.Metrics {
		prober = a.numbers.Once() // a question out of turn teaches nothing
	}
	res := prober.Probe(ctx, s)
	if why := a.whyNoLogin(a.state().Fleet, s); why != "" && res.Outcome == health.NoData {
		res.Detail += ": " + why
	}
	out := api.ProbeResult{Check: s.Check, Sample: sample(time.Now(), res.Outcome, res.Cause, res.Detail, res.RTT), Wire: []api.WireLine{}}
	if k := s.Check.Kind.Base(); s.Address.IsValid() && k != health.Exec && k != health.Storage {
		out.Address = s.Address.String()
	}
	for _, l := range transcript.Lines() {
		out.Wire = append(out.Wire, wireLine(l.At, l.Direction, l.Text))
	}
	return out
}

func wireLine(at time.Duration, direction, text string) api.WireLine {
	return api.WireLine{At: float64(at.Microseconds()) / 1000, Direction: direction, Text: text}
}
