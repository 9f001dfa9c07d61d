package agent

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/parity"
)

const (
	// planAsks bounds what a plan waits for softswitches.
	planAsks = time.Second
	// planFresh is how long an answer is good for the next plan: who looks at many
	// plans does not burden the softswitches.
	planFresh = 10 * time.Second
)

// addDifferences says what the softswitches answer differently that phones leave by
// a plan, and those that they come to. One that is down is not asked again: what it
// answered before is compared.
func (a *Agent) addDifferences(ctx context.Context, s steer.State, p *plan.Plan) {
	moves := p.Moves()
	if s.Fleet == nil || len(moves) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, planAsks)
	defer cancel()
	differ, not := make([][]plan.Difference, len(moves)), make([][]string, len(moves))
	var wg sync.WaitGroup
	for i, m := range moves {
		wg.Go(func() { differ[i], not[i] = a.differences(ctx, s, m) })
	}
	wg.Wait()
	for i := range moves {
		p.Differences, p.NotCompared = append(p.Differences, differ[i]...), append(p.NotCompared, not[i]...)
	}
}

// differences compares the softswitches of one move.
func (a *Agent) differences(ctx context.Context, s steer.State, m plan.Move) (differ []plan.Difference, not []string) {
	specs := a.paritySpecs(s.Fleet, m.Transport, m.Sites)
	if len(specs) < 2 {
		return nil, nil // OPTIONS is not asked of them
	}
	for _, q := range questionsHere() {
		table := a.compare(specs, q, a.askPlanned(ctx, s, specs, q))
		for _, d := range table.Differences {
			if d.Field != parity.Unanswered {
				differ = append(differ, plan.Difference{Transport: m.Transport, Question: string(q), Field: d.Field, Values: d.Values})
			}
		}
		for _, x := range specs {
			if got := table.Answers[place(x)]; q == parity.Options && silent(got) && len(got) < 2 {
				not = append(not, fmt.Sprintf("%s over %s does not answer, and is not known from before", place(x), m.Transport))
			}
		}
	}
	return differ, not
}

// askPlanned asks those that are not down and were not asked just now. The others
// are silent here: what is remembered of them is compared.
func (a *Agent) askPlanned(ctx context.Context, s steer.State, specs []probes.Spec, q parity.Question) []parity.Answer {
	out := make([]parity.Answer, len(specs))
	var ask []probes.Spec
	var at []int
	now := time.Now()
	for i, x := range specs {
		if last, when, ok := a.answered.get(x.Check.Target, q, now); ok && now.Sub(when) < planFresh {
			out[i] = last
			continue
		}
		if optionsDown(s, x.Check.Target) {
			out[i] = parity.Answer{parity.Unanswered: "down"}
			continue
		}
		ask, at = append(ask, x), append(at, i)
	}
	for i, got := range a.askAll(ctx, ask, q, planAsks) {
		out[at[i]] = got
	}
	return out
}

func optionsDown(s steer.State, t health.Target) bool {
	for i := range s.Verdicts {
		if v := &s.Verdicts[i]; v.Check.Target == t && v.Check.Kind == health.Options {
			return v.Status == health.Down
		}
	}
	return false
}
