package divert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// asker puts one question by JSON-RPC 2.0.
type asker interface {
	call(ctx context.Context, method string, params any) (json.RawMessage, error)
}

// maxAnswer bounds what is read of an answer, in octets.
const maxAnswer = 1 << 20

// webRPC asks by HTTP (module mi_http): a POST for each question. Nothing is asked
// twice: when there is no answer it is not known whether it was done.
type webRPC struct {
	url    string
	client *http.Client
	id     int
}

func newWebRPC(url string) *webRPC {
	return &webRPC{url: url, client: &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true}, // on a kept connection net/http may ask again by itself
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("opensips leads elsewhere") },
	}}
}

func (c *webRPC) call(ctx context.Context, method string, params any) (json.RawMessage, error) {
	c.id++
	id := strconv.Itoa(c.id)
	request, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "method": method, "params": params, "id": id})
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(request))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("nobody answers: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", c.url, err)
	}
	// Errors of the interface come with a status other than 200 from some versions.
	result, mine, err := answer(text, id)
	if !mine {
		return nil, fmt.Errorf("%s answers %d, and not with JSON-RPC: %q", c.url, resp.StatusCode, fmt.Sprintf("%.80s", text))
	}
	return result, err
}

// isWeb reports whether an address of OpenSIPS is one of mi_http.
func isWeb(address string) bool {
	return strings.HasPrefix(address, "http://") || strings.HasPrefix(address, "https://")
}

// ask connects to the management interface; done ends that. once is for what must
// not be asked a second time when a datagram is lost.
func (o *OpenSIPS) ask(ctx context.Context, once bool) (c asker, done func(), err error) {
	if isWeb(o.Address) {
		return newWebRPC(o.Address), func() {}, nil
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", o.Address)
	if err != nil {
		return nil, nil, fmt.Errorf("reach opensips: %w", err)
	}
	return &rpc{conn: conn, once: once}, func() { conn.Close() }, nil
}
