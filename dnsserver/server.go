package dnsserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	mrand "math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/dnsserver/tap"
)

// Server answers questions on all its addresses from the zone served last.
type Server struct {
	conf    Config
	log     zerolog.Logger
	zones   atomic.Pointer[zones] // never nil
	seed    maphash.Seed          // of all hashes of names
	cookies cookieSecret
	limiter *limiter
	conns   *conns
	stale   atomic.Bool

	tap        *tap.Tap // nil without one
	transfers  transfers
	signatures *recent[[]byte] // of all zones and epochs
	signBudget window
	notifier   *notifier

	mu            sync.Mutex // guards what follows, and orders swaps
	counters      []*counters
	swaps         uint64
	refused       uint64
	lastRefusal   string
	unsigned      string // why a zone with keys is not signed here
	lastRefusalAt time.Time
	started       bool
	stopped       bool
	addrs         []netip.AddrPort
	udp           []udpSocket
	tcp           []*net.TCPListener
	tls           []*net.TCPListener // for DNS over TLS

	ending  chan struct{}  // closed by Stop
	answers sync.Pool      // of *[maxMessage]byte, room for TCP answers
	running sync.WaitGroup // every goroutine that Start or a connection began
}

// SetStale says whether the zone is kept from an earlier time because newer ones
// cannot be had. Answers stay as they are, and say so to those who understand
// extended errors (RFC 8914 §4.4).
func (s *Server) SetStale(stale bool) { s.stale.Store(stale) }

// New checks the configuration. Nothing is opened before Start.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		conf: cfg, log: cfg.Logger, seed: maphash.MakeSeed(), limiter: newLimiter(cfg.RateLimit), conns: newConns(cfg.TCPMaxConns),
		ending: make(chan struct{}), answers: sync.Pool{New: func() any { return new([maxMessage]byte) }},
	}
	if cfg.Tap != nil {
		if s.tap, err = tap.New(*cfg.Tap); err != nil {
			return nil, err
		}
	}
	s.zones.Store(&zones{})
	s.signatures = newRecent[[]byte](signRoom)
	s.notifier = newNotifier(s)
	if _, err := rand.Read(s.cookies[:]); err != nil {
		return nil, fmt.Errorf("make cookie secret: %w", err)
	}
	return s, nil
}

// Start binds every address, or none, and begins to answer: SERVFAIL until the
// first zone is served.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.stopped {
		return ErrStarted
	}
	given, err := inherit(s.conf.Sockets)
	if err != nil {
		return fmt.Errorf("start name server: %w", err)
	}
	var addrs []netip.AddrPort
	for _, addr := range s.conf.Listen {
		pair, err := bind(addr, &s.conf, given)
		if err != nil {
			return errors.Join(fmt.Errorf("start name server: %w", err), s.closeSockets(udpSocket.abandon))
		}
		s.udp = append(s.udp, pair.udp...)
		s.tcp = append(s.tcp, pair.tcp)
		addrs = append(addrs, pair.addr)
	}
	if err := given.left(); err != nil {
		return errors.Join(fmt.Errorf("start name server: %w", err), s.closeSockets(udpSocket.abandon))
	}
	if err := s.listenTLS(); err != nil {
		return errors.Join(fmt.Errorf("start name server: %w", err), s.closeSockets(udpSocket.abandon))
	}
	s.started, s.addrs = true, addrs
	for _, u := range s.udp { // ended by Stop, which closes the sockets
		r := s.newResponder()
		s.running.Go(func() { u.serve(s, r) })
	}
	s.notifier.start()
	s.tap.Start()
	for _, l := range s.tcp {
		c := s.newCounters()
		s.running.Go(func() { s.acceptTCP(l, c, nil) })
	}
	for _, l := range s.tls {
		c := s.newCounters()
		s.running.Go(func() { s.acceptTCP(l, c, s.tlsConfig()) })
	}
	return nil
}

// newResponder is called with mu held.
func (s *Server) newResponder() *responder {
	return s.responder(s.newCounters())
}

func (s *Server) responder(c *counters) *responder {
	r := &responder{conf: &s.conf, zones: &s.zones, key: &s.cookies, count: c, stale: &s.stale, tap: s.tap, every: s.tap.Every()}
	if r.every > 0 {
		r.turn = mrand.Uint32N(r.every) // connections of a few questions each are sampled too
	}
	return r
}

func (s *Server) newCounters() *counters {
	c := &counters{}
	s.counters = append(s.counters, c)
	return c
}

// Addrs returns the addresses bound by Start, in the order of Config.Listen,
// with the ports chosen.
func (s *Server) Addrs() []netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]netip.AddrPort{}, s.addrs...)
}

// Stop closes the sockets and connections, and waits until everything that
// was started has ended, or ctx has. It may be called more than once.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		close(s.ending)
	}
	err := s.closeSockets(udpSocket.close)
	s.mu.Unlock()
	s.conns.closeAll()
	done := make(chan struct{})
	go func() { // ends when all others have
		s.running.Wait()
		close(done)
	}()
	err = errors.Join(err, s.tap.Stop(ctx))
	select {
	case <-done:
		return err
	case <-ctx.Done():
		return errors.Join(err, fmt.Errorf("stop name server: %w", ctx.Err()))
	}
}

// socketPause is the wait after the system refused to accept or receive, as it
// does when file descriptors or memory run out.
const socketPause = 50 * time.Millisecond

// pause waits, and reports false if the server is to stop.
func (s *Server) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.ending:
		return false
	case <-t.C:
		return true
	}
}

// closeSockets is called with mu held.
func (s *Server) closeSockets(closeUDP func(udpSocket) error) error {
	var errs []error
	for _, u := range s.udp {
		errs = append(errs, closeUDP(u))
	}
	for _, l := range append(s.tcp, s.tls...) {
		errs = append(errs, l.Close())
	}
	s.udp, s.tcp, s.tls = nil, nil, nil
	return errors.Join(errs...)
}
