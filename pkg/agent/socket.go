package agent

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
)

// socketName is the API's socket in the data directory, for root at this
// machine: it works when tokens are lost, and the network is.
const socketName = "api.sock"

// maxSocketPath is what a socket's name may have at most, by the smallest
// system.
const maxSocketPath = 103

// startSocket serves the API at the socket. Its file has mode 0600, in a
// directory of mode 0700: whoever may open it is trusted as root is.
func (a *Agent) startSocket(h http.Handler) error {
	path := filepath.Join(a.cfg.Dir, socketName)
	if len(path) > maxSocketPath {
		a.log.Warn().Str("socket", path).Msg("the data directory's path is too long for a socket; root has no way in without a token")
		return nil
	}
	// Left by a process that was killed; two agents on one directory would
	// have been stopped by the store's lock before this.
	l, err := listenSocket(path)
	if err != nil && a.refused != nil {
		a.log.Error().Err(err).Msg("no socket for root; operators with a token still have a way in")
		return nil
	}
	if err != nil {
		return err
	}
	a.serve("socket", a.guarded(h, judgeSocket), l)
	return nil
}

func listenSocket(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("protect socket: %w", err), l.Close())
	}
	return l, nil
}

// quietLog takes what the HTTP server says by itself: mostly of clients that
// failed to say who they are, which anybody can cause.
func (a *Agent) quietLog() *log.Logger { return log.New(debugLines{a}, "", 0) }

type debugLines struct{ a *Agent }

// Write implements io.Writer.
func (d debugLines) Write(p []byte) (int, error) {
	d.a.log.Debug().Str("text", fmt.Sprintf("%.300q", p)).Msg("API server")
	return len(p), nil
}

// serve runs an HTTP server until the agent stops.
func (a *Agent) serve(name string, h http.Handler, l net.Listener) {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: 64 << 10, ErrorLog: a.quietLog(),
	}
	done := make(chan struct{})
	go func() { // ended by the stop below
		defer close(done)
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error().Err(err).Str("server", name).Msg("API ended")
		}
	}()
	a.onStop(name, func(ctx context.Context) error {
		err := srv.Shutdown(ctx)
		if err != nil {
			err = srv.Close() // a client that does not let go
		}
		<-done
		return err
	})
}
