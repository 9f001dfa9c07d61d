package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// runTick is how often the conditions of runbooks are asked.
const runTick = 250 * time.Millisecond

// Runs implements api.Backend.
func (a *Agent) Runs(context.Context) ([]steer.Run, error) {
	return append([]steer.Run{}, a.state().Runs...), nil
}

// PlanRun implements api.Backend.
func (a *Agent) PlanRun(ctx context.Context, req api.RunRequest) (runbook.Plan, error) {
	s := a.state()
	p, err := procedure(req, s.Fleet)
	if err != nil {
		return runbook.Plan{}, err
	}
	if err := runbook.Nobody(p, s); err != nil {
		return runbook.Plan{}, err
	}
	return runbook.Make(p, a.facts(ctx, s, slices.Concat(p.Require, p.AbortIf)), a.now()), nil
}

// RunForecasts implements api.Backend.
func (a *Agent) RunForecasts(ctx context.Context, id string) ([]runbook.Forecast, error) {
	s := a.state()
	r := s.Run(id)
	if r == nil {
		return nil, &api.Error{Category: api.Invalid, Field: "id", Message: fmt.Sprintf("no run is called %q", id), Hint: "sipsteer runbook list"}
	}
	var conditions []string
	for i := range r.Steps {
		if r.Progress[i].State == steer.StepRunning {
			conditions = append(conditions, r.Steps[i].Until)
		}
	}
	return runbook.Forecasts(a.facts(ctx, s, conditions), r, a.now()), nil
}

// procedure reads a runbook and fills its values in.
func procedure(req api.RunRequest, f *fleet.Fleet) (*steer.Procedure, error) {
	b, err := config.ParseRunbook("runbook.yaml", []byte(req.Book))
	if err != nil {
		return nil, &api.Error{Category: api.Invalid, Field: "book", Message: err.Error(), Hint: "sipsteer runbook check FILE"}
	}
	return runbook.Bind(b, req.Values, f)
}

// runChange reads what a request says of a runbook.
func runChange(c *steer.Command, req api.CommandRequest, f *fleet.Fleet) error {
	if req.Run == nil {
		return nil
	}
	c.Run = &steer.RunChange{ID: req.Run.ID, Step: req.Run.Step, Detail: req.Run.Detail}
	if c.Kind != steer.KindRunStart {
		return nil
	}
	p, err := procedure(*req.Run, f)
	if err != nil {
		return err
	}
	c.Run.Procedure = p
	return nil
}

// runMayStart asks the runbook's own conditions. They may be about the gates,
// so they are asked here and not in the core.
func (a *Agent) runMayStart(ctx context.Context, cmd steer.Command) error {
	if cmd.Kind != steer.KindRunStart || cmd.Run == nil || cmd.Run.Procedure == nil {
		return nil
	}
	p := cmd.Run.Procedure
	if r := runbook.Refused(p, a.facts(ctx, a.machine.State(), p.Require)); r != nil {
		return r
	}
	return nil
}

// facts are what the conditions are asked of. The agents are asked only when a
// condition is about them.
func (a *Agent) facts(ctx context.Context, s steer.State, conditions []string) *runbook.Facts {
	f := &runbook.Facts{State: s, Left: map[fleet.SiteID]int{}, Parts: map[fleet.SiteID][]runbook.Part{}, Stragglers: map[fleet.SiteID]int{}, Empty: map[fleet.SiteID]time.Time{}}
	text := strings.Join(conditions, " ")
	if strings.Contains(text, "behind") {
		for _, e := range a.effects(ctx, a.peers()) {
			if e.err != nil || e.Epoch < s.Epoch {
				f.Behind++
			}
		}
	}
	if strings.Contains(text, "left") || strings.Contains(text, "stragglers") {
		gates, err := a.Gates(ctx)
		if err != nil {
			return f
		}
		for _, g := range gates {
			if g.Problem == "" {
				f.Left[fleet.SiteID(g.Site)], f.Stragglers[fleet.SiteID(g.Site)] = g.Left, g.Stragglers
				f.Parts[fleet.SiteID(g.Site)] = partsOf(g)
				if g.Finish != nil {
					f.Empty[fleet.SiteID(g.Site)] = *g.Finish
				}
			}
		}
	}
	return f
}

// leadRuns carries runbooks on while this agent leads, once it has listened for
// one window. It is apart from the deciding loop, which must not wait for gates.
func (a *Agent) leadRuns(ctx context.Context, since time.Time) {
	e := &errands{agent: a, inHand: map[string]bool{}}
	defer e.wg.Wait()
	for ctx.Err() == nil {
		_, changed := a.pub.served()
		s := a.machine.State()
		live := slices.ContainsFunc(s.Runs, func(r steer.Run) bool { return r.Live() })
		if left := time.Until(since.Add(a.window())); left > 0 {
			pause(ctx, left)
			continue
		}
		if live && a.pub.frozen() == "" && a.carryOn(ctx, s, e) {
			continue
		}
		wait := runTick
		if !live {
			wait = leaderTick
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// carryOn makes the moves that are due; false when there are none.
func (a *Agent) carryOn(ctx context.Context, s steer.State, e *errands) bool {
	var conditions []string
	for i := range s.Runs {
		if r := &s.Runs[i]; r.Live() {
			conditions = append(conditions, slices.Concat(r.AbortIf, r.Finally)...)
			for _, step := range r.Steps {
				conditions = append(conditions, step.Until, step.Require)
			}
		}
	}
	moves := runbook.Next(a.facts(ctx, s, conditions), a.now(), e.has)
	if len(moves) == 0 {
		return false
	}
	if err := a.proposeOwn(ctx, moves); err != nil {
		a.log.Warn().Err(err).Msg("cannot carry a runbook on")
		pause(ctx, proposeRetry)
		return true
	}
	after := a.machine.State()
	for _, x := range runbook.Errands(&after, moves) {
		e.start(ctx, x)
	}
	return true
}

// errands are what a leader does outside, each in a goroutine of its own that
// ends with the leadership.
type errands struct {
	agent  *Agent
	wg     sync.WaitGroup
	mu     sync.Mutex
	inHand map[string]bool // guarded by mu; by the key of the attempt
}

func (e *errands) has(key string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.inHand[key]
}

func (e *errands) set(key string, has bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if has {
		e.inHand[key] = true
		return
	}
	delete(e.inHand, key)
}

func (e *errands) start(ctx context.Context, x runbook.Errand) {
	e.set(x.Key, true)
	e.wg.Go(func() {
		to, detail := e.agent.errand(ctx, x)
		if to == "" && ctx.Err() == nil { // to be tried again: the next attempt has a new key
			pause(ctx, retryPause(x.Attempt))
			e.set(x.Key, false)
			return
		}
		move := steer.Command{
			Kind: steer.KindRunMove, By: steer.AutomationOwner,
			Run: &steer.RunChange{ID: x.Run, Step: x.Step, To: to, Detail: detail},
		}
		for ctx.Err() == nil {
			move.At = e.agent.now()
			if err := e.agent.proposeOwn(ctx, []steer.Command{move}); err == nil {
				return // stays in hand until the State says that it is done
			}
			pause(ctx, proposeRetry)
		}
	})
}

// retryPause doubles with each attempt.
func retryPause(attempt int) time.Duration {
	return min(30*time.Second, 500*time.Millisecond<<min(attempt, 6))
}
