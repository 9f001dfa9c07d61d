package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Client speaks to one agent.
type Client struct {
	name  string
	base  string
	token string
	http  *http.Client
}

// ClientConfig says how to reach one agent.
type ClientConfig struct {
	// Name of the agent, in errors.
	Name string
	// Base is where its API is: https://192.0.2.1:8300, or unix:///PATH for the
	// socket at the agent's own machine.
	Base string
	// Dial connects; nil means plain TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS checks whom it speaks to; needed with https.
	TLS *tls.Config
	// Token is the operator's, or "" where TLS presents an identity.
	Token string
}

// NewTLSClient returns a client that knows whom it speaks to.
func NewTLSClient(cfg ClientConfig) *Client {
	c := NewClient(cfg.Name, cfg.Base, cfg.Dial)
	c.token = cfg.Token
	transport := &http.Transport{
		DialContext: cfg.Dial, TLSClientConfig: cfg.TLS, MaxIdleConnsPerHost: 4,
		IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: 3 * time.Second,
	}
	if path, ok := strings.CutPrefix(cfg.Base, "unix://"); ok {
		c.base = "http://socket"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}
	}
	if transport.DialContext == nil {
		transport.DialContext = (&net.Dialer{Timeout: time.Second}).DialContext
	}
	c.http = &http.Client{Transport: transport}
	return c
}

// authorize adds the operator's token.
func (c *Client) authorize(req *http.Request) {
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
}

// maxAnswer bounds what a client reads of one answer.
const maxAnswer = 32 << 20

// NewClient returns a client of the agent at base ("http://127.10.1.1:8300").
// dial may be nil.
func NewClient(name, base string, dial func(ctx context.Context, network, addr string) (net.Conn, error)) *Client {
	if dial == nil {
		dial = (&net.Dialer{Timeout: time.Second}).DialContext
	}
	return &Client{name: name, base: base, http: &http.Client{Transport: &http.Transport{
		DialContext: dial, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second,
	}}}
}

// Name returns the agent's name.
func (c *Client) Name() string { return c.name }

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status asks for the fleet as the agent sees it.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.call(ctx, http.MethodGet, "/v1/status", nil, &s, false)
}

// History asks for the last events.
func (c *Client) History(ctx context.Context, limit int) (e []steer.Event, err error) {
	return e, c.call(ctx, http.MethodGet, "/v1/history?limit="+strconv.Itoa(limit), nil, &e, false)
}

// Epochs asks for the last decisions that are kept.
func (c *Client) Epochs(ctx context.Context, limit int) (e []Epoch, err error) {
	return e, c.call(ctx, http.MethodGet, "/v1/epochs?limit="+strconv.Itoa(limit), nil, &e, false)
}

// Past asks for the State of an epoch. asked says that an agent asks.
func (c *Client) Past(ctx context.Context, epoch uint64, asked bool) (p PastState, err error) {
	return p, c.call(ctx, http.MethodGet, fmt.Sprintf("/v1/epochs/%d", epoch), nil, &p, asked)
}

// Diff asks what differs between two epochs; to is 0 for now.
func (c *Client) Diff(ctx context.Context, from, to uint64) (d plan.Comparison, err error) {
	return d, c.call(ctx, http.MethodGet, fmt.Sprintf("/v1/diff?from=%d&to=%d", from, to), nil, &d, false)
}

// Verify has the agent read its whole past again.
func (c *Client) Verify(ctx context.Context) (v Verification, err error) {
	return v, c.call(ctx, http.MethodGet, "/v1/verify", nil, &v, false)
}

// Why asks why a name is answered as it is.
func (c *Client) Why(ctx context.Context, name string) (w steer.Explanation, err error) {
	return w, c.call(ctx, http.MethodGet, "/v1/why?name="+url.QueryEscape(name), nil, &w, false)
}

// Plan asks what a command would do.
func (c *Client) Plan(ctx context.Context, req CommandRequest) (p plan.Plan, err error) {
	return p, c.call(ctx, http.MethodPost, "/v1/plan", req, &p, false)
}

// Do has a command carried out.
func (c *Client) Do(ctx context.Context, req CommandRequest) (r Result, err error) {
	return r, c.call(ctx, http.MethodPost, "/v1/commands", req, &r, false)
}

// Forward has a command carried out on behalf of another agent's client.
func (c *Client) Forward(ctx context.Context, req CommandRequest) (r Result, err error) {
	return r, c.call(ctx, http.MethodPost, "/v1/commands", req, &r, true)
}

// Report sends opinions to the leader.
func (c *Client) Report(ctx context.Context, r Report) error {
	return c.call(ctx, http.MethodPost, "/v1/peer/report", r, nil, true)
}

// Effect asks what the agent serves, after at most wait for the epoch.
func (c *Client) Effect(ctx context.Context, epoch uint64, wait time.Duration) (e Effect, err error) {
	return e, c.call(ctx, http.MethodGet, fmt.Sprintf("/v1/peer/effect?epoch=%d&wait=%s", epoch, wait), nil, &e, true)
}

// Checkpoints asks what the agent has at the agreed places of the log.
func (c *Client) Checkpoints(ctx context.Context) (list []Checkpoint, err error) {
	return list, c.call(ctx, http.MethodGet, "/v1/peer/checkpoints", nil, &list, true)
}

func (c *Client) call(ctx context.Context, method, path string, in, out any, forwarded bool) error {
	var payload io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		payload = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, payload)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if forwarded {
		req.Header.Set(forwardedHeader, "1")
	}
	c.authorize(req)
	resp, err := c.http.Do(req)
	if err != nil {
		return &Error{Category: Unreachable, Message: fmt.Sprintf("agent %s: %v", c.name, err)}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return &Error{Category: Uncertain, Message: fmt.Sprintf("agent %s: read answer: %v", c.name, err)}
	}
	if resp.StatusCode >= 300 {
		return remoteError(c.name, resp.StatusCode, data)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("agent %s: decode answer: %w", c.name, err)
	}
	return nil
}

// remoteError reads our own errors back, and those that huma makes when a
// request does not fit the schema (RFC 9457).
func remoteError(name string, status int, data []byte) error {
	var e Error
	if json.Unmarshal(data, &e) == nil && e.Category != "" {
		return &e
	}
	var problem struct {
		Detail string `json:"detail"`
		Errors []struct {
			Message  string `json:"message"`
			Location string `json:"location"`
		} `json:"errors"`
	}
	if json.Unmarshal(data, &problem) == nil && problem.Detail != "" {
		out := &Error{Category: Internal, Message: problem.Detail}
		if status < 500 {
			out.Category = Invalid
		}
		for _, p := range problem.Errors {
			out.Message += "; " + p.Location + ": " + p.Message
		}
		return out
	}
	return &Error{Category: Internal, Message: fmt.Sprintf("agent %s answered HTTP status %d", name, status)}
}
