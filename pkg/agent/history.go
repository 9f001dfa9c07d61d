package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore/archive"
)

// Epochs implements api.Backend.
func (a *Agent) Epochs(_ context.Context, limit int) ([]api.Epoch, error) {
	a.past.flush()
	out := []api.Epoch{}
	for _, p := range a.past.archive.List(limit) {
		e := api.Epoch{Epoch: p.Epoch, Index: p.Index, At: p.At}
		if n := len(out); n > 0 && out[n-1].Epoch == p.Epoch {
			continue // what came later under the same decision changed nothing
		}
		s, err := a.past.byIndex(p.Index)
		if err != nil {
			return nil, fmt.Errorf("read epoch %d: %w", p.Epoch, err)
		}
		for _, ev := range s.Events {
			if e.Text == "" || ev.Epoch == p.Epoch {
				e.By, e.Text = ev.By, ev.Text
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// Past implements api.Backend: from this agent's archive, or from that of
// another when it is not kept here.
func (a *Agent) Past(ctx context.Context, epoch uint64, asked bool) (api.PastState, error) {
	peers := a.peers()
	place, s, err := a.past.at(epoch)
	if err == nil {
		out := api.PastState{Epoch: epoch, At: place.At, Agent: string(a.cfg.Name), State: s.State, Events: append([]steer.Event{}, s.Events...)}
		if s.Tenants != nil {
			out.Tenants = s.Tenants.Count
		}
		return out, nil
	}
	if !errors.Is(err, archive.ErrNotKept) && !errors.Is(err, archive.ErrDamaged) {
		return api.PastState{}, err
	}
	if !asked {
		for _, p := range peers {
			if c, ok := a.client(p.Name); ok {
				if out, err := c.Past(ctx, epoch, true); err == nil {
					return out, nil
				}
			}
		}
	}
	return api.PastState{}, &api.Error{
		Category: api.Invalid, Field: "epoch", Message: fmt.Sprintf("epoch %d is not kept", epoch),
		Hint: "sipsteer history --epochs   # lists those that are",
	}
}

// Diff implements api.Backend. to is 0 for the State now.
func (a *Agent) Diff(ctx context.Context, from, to uint64) (plan.Comparison, error) {
	before, err := a.Past(ctx, from, false)
	if err != nil {
		return plan.Comparison{}, err
	}
	after := a.state()
	if to != 0 {
		p, err := a.Past(ctx, to, false)
		if err != nil {
			return plan.Comparison{}, err
		}
		after = p.State
	}
	return plan.Compare(before.State, after)
}

// Verify implements api.Backend.
func (a *Agent) Verify(context.Context) (api.Verification, error) {
	a.past.flush()
	rep, err := a.past.archive.Verify()
	if err != nil {
		return api.Verification{}, fmt.Errorf("verify the past: %w", err)
	}
	out := api.Verification{Agent: string(a.cfg.Name), Head: api.Hash(rep.Head), Damaged: append([]string{}, rep.Damaged...), Records: make([]api.PastPlace, len(rep.Places))}
	for i, p := range rep.Places {
		out.Records[i] = api.PastPlace{Epoch: p.Epoch, Index: p.Index, Chain: api.Hash(p.Chain), Sum: api.Hash(p.Sum)}
	}
	return out, nil
}

// addPast puts the State to go back to into a rollback.
func (a *Agent) addPast(ctx context.Context, req api.CommandRequest, cmd *steer.Command) error {
	if cmd.Kind != steer.KindRollback {
		return nil
	}
	p, err := a.Past(ctx, req.Epoch, false)
	if err != nil {
		return err
	}
	cmd.Past = steer.PastOf(p.State)
	return nil
}
