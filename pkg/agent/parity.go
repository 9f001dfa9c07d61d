package agent

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/parity"
)

// Parity implements api.ProbeBackend. This agent asks all softswitches itself,
// so that nothing differs but they.
func (a *Agent) Parity(ctx context.Context, transport string) (api.ParityTable, error) {
	out := api.ParityTable{Agent: string(a.cfg.Name), Transport: transport}
	now, _ := a.pub.served()
	t, err := fleet.ParseTransport(transport)
	if err != nil || now.state.Fleet == nil {
		return out, &api.Error{Category: api.Invalid, Field: "transport", Message: "no fleet yet, or no such transport", Hint: "udp, tcp, tls, ws or wss"}
	}
	f := now.state.Fleet
	specs := a.paritySpecs(f, t, nil)
	for _, s := range specs {
		out.Places = append(out.Places, place(s))
	}
	if len(specs) < 2 {
		return out, &api.Error{Category: api.Invalid, Field: "transport", Message: fmt.Sprintf("%d softswitches listen on %s; there is nothing to compare", len(specs), transport)}
	}
	for _, q := range parity.Questions() {
		if q == parity.Call && testNumber(f) == "" {
			continue // no call check names one
		}
		out.Questions = append(out.Questions, a.compare(specs, q, a.askAll(ctx, specs, q, parityCall)))
	}
	return out, nil
}

// paritySpecs are what is asked to compare the softswitches of sites, nil for all,
// over a transport: each listener with its canary's login, and the test number.
func (a *Agent) paritySpecs(f *fleet.Fleet, t fleet.Transport, sites []fleet.SiteID) []probes.Spec {
	var specs []probes.Spec
	logins := map[health.Target]probes.Login{}
	for _, s := range a.withLogins(f, specsOf(f, nil)) {
		switch {
		case s.Check.Transport != t || sites != nil && !slices.Contains(sites, s.Check.Site):
		case s.Check.Kind == health.Options:
			specs = append(specs, s)
		case s.Check.Kind == health.Register:
			logins[s.Check.Target] = s.Login
		}
	}
	number := testNumber(f)
	for i := range specs {
		specs[i].Login = logins[specs[i].Check.Target]
		specs[i].Question.Call.To = number
	}
	return specs
}

// parityCall bounds the calls to one softswitch: up to four, one after another.
const parityCall = 15 * time.Second

// testNumber is what the first call check with a number dials.
func testNumber(f *fleet.Fleet) string {
	for i := range f.Checks.Extra {
		if e := &f.Checks.Extra[i]; e.Kind == string(health.Call) && e.To != "" {
			return e.To
		}
	}
	return ""
}

func place(s probes.Spec) string { return string(s.Check.Site) + "/" + string(s.Check.Switch) }

// askAll puts one question to all softswitches at once, and remembers what they
// answer; what cannot be asked of one is nil. A call may last as long as calls says.
func (a *Agent) askAll(ctx context.Context, specs []probes.Spec, q parity.Question, calls time.Duration) []parity.Answer {
	got := make([]parity.Answer, len(specs))
	var wg sync.WaitGroup
	for i, s := range specs {
		wg.Go(func() {
			timeout := s.Times.Timeout
			if q == parity.Call {
				timeout = calls
			}
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			got[i], _ = parity.Ask(ctx, s, q)
			if !silent(got[i]) {
				a.answered.put(s.Check.Target, q, got[i], time.Now())
			}
		})
	}
	wg.Wait()
	return got
}

// compare puts what was answered before in the place of what was not, and compares.
func (a *Agent) compare(specs []probes.Spec, q parity.Question, got []parity.Answer) api.ParityAnswer {
	now := time.Now()
	answers, out := map[string]parity.Answer{}, api.ParityAnswer{Question: string(q), Answers: map[string]map[string]string{}, Differences: []api.ParityDifference{}}
	for i, s := range specs {
		if got[i] == nil {
			continue
		}
		x := got[i]
		if before, at, ok := a.answered.get(s.Check.Target, q, now); ok && silent(x) {
			before[parity.Unanswered] = x[parity.Unanswered]
			x = before
			if out.Earlier == nil {
				out.Earlier = map[string]time.Time{}
			}
			out.Earlier[place(s)] = at.UTC()
		}
		answers[place(s)], out.Answers[place(s)] = x, x
	}
	if len(answers) < len(specs) {
		out.Skipped = fmt.Sprintf("%d of %d softswitches have no canary whose password this agent has", len(specs)-len(answers), len(specs))
	}
	for _, d := range parity.Compare(answers) {
		out.Differences = append(out.Differences, api.ParityDifference{Field: d.Field, Values: d.Values})
	}
	return out
}
