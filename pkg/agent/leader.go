package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore"
)

const (
	// leaderTick bounds how long the leader sleeps when nothing is due.
	leaderTick = time.Second
	// proposeTimeout bounds one proposal of the leader's own.
	proposeTimeout = 3 * time.Second
	// proposeRetry is the pause after a proposal that failed.
	proposeRetry = 100 * time.Millisecond
)

// lead is the loop of a leader: it combines the opinions, asks the core what
// to do, and proposes it. raftstore calls it when the State here has caught up
// with the term, and ends ctx when the leadership is over.
func (a *Agent) lead(ctx context.Context, term uint64) {
	select {
	case <-a.opened: // the store may elect before Open returns
	case <-ctx.Done():
		return
	}
	a.log.Info().Uint64("term", term).Msg("leading")
	defer a.log.Info().Uint64("term", term).Msg("no longer leading")
	since := time.Now()
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { a.leadUpdates(ctx) })
	beside.Go(func() { a.keepMembers(ctx) })
	beside.Go(func() { a.leadRuns(ctx, since) })
	beside.Go(func() { a.leadDrills(ctx, since) })
	beside.Go(func() { a.leadReadiness(ctx) })
	beside.Go(func() { a.leadNotify(ctx) })
	beside.Go(func() { a.leadGateWords(ctx) })
	beside.Go(func() { a.leadHeartbeat(ctx) })
	beside.Go(func() { a.leadVersions(ctx) })
	beside.Go(func() { a.watchUnseen(ctx) })
	for ctx.Err() == nil {
		if a.pub.frozen() != "" {
			a.stepAside(ctx)
			pause(ctx, leaderTick)
			continue
		}
		a.firstRegistry(ctx)
		settledAt := since.Add(a.window())
		cmds := a.decide(a.now(), !time.Now().Before(settledAt))
		if len(cmds) > 0 {
			if err := a.proposeOwn(ctx, cmds); err != nil {
				a.log.Warn().Err(err).Int("commands", len(cmds)).Msg("cannot propose")
				pause(ctx, proposeRetry)
			}
			continue // look again at once: one decision may open the way for the next
		}
		a.waitForWork(ctx, settledAt)
	}
}

// now is the fleet's time.
func (a *Agent) now() time.Time { return a.clock.now(a.machine.State().Now) }

// window is how long a new leader listens before it moves traffic: every
// observer has reported at least one round of checks by then.
func (a *Agent) window() time.Duration {
	f := a.machine.State().Fleet
	if f == nil {
		return leaderTick // nothing is steered yet
	}
	return f.Checks.Interval.D() + f.Checks.Timeout.D()
}

func (a *Agent) decide(now time.Time, settled bool) []steer.Command {
	s := a.machine.State()
	if s.Fleet == nil {
		return a.firstFleet(now)
	}
	return steer.Decide(s, steer.Input{
		Now: now, Verdicts: a.opinions.verdicts(s, now), Settled: settled, Offset: a.offset(now),
		Loud: a.loudAtGates(time.Now()), Newest: a.newest(),
	})
}

// firstFleet proposes the fleet file that this agent was started with to a
// cluster that has none.
func (a *Agent) firstFleet(now time.Time) []steer.Command {
	if a.cfg.Fleet == nil {
		return nil
	}
	return []steer.Command{{
		Kind: steer.KindSetFleet, At: now, By: "agent " + string(a.cfg.Name),
		Reason: "first start", Fleet: a.cfg.Fleet,
	}}
}

// firstRegistry proposes who is who when a new cluster knows nobody. It is tried
// again in the next round if it fails.
func (a *Agent) firstRegistry(ctx context.Context) {
	r := a.machine.Registry()
	if a.cfg.First == nil || len(r.Agents)+len(r.Operators) > 0 {
		return
	}
	if err := a.change(ctx, pki.Change{Kind: pki.FirstRegistry, By: "agent " + string(a.cfg.Name), First: a.cfg.First}); err != nil {
		a.log.Warn().Err(err).Msg("cannot register the first operators")
	}
}

func (a *Agent) proposeOwn(ctx context.Context, cmds []steer.Command) error {
	ctx, cancel := context.WithTimeout(ctx, proposeTimeout)
	defer cancel()
	res, err := a.propose(ctx, cmds)
	if err != nil {
		return err
	}
	if res.err != nil {
		// The State moved between the decision and its entry.
		return fmt.Errorf("own command refused: %w", res.err)
	}
	return nil
}

// propose writes commands into the log, each with the lowest version that knows
// it, and returns what became of them.
func (a *Agent) propose(ctx context.Context, cmds []steer.Command) (applied, error) {
	cmds = slices.Clone(cmds)
	a.markMaintenance(ctx, cmds)
	for i := range cmds {
		c := &cmds[i]
		c.Offset = a.offset(c.At)
		if c.Version <= steer.CommandVersion { // made here
			c.Version = c.Needs()
		}
	}
	if err := a.gateVersions(ctx, cmds); err != nil {
		return applied{}, err
	}
	data, err := steer.Encode(cmds)
	if err != nil {
		return applied{}, fmt.Errorf("encode commands: %w", err)
	}
	res, err := a.store.Propose(ctx, data)
	if err != nil {
		return applied{}, err
	}
	out, ok := res.Value.(applied)
	if !ok {
		return applied{}, errors.Join(raftstore.ErrStopped, fmt.Errorf("entry %d was not applied: %v", res.Index, res.Value))
	}
	return out, nil
}

// waitForWork returns when the opinions or the State have changed, or when
// something is due.
func (a *Agent) waitForWork(ctx context.Context, settledAt time.Time) {
	_, changed := a.pub.served()
	now := a.now()
	wait := leaderTick
	if due, ok := steer.NextDue(a.machine.State(), now); ok {
		wait = min(wait, due.Sub(now))
	}
	if left := time.Until(settledAt); left > 0 {
		wait = min(wait, left)
	}
	timer := time.NewTimer(max(wait, time.Millisecond))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-a.opinions.notify:
	case <-changed:
	case <-timer.C:
	}
}

// pause sleeps for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
