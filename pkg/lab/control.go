package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// controlName is the lab's socket in its directory.
const controlName = "control.sock"

// maxSocketPath is the longest path of a socket that all systems take (Darwin;
// Linux takes four more).
const maxSocketPath = 103

// order is a request to break or heal a site.
type order struct {
	Site  string `json:"site"`
	Fault string `json:"fault,omitempty"` // empty: heal
}

// reply says what is broken now, by site; or what is wrong with the order.
type reply struct {
	Faults map[string]string `json:"faults,omitempty"`
	Error  string            `json:"error,omitempty"`
	Usage  bool              `json:"usage,omitempty"` // the order makes no sense as written
}

// ErrNoLab is returned when no lab listens on the socket.
var ErrNoLab = errors.New("no lab is running there")

// UsageError is an order that makes no sense as written.
type UsageError struct{ Message string }

func (e *UsageError) Error() string { return e.Message }

// serveControl listens for orders until the returned function is called.
func (l *Lab) serveControl() (func(), error) {
	path := filepath.Join(l.cfg.Dir, controlName)
	_ = os.Remove(path) // of a lab that was killed; the directory's lock is ours
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen for orders: %w", err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(l.order), ReadHeaderTimeout: 2 * time.Second}
	done := make(chan struct{})
	go func() { // ends with srv.Close below
		defer close(done)
		_ = srv.Serve(ln)
	}()
	return func() {
		srv.Close()
		<-done
	}, nil
}

func (l *Lab) order(w http.ResponseWriter, r *http.Request) {
	var o order
	var err error
	if r.Method == http.MethodPost {
		if err = json.NewDecoder(io.LimitReader(r.Body, 4096)).Decode(&o); err == nil {
			if o.Fault == "" {
				err = l.Heal(o.Site)
			} else {
				err = l.Break(o.Site, o.Fault)
			}
		}
	}
	out := reply{Faults: l.Faults()}
	if err != nil {
		var usage *UsageError
		out = reply{Error: err.Error(), Usage: errors.As(err, &usage)}
		w.WriteHeader(http.StatusBadRequest)
	}
	_ = json.NewEncoder(w).Encode(out)
}

// Order sends an order to a running lab and returns what is broken then. An
// empty fault heals.
func Order(ctx context.Context, socket, site, fault string) (map[string]string, error) {
	client := http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	defer client.CloseIdleConnections()
	body, err := json.Marshal(order{Site: site, Fault: fault})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://lab/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrNoLab, socket)
	}
	defer resp.Body.Close()
	var out reply
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return nil, fmt.Errorf("read the lab's answer: %w", err)
	}
	switch {
	case out.Usage:
		return nil, &UsageError{out.Error}
	case out.Error != "":
		return nil, errors.New(out.Error)
	}
	return out.Faults, nil
}
