package agent

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore"
)

const (
	// commandTimeout bounds one operator's command, leader search included.
	commandTimeout = 10 * time.Second
	// leaderSearch is how long a command waits for a leader before it says
	// that there is none.
	leaderSearch = 4 * time.Second
	// effectTimeout is how long a command waits for each agent to serve it.
	effectTimeout = 2 * time.Second
)

// state returns what this agent knows: the applied State, or the one that it
// keeps serving: after a restart without a leader, and while the applied one is
// in doubt.
func (a *Agent) state() steer.State {
	s := a.machine.State()
	if now, _ := a.pub.served(); now.state.Revision > s.Revision || a.pub.frozen() != "" {
		return now.state
	}
	return s
}

// History implements api.Backend.
func (a *Agent) History(_ context.Context, limit int) ([]steer.Event, error) {
	s := a.state()
	return s.LastEvents(limit), nil
}

// Why implements api.Backend.
func (a *Agent) Why(ctx context.Context, name string) (steer.Explanation, error) {
	e, err := steer.Explain(a.state(), name)
	if err == nil {
		e.Evidence = a.evidence(ctx, e.About)
	}
	return e, err
}

// Plan implements api.Backend.
func (a *Agent) Plan(ctx context.Context, req api.CommandRequest) (plan.Plan, error) {
	s := a.state()
	cmd, err := command(req, s.Fleet)
	if err == nil {
		err = a.addPast(ctx, req, &cmd)
	}
	if err == nil {
		err = a.guardPeers(cmd)
	}
	if err == nil {
		err = refuseNobody(cmd, s)
	}
	if err == nil {
		err = a.addConcern(ctx, s, &cmd)
	}
	if err != nil {
		return plan.Plan{}, err
	}
	now := a.now()
	cmd.Offset = a.offset(now)
	p, err := plan.Make(s, cmd, now)
	if err == nil {
		a.addDifferences(ctx, s, &p)
	}
	return p, err
}

// Report implements api.Backend.
func (a *Agent) Report(_ context.Context, r api.Report) error {
	if err := a.opinions.take(r, time.Now()); err != nil {
		return err
	}
	a.clock.heard(fleet.AgentID(r.Agent), r.Time)
	return nil
}

// Effect implements api.Backend.
func (a *Agent) Effect(ctx context.Context, epoch uint64, wait time.Duration) (api.Effect, error) {
	if wait > 0 {
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		a.pub.wait(ctx, epoch)
		a.waitEdge(ctx)
	}
	return a.effect(), nil
}

// Do implements api.Backend: at the leader it proposes and waits for the
// effect; elsewhere it passes the command on. The command's ID makes it safe
// to try again when a leader was lost on the way.
func (a *Agent) Do(ctx context.Context, req api.CommandRequest, forwarded bool) (api.Result, error) {
	cmd, err := command(req, a.state().Fleet)
	if err == nil {
		err = a.addPast(ctx, req, &cmd)
	}
	if err == nil {
		err = a.guardPeers(cmd)
	}
	if err != nil {
		return api.Result{}, err
	}
	if cmd.ID == "" {
		cmd.ID = newID()
		req.ID = cmd.ID
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	start := time.Now()
	for {
		res, err := a.try(ctx, req, cmd, forwarded, start)
		if !retriable(err) || forwarded || time.Since(start) > leaderSearch || ctx.Err() != nil {
			return res, outcome(err)
		}
		pause(ctx, proposeRetry)
	}
}

func (a *Agent) try(ctx context.Context, req api.CommandRequest, cmd steer.Command, forwarded bool, start time.Time) (api.Result, error) {
	leader, _ := a.store.Leader()
	switch {
	case leader == a.cfg.Name:
		return a.doHere(ctx, cmd, start)
	case forwarded || leader == "":
		return api.Result{}, raftstore.ErrNotLeader
	}
	c, ok := a.client(leader)
	if !ok {
		return api.Result{}, fmt.Errorf("leader %s is no peer of %s", leader, a.cfg.Name)
	}
	res, err := c.Forward(ctx, req)
	var e *api.Error
	if errors.As(err, &e) && (e.Category == api.Unreachable || e.Category == api.Uncertain) {
		return res, errors.Join(raftstore.ErrNotLeader, err)
	}
	return res, err
}

// doHere proposes the command and waits until every agent that can be reached
// serves its effect.
func (a *Agent) doHere(ctx context.Context, cmd steer.Command, start time.Time) (api.Result, error) {
	if err := a.refuseSuspect(); err != nil {
		return api.Result{}, err
	}
	cmd.At = a.now()
	if err := refuseNobody(cmd, a.machine.State()); err != nil {
		return api.Result{}, err
	}
	if err := guardTouches(a.machine.State(), &cmd); err != nil {
		return api.Result{}, err
	}
	if err := a.runMayStart(ctx, cmd); err != nil {
		return api.Result{}, err
	}
	if err := a.addConcern(ctx, a.machine.State(), &cmd); err != nil {
		return api.Result{}, err
	}
	if err := a.gateParent(ctx, a.machine.State(), &cmd); err != nil {
		return api.Result{}, err
	}
	if err := a.addKey(ctx, &cmd); err != nil {
		return api.Result{}, err
	}
	push, err := a.choosePush(ctx, &cmd)
	if err != nil || push != nil && len(push.order.Targets) == 0 {
		return a.nothingDone(start), err
	}
	out, err := a.propose(ctx, []steer.Command{cmd})
	if err != nil {
		return api.Result{}, err
	}
	if out.err != nil {
		return api.Result{}, out.err
	}
	var pushed *api.PushAnswer
	if len(out.events) > 0 { // a repeated request asks nobody twice
		if pushed, err = a.sendPush(ctx, push); err != nil {
			return api.Result{}, err
		}
	}
	reached, missed := a.waitEffect(ctx, out.epoch)
	return api.Result{
		Push:  pushed,
		Epoch: out.epoch, Changed: len(out.events) > 0, Events: append([]steer.Event{}, out.events...),
		Reached: reached, Missed: missed, Took: time.Since(start).Round(time.Millisecond).String(),
	}, nil
}

// nothingDone is the result of a command that finds all as it is wanted.
func (a *Agent) nothingDone(start time.Time) api.Result {
	return api.Result{
		Epoch: a.machine.State().Epoch, Events: []steer.Event{}, Reached: []string{}, Missed: []api.MissedAgent{},
		Took: time.Since(start).Round(time.Millisecond).String(),
	}
}

// effectTime is what the others usually take to hear of a commit and serve it.
// Who asks them sooner takes processors from that.
const effectTime = 2 * time.Millisecond

// waitEffect asks every agent until it serves the epoch.
func (a *Agent) waitEffect(ctx context.Context, epoch uint64) (reached []string, missed []api.MissedAgent) {
	pause(ctx, effectTime)
	peers := a.peers()
	reasons := make([]string, len(peers))
	var wg sync.WaitGroup
	for i, p := range peers {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, effectTimeout+500*time.Millisecond)
			defer cancel()
			var e api.Effect
			var err error
			if p.Name == a.cfg.Name {
				e, err = a.Effect(ctx, epoch, effectTimeout)
			} else {
				e, err = a.clientOf(p).Effect(ctx, epoch, effectTimeout)
			}
			switch {
			case err != nil:
				reasons[i] = err.Error()
			case e.Epoch < epoch:
				reasons[i] = cmp.Or(e.Problem, fmt.Sprintf("still serves epoch %d", e.Epoch))
			case e.Edge != "":
				reasons[i] = e.Edge
			}
		})
	}
	wg.Wait()
	reached, missed = []string{}, []api.MissedAgent{}
	for i, p := range peers {
		if reasons[i] == "" {
			reached = append(reached, string(p.Name))
		} else {
			missed = append(missed, api.MissedAgent{Agent: string(p.Name), Reason: reasons[i]})
		}
	}
	return reached, missed
}

// retriable errors may be gone when there is a new leader.
func retriable(err error) bool {
	var e *api.Error
	if errors.As(err, &e) && e.Category == api.NoQuorum {
		return true
	}
	return errors.Is(err, raftstore.ErrNotLeader) || errors.Is(err, raftstore.ErrNoQuorum) || errors.Is(err, raftstore.ErrUncertain)
}

// outcome puts the store's errors into words for operators.
func outcome(err error) error {
	switch {
	case errors.Is(err, raftstore.ErrUncertain):
		return &api.Error{Category: api.Uncertain, Message: "the leader was lost while it wrote the command: it may or may not be done", Hint: "sipsteer status   # then repeat the command: repeating is harmless"}
	case errors.Is(err, raftstore.ErrNotLeader), errors.Is(err, raftstore.ErrNoQuorum):
		return &api.Error{Category: api.NoQuorum, Message: "no quorum: too few agents can reach each other to change anything; the name servers go on answering the last decision", Hint: "sipsteer status   # shows which agents are reachable; start or reconnect one of them"}
	}
	return err
}

// command reads a request. A service may be named without the zone.
func command(req api.CommandRequest, f *fleet.Fleet) (steer.Command, error) {
	c := steer.Command{
		ID: req.ID, Kind: steer.Kind(req.Kind), By: req.By, Role: steer.Role(req.Role), From: req.From, Reason: req.Reason,
		ExpectEpoch: req.ExpectEpoch, Site: fleet.SiteID(req.Site), Service: fleet.ServiceID(req.Service), Now: req.Now,
	}
	if c.Automation() {
		return c, &api.Error{Category: api.Invalid, Field: "kind", Message: fmt.Sprintf("%q is not an operator's command", req.Kind)}
	}
	if f != nil && c.Service != "" && !strings.Contains(req.Service, ".") {
		c.Service = fleet.ServiceID(req.Service + "." + f.Zone)
	}
	for _, r := range req.Override {
		c.Override = append(c.Override, steer.Rule(r))
	}
	if req.Transport != "" {
		t, err := fleet.ParseTransport(req.Transport)
		if err != nil {
			return c, &api.Error{Category: api.Invalid, Field: "transport", Message: err.Error()}
		}
		c.Transport = t
	}
	if req.Cohort != "" {
		var err error
		if c.Cohort, err = fleet.ParseCohort(req.Cohort); err != nil {
			return c, &api.Error{Category: api.Invalid, Field: "cohort", Message: err.Error()}
		}
	}
	c.Pace = fleet.Pace(req.Pace)
	if req.For != "" {
		if err := c.For.UnmarshalText([]byte(req.For)); err != nil {
			return c, &api.Error{Category: api.Invalid, Field: "for", Message: err.Error()}
		}
		if c.For <= 0 {
			return c, &api.Error{Category: api.Invalid, Field: "for", Message: fmt.Sprintf("%q is no time that lies ahead", req.For), Hint: "30m, 2h; 72h at most"}
		}
	}
	if err := quarantineChange(&c, req); err != nil {
		return c, err
	}
	pushChange(&c, req)
	silenceChange(&c, req)
	tenantChange(&c, req)
	keyChange(&c, req)
	concernChange(&c, req)
	if err := incidentChange(&c, req); err != nil {
		return c, err
	}
	if err := runChange(&c, req, f); err != nil {
		return c, err
	}
	if err := bookChange(&c, req); err != nil {
		return c, err
	}
	if c.Kind == steer.KindSetFleet {
		f, err := config.ParseFleet("fleet.yaml", []byte(req.Fleet))
		if err != nil {
			return c, &api.Error{Category: api.Invalid, Field: "fleet", Message: err.Error(), Hint: "sipsteer config check FILE"}
		}
		c.Fleet = f
	}
	c.Version = c.Needs()
	return c, nil
}

// newID returns the ID of a request whose client gave none.
func newID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
