package phones

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Config says what a crowd is.
type Config struct {
	Groups []Group
	// NameServers are asked for everything.
	NameServers []netip.AddrPort
	// SiteOf tells which site a server belongs to.
	SiteOf func(netip.AddrPort) fleet.SiteID
	// Port is the port that devices without SRV use.
	Port func(fleet.Transport) uint16
	// TLS holds the roots that TLS phones trust.
	TLS *tls.Config
	// Refresh is the registration refresh interval. Default 5 s.
	Refresh time.Duration
	// StartSpread is over how long the phones start. Default Refresh.
	StartSpread time.Duration
	// T1 and TimerF are the transaction timers, scaled down for the lab from
	// 500 ms and 32 s. Default 100 ms and 3.2 s.
	T1, TimerF time.Duration
	// CallCheck is how often a phone asks whether its call lives. Default 1 s.
	CallCheck time.Duration
	// Seed makes two runs alike, as far as the network is.
	Seed uint64
}

// Move is one phone that registered at another site than before. From is empty
// at the first registration.
type Move struct {
	Phone     int
	Kind      Kind
	Transport fleet.Transport
	Service   fleet.ServiceID
	From, To  fleet.SiteID
	At        time.Time
}

// Snapshot is the crowd at one moment.
type Snapshot struct {
	At           time.Time
	Phones       int
	Unregistered int
	Registered   map[fleet.SiteID]int
	ByTransport  map[fleet.SiteID]map[fleet.Transport]int
	ByKind       map[fleet.SiteID]map[Kind]int
	Refused      int // 503s seen
	Calls        map[fleet.SiteID]int
	CallsLost    int
	CallsEnded   int
}

// Crowd is a running crowd. Make it with New, then Start; Stop ends it.
type Crowd struct {
	cfg    Config
	phones []*phone
	cancel context.CancelFunc
	work   sync.WaitGroup
	ctx    context.Context // of the run; ended by Stop

	mu      sync.Mutex
	where   map[int]fleet.SiteID // last registration of each phone
	offline map[int]bool         // known to have lost it
	moves   []Move
	snap    Snapshot
	called  map[int]bool
}

// New prepares a crowd.
func New(cfg Config) (*Crowd, error) {
	if len(cfg.NameServers) == 0 || cfg.SiteOf == nil {
		return nil, errors.New("configure crowd: no name servers, or no SiteOf")
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&cfg.Refresh, 5*time.Second)
	def(&cfg.StartSpread, cfg.Refresh)
	def(&cfg.T1, 100*time.Millisecond)
	def(&cfg.TimerF, 3200*time.Millisecond)
	def(&cfg.CallCheck, time.Second)
	if cfg.Port == nil {
		cfg.Port = fleet.Transport.DefaultPort
	}
	c := &Crowd{cfg: cfg, where: map[int]fleet.SiteID{}, offline: map[int]bool{}, called: map[int]bool{}}
	c.snap = Snapshot{Calls: map[fleet.SiteID]int{}}
	for _, g := range cfg.Groups {
		if g.Transport == fleet.TLS && cfg.TLS == nil {
			return nil, fmt.Errorf("configure crowd: %s phones over tls need roots", g.Kind)
		}
		for i := range g.Count {
			c.add(g, i)
		}
	}
	return c, nil
}

func (c *Crowd) add(g Group, i int) {
	id := len(c.phones) + 1
	rnd := rand.New(rand.NewPCG(c.cfg.Seed, uint64(id)))
	if i >= g.Calls {
		g.Calls = 0
	}
	c.phones = append(c.phones, &phone{
		id: id, group: g, crowd: c, rnd: rnd, tls: tlsFor(c.cfg.TLS, g.Service), callID: fmt.Sprintf("r%016x", rnd.Uint64()),
		res: &resolver{servers: c.cfg.NameServers, minTTL: g.Kind.minTTL(), rnd: rnd, cache: map[question]entry{}},
	})
}

// Start lets the phones begin.
func (c *Crowd) Start() {
	c.ctx, c.cancel = context.WithCancel(context.Background())
	for _, p := range c.phones {
		c.work.Go(func() { p.run(c.ctx) })
	}
}

// Stop ends all phones and waits for them.
func (c *Crowd) Stop(ctx context.Context) error {
	if c.cancel == nil {
		return nil
	}
	c.cancel()
	done := make(chan struct{})
	go func() {
		c.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop phones: %w", ctx.Err())
	}
}

// Snapshot returns the crowd now.
func (c *Crowd) Snapshot() Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.snap
	s.At, s.Phones = time.Now(), len(c.phones)
	s.Registered = map[fleet.SiteID]int{}
	s.ByTransport = map[fleet.SiteID]map[fleet.Transport]int{}
	s.ByKind = map[fleet.SiteID]map[Kind]int{}
	s.Calls = map[fleet.SiteID]int{}
	for site, n := range c.snap.Calls {
		s.Calls[site] = n
	}
	for _, p := range c.phones {
		site, ok := c.where[p.id]
		if !ok || c.offline[p.id] {
			s.Unregistered++
			continue
		}
		s.Registered[site]++
		if s.ByTransport[site] == nil {
			s.ByTransport[site], s.ByKind[site] = map[fleet.Transport]int{}, map[Kind]int{}
		}
		s.ByTransport[site][p.group.Transport]++
		s.ByKind[site][p.group.Kind]++
	}
	return s
}

// Moves returns the moves since the time given, oldest first.
func (c *Crowd) Moves(since time.Time) []Move {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Move
	for _, m := range c.moves {
		if !m.At.Before(since) {
			out = append(out, m)
		}
	}
	return out
}

// At lists the phones whose last registration is at the site.
func (c *Crowd) At(site fleet.SiteID) []Move {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Move
	for _, p := range c.phones {
		if c.where[p.id] == site {
			out = append(out, Move{Phone: p.id, Kind: p.group.Kind, Transport: p.group.Transport, Service: p.group.Service, To: site})
		}
	}
	return out
}

func (c *Crowd) registered(p *phone, at netip.AddrPort) {
	site := c.cfg.SiteOf(at)
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.where[p.id]
	c.where[p.id] = site
	delete(c.offline, p.id)
	if old != site {
		c.moves = append(c.moves, Move{Phone: p.id, Kind: p.group.Kind, Transport: p.group.Transport, Service: p.group.Service, From: old, To: site, At: time.Now()})
	}
	if p.group.Calls > 0 && !c.called[p.id] {
		c.called[p.id] = true
		c.work.Go(func() { p.holdCall(c.ctx, at, uint64(p.id)) }) // ends with the run's context
	}
}

func (c *Crowd) lost(p *phone) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offline[p.id] = true
}

func (c *Crowd) refused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snap.Refused++
}

func (c *Crowd) callUp(at netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snap.Calls[c.cfg.SiteOf(at)]++
}

func (c *Crowd) callEnded(at netip.AddrPort, lost bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snap.Calls[c.cfg.SiteOf(at)]--
	if lost {
		c.snap.CallsLost++
	} else {
		c.snap.CallsEnded++
	}
}
