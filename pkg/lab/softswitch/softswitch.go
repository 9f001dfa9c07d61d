package softswitch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab/internal/pause"
)

// Config says what a simulated softswitch is.
type Config struct {
	Site fleet.SiteID
	// Listen holds an address for each transport: udp, tcp, tls. Port 0 picks
	// one.
	Listen map[fleet.Transport]netip.AddrPort
	// Contact is the public address for each transport, the gate's, which is
	// put into Contact so that requests inside a dialog pass the gate.
	// Default: Listen.
	Contact map[fleet.Transport]netip.AddrPort
	// TLS is the good configuration, BadTLS the one of the fault tls-bad-cert.
	TLS, BadTLS *tls.Config
	// Dir is the disk on which the location store is kept; it is made. Default:
	// in memory alone.
	Dir string
	// Passwords of users, by name: these log in by digest, whatever their domain;
	// all others are let in as they are.
	Passwords map[string]string
	// FlapDown and FlapUp are the two halves of the fault flap. Default 6 s
	// and 10 s.
	FlapDown, FlapUp time.Duration
	// SlowBy is the delay of the fault slow. Default 3 s.
	SlowBy time.Duration
	Logger zerolog.Logger
}

// Stats counts what happened since the start.
type Stats struct {
	Bindings int
	Calls    int            // up now
	Dropped  int            // calls that ended because the softswitch failed
	Requests map[string]int // by method
}

// Softswitch is a running one. Make it with New, then Start; Stop ends it.
type Softswitch struct {
	cfg    Config
	ctx    context.Context // of its whole life; ended by Stop
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu        sync.Mutex
	fault     Fault
	allowance allowance
	stopFlap  context.CancelFunc // set while flapping
	sockets   []closer           // open now
	addrs     map[fleet.Transport]netip.AddrPort
	store     store
	disk      disk
}

type closer interface{ Close() error }

// New prepares a softswitch.
func New(cfg Config) (*Softswitch, error) {
	if len(cfg.Listen) == 0 {
		return nil, errors.New("configure softswitch: no address")
	}
	if cfg.Listen[fleet.TLS].IsValid() && cfg.TLS == nil {
		return nil, errors.New("configure softswitch: tls needs a certificate")
	}
	setDefault(&cfg.FlapDown, 6*time.Second)
	setDefault(&cfg.FlapUp, 10*time.Second)
	setDefault(&cfg.SlowBy, 3*time.Second)
	if cfg.BadTLS == nil {
		cfg.BadTLS = cfg.TLS
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Softswitch{cfg: cfg, ctx: ctx, cancel: cancel, addrs: map[fleet.Transport]netip.AddrPort{}, store: newStore(), disk: disk{dir: cfg.Dir}}
	for t, a := range cfg.Listen {
		s.addrs[t] = a
	}
	return s, nil
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d == 0 {
		*d = v
	}
}

// Start opens the sockets.
func (s *Softswitch) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.disk.mount(); err != nil {
		return err
	}
	return s.open()
}

// Addrs returns where it listens.
func (s *Softswitch) Addrs() map[fleet.Transport]netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[fleet.Transport]netip.AddrPort, len(s.addrs))
	for t, a := range s.addrs {
		out[t] = a
	}
	return out
}

// Stop closes the sockets and waits for what runs.
func (s *Softswitch) Stop(ctx context.Context) error {
	s.cancel()
	s.mu.Lock()
	s.endFlap()
	s.close()
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		s.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop softswitch: %w", ctx.Err())
	}
}

// Break makes it sick. A second fault replaces the first.
func (s *Softswitch) Break(f Fault) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.leave(f); err != nil {
		return err
	}
	s.fault = f
	switch f {
	case Down:
		s.crash()
	case TLSBadCert:
		s.closeTLS()
	case DiskCorrupt:
		s.store.forgetBindings()
		return s.disk.fail()
	case Flap:
		s.startFlap()
	}
	return nil
}

// Heal ends the fault. What was lost stays lost.
func (s *Softswitch) Heal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leave(None)
}

// Fault returns the fault in force.
func (s *Softswitch) Fault() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

// leave ends the old fault on the way to another; the sockets are open then.
func (s *Softswitch) leave(next Fault) error {
	old := s.fault
	s.endFlap()
	s.fault = None
	if old == DiskCorrupt {
		if err := s.disk.mount(); err != nil {
			return err
		}
	}
	if (old == TLSHang || old == TLSBadCert || old == Hang) && next != Down {
		s.closeTLS() // connections made under the fault are of no use
	}
	if len(s.sockets) == 0 && next != Down {
		return s.open()
	}
	return nil
}

// crash closes everything, as the death of the process does: bindings and calls
// are gone.
func (s *Softswitch) crash() {
	s.close()
	s.store.crash()
}

func (s *Softswitch) startFlap() {
	ctx, cancel := context.WithCancel(s.ctx)
	s.stopFlap = cancel
	s.work.Go(func() { // ends when endFlap cancels
		for down := true; ; down = !down {
			s.mu.Lock()
			var err error
			if ctx.Err() == nil && down {
				s.crash()
			} else if ctx.Err() == nil {
				err = s.open()
			}
			s.mu.Unlock()
			if err != nil {
				s.cfg.Logger.Error().Err(err).Msg("cannot come up again")
			}
			wait := s.cfg.FlapUp
			if down {
				wait = s.cfg.FlapDown
			}
			if pause.For(ctx, wait) != nil {
				return
			}
		}
	})
}

func (s *Softswitch) endFlap() {
	if s.stopFlap != nil {
		s.stopFlap()
		s.stopFlap = nil
	}
}

// Stats returns the counters.
func (s *Softswitch) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.stats(time.Now())
}

// isClosed reports whether an error only says that the socket was closed.
func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }
