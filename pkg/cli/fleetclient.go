package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/config"
)

const (
	// readTimeout bounds a question to one agent.
	readTimeout = 3 * time.Second
	// actTimeout bounds a command to one agent: longer than the agent's own
	// bound, so that the agent's reason arrives.
	actTimeout = 15 * time.Second
)

// clients are the agents of the client file.
type clients []*api.Client

// clientFile finds and reads client.yaml.
func (a *app) clientFile() (*config.Client, error) {
	path, err := config.FindClient(a.config, a.env)
	if err != nil {
		return nil, &usageError{err.Error(), "sipsteer lab up   # makes one; or give --config client.yaml"}
	}
	return config.LoadClient(path)
}

func (a *app) clients() (clients, error) {
	file, err := a.clientFile()
	if err != nil {
		return nil, err
	}
	out := make(clients, len(file.Agents))
	for i, ag := range file.Agents {
		out[i] = api.NewClient(string(ag.Name), ag.API, nil)
	}
	return out, nil
}

// status asks every agent and returns the best informed answer: one with a
// quorum before one without, then the highest epoch.
func (cs clients) status(ctx context.Context) (api.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	answers := make([]*api.Status, len(cs))
	errs := make([]error, len(cs))
	var wg sync.WaitGroup
	for i, c := range cs {
		wg.Go(func() {
			st, err := c.Status(ctx)
			if err != nil {
				errs[i] = err
				return
			}
			answers[i] = &st
		})
	}
	wg.Wait()
	var best *api.Status
	for _, st := range answers {
		if st != nil && (best == nil || better(st, best)) {
			best = st
		}
	}
	if best == nil {
		return api.Status{}, unreachable(cs, errors.Join(errs...))
	}
	return *best, nil
}

func better(a, b *api.Status) bool {
	if a.Quorum != b.Quorum {
		return a.Quorum
	}
	return a.Epoch > b.Epoch
}

func unreachable(cs clients, err error) error {
	names := make([]string, len(cs))
	for i, c := range cs {
		names[i] = c.Name()
	}
	return &api.Error{
		Category: api.Unreachable, Message: fmt.Sprintf("no agent can be reached (%s): %v", strings.Join(names, ", "), err),
		Hint: "start an agent: sipsteer agent --config agent.yaml, or for the lab: sipsteer lab up",
	}
}

// ask puts a question to one agent after the other until one answers.
func ask[T any](ctx context.Context, cs clients, q func(context.Context, *api.Client) (T, error)) (T, error) {
	return each(ctx, cs, readTimeout, q)
}

// each tries the agents in turn. An agent that cannot be reached, or has no
// quorum, is passed over; any other answer counts.
func each[T any](ctx context.Context, cs clients, timeout time.Duration, f func(context.Context, *api.Client) (T, error)) (T, error) {
	var zero T
	var last error
	for _, c := range cs {
		v, err := try(ctx, c, timeout, f)
		var e *api.Error
		if err == nil || !errors.As(err, &e) || (e.Category != api.Unreachable && e.Category != api.NoQuorum) {
			return v, err
		}
		if last == nil || e.Category == api.NoQuorum {
			last = err
		}
	}
	var e *api.Error
	if errors.As(last, &e) && e.Category == api.NoQuorum {
		return zero, last
	}
	return zero, unreachable(cs, last)
}

func try[T any](ctx context.Context, c *api.Client, timeout time.Duration, f func(context.Context, *api.Client) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return f(ctx, c)
}
