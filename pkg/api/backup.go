package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// historyQuery asks for the history too. Agents from before it pass over it.
const historyQuery = "history"

// backup streams a copy of the state. When it fails half-way, the connection is
// ended: the file has a sum at its end, so a part of it never passes for whole.
func (s *server) backup(w http.ResponseWriter, r *http.Request) {
	sent := &counter{w: w}
	w.Header().Set("Content-Type", "application/octet-stream")
	err := s.backend.Backup(r.Context(), sent, r.URL.Query().Has(historyQuery))
	switch {
	case err == nil:
	case sent.n == 0:
		w.Header().Del("Content-Type")
		writeError(w, AsError(err))
	default:
		panic(http.ErrAbortHandler) // the documented way to end a connection
	}
}

type counter struct {
	w io.Writer
	n int64
}

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// Backup copies the agent's state to w, with its history if that is wanted.
func (c *Client) Backup(ctx context.Context, w io.Writer, history bool) error {
	address := c.base + "/v1/backup"
	if history {
		address += "?" + historyQuery
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	c.authorize(req)
	resp, err := c.http.Do(req)
	if err != nil {
		return &Error{Category: Unreachable, Message: fmt.Sprintf("agent %s: %v", c.name, err)}
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		data, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		return remoteError(c.name, resp.StatusCode, data)
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("agent %s: read backup: %w", c.name, err)
	}
	return nil
}
