package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/pkg/runbook"
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
	path := a.config
	if path == "" && (a.context != "" || a.env("SIPSTEER_CONFIG") == "") {
		var err error
		if path, err = a.contextFile(); err != nil {
			return nil, err
		}
	}
	path, err := config.FindClient(path, a.env)
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
	var authority *pki.Authority
	if file.CA != "" {
		if authority, err = pki.ParseAuthority(file.CA); err != nil {
			return nil, &usageError{err.Error(), "ca in the client file names the fleet's authority: ca.pem of any agent"}
		}
	}
	token, err := readToken(file.Token)
	if err != nil {
		return nil, err
	}
	out := make(clients, len(file.Agents))
	for i, ag := range file.Agents {
		cfg := api.ClientConfig{Name: string(ag.Name), Base: ag.API, Token: token}
		if authority != nil {
			cfg.TLS = authority.Client(string(ag.Name), time.Now)
		}
		out[i] = api.NewTLSClient(cfg)
	}
	return out, nil
}

// readToken reads an operator's token; "" for no file.
func readToken(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	if err := config.CheckPrivate(path); err != nil {
		return "", &usageError{err.Error(), privateHint(err, path)}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", &usageError{err.Error(), "token in the client file names a file with an operator's token"}
	}
	token := strings.TrimSpace(string(text))
	if _, _, err := pki.ParseOperatorToken(token); err != nil {
		return "", &usageError{fmt.Sprintf("%s: %v", path, err), "sipsteer operator set NAME --role ROLE --out FILE makes one"}
	}
	return token, nil
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
	for _, err := range errs {
		var e *api.Error
		if best == nil && errors.As(err, &e) && e.Category == api.Unauthorized {
			return api.Status{}, err
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

// planOf asks what a runbook would do.
func planOf(req api.RunRequest) func(context.Context, *api.Client) (runbook.Plan, error) {
	return func(ctx context.Context, c *api.Client) (runbook.Plan, error) { return c.PlanRun(ctx, req) }
}

// doing has a command carried out.
func doing(req api.CommandRequest) func(context.Context, *api.Client) (api.Result, error) {
	return func(ctx context.Context, c *api.Client) (api.Result, error) { return c.Do(ctx, req) }
}

// give has a command carried out and prints what came of it.
func (a *app) give(ctx context.Context, cs clients, req api.CommandRequest) error {
	res, err := each(ctx, cs, actTimeout, doing(req))
	if err != nil {
		return err
	}
	return a.printResult(res)
}
