package gate

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate/meter"
)

// Gate is one running gate. Make it with New, then Start; Stop ends it.
type Gate struct {
	cfg       Config
	log       zerolog.Logger
	key       []byte
	rules     atomic.Pointer[ruleset]
	meter     *meter.Meter
	rates     rates
	sources   *sourceLimit
	talkers   *talkers
	admission admission
	jails     jailCounts
	asking    *asking
	certs     *certificates // nil when the Config brings its own TLS

	mu       sync.Mutex // held for everything below
	started  bool
	stopped  bool
	udp      []*udpSocket
	streams  []*streamListener
	counters []*counters

	conns *connections
	loops sync.WaitGroup
}

// New checks the configuration. It opens nothing. The gate begins with an empty
// policy: it has no softswitch yet, so it refuses.
func New(cfg Config) (*Gate, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	g := &Gate{cfg: cfg, log: cfg.Logger, key: cfg.Key}
	if len(g.key) == 0 {
		sum := sha256.Sum256([]byte("sipsteer gate " + string(cfg.Site)))
		g.key = sum[:]
	}
	g.meter = meter.New(cfg.Meter)
	g.sources = newSourceLimit(cfg.PerSource, cfg.Exempt, cfg.Logger)
	g.talkers = newTalkers()
	if len(cfg.Certificates) > 0 {
		g.certs = newCertificates(&g.cfg)
	}
	g.asking = newAsking()
	g.conns = newConnections(g)
	g.rules.Store(compile(Policy{Refusals: cfg.Refusals}, cfg.Site))
	return g, nil
}

// Start opens all listeners, or none.
func (g *Gate) Start() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.started || g.stopped {
		return errors.New("start gate: it was started before")
	}
	if g.certs != nil {
		g.certs.look(time.Now())
	}
	for _, l := range g.cfg.Listen {
		if err := g.listen(l); err != nil {
			g.closeListeners()
			return fmt.Errorf("listen on %s %s: %w", l.Transport, l.Address, err)
		}
	}
	g.started = true
	g.loops.Go(g.watch)
	for _, s := range g.udp {
		g.loops.Go(s.run)
	}
	for _, s := range g.streams {
		g.loops.Go(s.run)
	}
	return nil
}

func (g *Gate) listen(l Listener) error {
	if l.Transport == fleet.UDP {
		return g.listenUDP(l.Address)
	}
	s, err := g.listenStream(l)
	if err == nil {
		g.streams = append(g.streams, s)
	}
	return err
}

func (g *Gate) serverTLS() *tls.Config {
	if g.certs == nil {
		return g.cfg.TLS
	}
	return g.certs.config(g.cfg.TLS)
}

func (g *Gate) closeListeners() {
	for _, s := range g.udp {
		s.conn.Close()
	}
	for _, s := range g.streams {
		s.l.Close()
	}
}

// Stop closes all sockets and waits for what runs on them, at most until ctx
// ends. It may be called more than once.
func (g *Gate) Stop(ctx context.Context) error {
	g.mu.Lock()
	g.stopped = true
	g.closeListeners()
	g.mu.Unlock()
	g.conns.closeAll()
	done := make(chan struct{})
	go func() { // ends when the loops do, which the closed sockets make sure of
		defer close(done)
		g.loops.Wait()
		g.conns.wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop gate: %w", ctx.Err())
	}
}

// SetPolicy replaces the policy. The next packet is handled by it.
func (g *Gate) SetPolicy(p Policy) {
	if p.Refusals == nil {
		p.Refusals = g.cfg.Refusals
	}
	rs := compile(p, g.cfg.Site)
	rs.jail = g.jails.prepare(p.Quarantine)
	g.rules.Store(rs)
	g.meter.Draining(time.Now(), rs.refusing(), p.Horizon, rs.whom())
	g.conns.policyChanged()
}

// Policy returns a copy of the policy in force.
func (g *Gate) Policy() Policy { return g.rules.Load().policy.clone() }

// Addrs are the listeners with the ports that they got; empty before Start.
func (g *Gate) Addrs() []Listener {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []Listener
	for _, s := range g.udp {
		if a := (Listener{Transport: fleet.UDP, Address: s.local.addr}); !slices.Contains(out, a) { // several sockets may share it
			out = append(out, a)
		}
	}
	for _, s := range g.streams {
		out = append(out, Listener{Transport: s.local.transport, Address: s.local.addr})
	}
	return out
}

// Stats returns the counters.
func (g *Gate) Stats() Stats {
	g.mu.Lock()
	all := g.counters
	g.mu.Unlock()
	s := Stats{ByMethod: map[MethodKey]uint64{}, ByAgent: map[string]AgentStats{}, Connections: g.conns.count()}
	for _, c := range all {
		c.collect(&s)
	}
	return s
}

// newCounters is called with mu held.
func (g *Gate) newCounters() *counters {
	c := &counters{}
	g.counters = append(g.counters, c)
	return c
}
