package agent

import (
	"context"
	"fmt"
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
	var specs []probes.Spec
	logins := map[health.Target]probes.Login{}
	for _, s := range a.withLogins(f, specsOf(f, nil)) {
		switch {
		case s.Check.Transport != t:
		case s.Check.Kind == health.Options:
			specs = append(specs, s)
			out.Places = append(out.Places, place(s))
		case s.Check.Kind == health.Register:
			logins[s.Check.Target] = s.Login
		}
	}
	if len(specs) < 2 {
		return out, &api.Error{Category: api.Invalid, Field: "transport", Message: fmt.Sprintf("%d softswitches listen on %s; there is nothing to compare", len(specs), transport)}
	}
	number := testNumber(f)
	for i := range specs {
		specs[i].Login = logins[specs[i].Check.Target]
		specs[i].Question.Call.To = number
	}
	for _, q := range parity.Questions() {
		if q == parity.Call && number == "" {
			continue // no call check names one
		}
		out.Questions = append(out.Questions, askAll(ctx, specs, q))
	}
	return out, nil
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

// askAll puts one question to all softswitches at once.
func askAll(ctx context.Context, specs []probes.Spec, q parity.Question) api.ParityAnswer {
	got := make([]parity.Answer, len(specs))
	var wg sync.WaitGroup
	for i, s := range specs {
		wg.Go(func() {
			timeout := s.Times.Timeout
			if q == parity.Call {
				timeout = parityCall
			}
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			got[i], _ = parity.Ask(ctx, s, q)
		})
	}
	wg.Wait()
	answers, out := map[string]parity.Answer{}, api.ParityAnswer{Question: string(q), Answers: map[string]map[string]string{}, Differences: []api.ParityDifference{}}
	for i, s := range specs {
		if got[i] != nil {
			answers[place(s)], out.Answers[place(s)] = got[i], got[i]
		}
	}
	if len(answers) < len(specs) {
		out.Skipped = fmt.Sprintf("%d of %d softswitches have no canary whose password this agent has", len(specs)-len(answers), len(specs))
	}
	for _, d := range parity.Compare(answers) {
		out.Differences = append(out.Differences, api.ParityDifference{Field: d.Field, Values: d.Values})
	}
	return out
}
