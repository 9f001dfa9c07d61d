package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/dnsserver/update"
	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/gate/divert"
	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/call"
	"github.com/sipsteer/sipsteer/probes/metrics"
	"github.com/sipsteer/sipsteer/probes/sweep"
	"github.com/sipsteer/sipsteer/probes/tlscheck"
	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/archive"
)

// stopTimeout bounds each step of a stop.
const stopTimeout = 3 * time.Second

// Peer is one agent of the cluster as the others reach it.
type Peer struct {
	Name fleet.AgentID
	Site fleet.SiteID
	Raft string // host:port
	API  string // host:port
}

// Config says what one agent is made of.
type Config struct {
	// Name is the agent's, and its Raft server ID; it is among Peers.
	Name fleet.AgentID
	// Site is where the agent is: its gate and its local checks belong there.
	Site fleet.SiteID
	// Dir holds the agent's data. It is made when it is missing.
	Dir string
	// Fleet is proposed when the cluster has none yet. May be nil.
	Fleet *fleet.Fleet
	// Identity is by what the other agents know this one, and by what it knows
	// them. Only tests have none: then everybody who connects is trusted.
	Identity *pki.Identity
	// IdentityDir is where it was loaded from.
	IdentityDir string
	// Founders are the members with which a cluster begins when there is no
	// store yet. An agent without waits until a leader adds it.
	Founders []raftstore.Member
	// First is proposed when nobody is registered yet. May be nil.
	First *pki.Registry
	// Peers are all agents, this one included; the same at every agent.
	Peers []Peer
	// DNS, Gate and the addresses are where this agent serves. Gate may be nil.
	DNS dnsserver.Config
	// Zones are served beside what is steered.
	Zones []ZoneFile
	// Updates are zones on name servers of others, kept by dynamic update
	// while this agent leads.
	Updates []update.Config
	Gate    *gate.Config
	// Divert has somebody else refuse, beside or instead of Gate. May be nil.
	Divert *divert.Config
	Raft   RaftConfig
	// Behind is how far the delayed copy is behind; 0 means 24 h, less than 0
	// none.
	Behind time.Duration
	// History says how long past States are kept; its Dir and Logger are set
	// by the agent.
	History archive.Config
	API     string // host:port
	// Secrets are the passwords of the canaries.
	Secrets Secrets
	// Commands and Directories are what exec and storage checks of the fleet
	// file may name; nothing else is run or written to.
	Commands    map[string][]string
	Directories map[string]string
	Version     string
	Logger      zerolog.Logger
	// Reached, if set, is told of places between two steps of serving a
	// decision, before the next one is taken. Tests end the process there. Nil
	// in the program.
	Reached func(point string)
	// Audit are the receivers of the audit trail, named each.
	Audit []AuditTo
	// Notify and StatusPage tell people outside.
	Notify     Notify
	StatusPage StatusPage
	// Parent says whom to ask what the zone above names of the zone's keys.
	Parent Parent
	// Readiness says how it looks for what would go wrong.
	Readiness Readiness
	// Outward is what runbooks may do outside of the program at this agent.
	Outward Outward
	// DialPeer connects to other agents; nil means plain TCP.
	DialPeer func(ctx context.Context, network, address string) (net.Conn, error)
}

// RaftConfig says where and how fast an agent speaks Raft.
type RaftConfig struct {
	Listen, Advertise string
	Profile           raftstore.Profile
	// Compare is how often the agents compare their States. Default 10 s:
	// damage is seen that late.
	Compare time.Duration
}

// Agent is one running agent. Make it with New, then Start; Stop ends it.
type Agent struct {
	cfg     Config
	log     zerolog.Logger
	machine *machine
	pub     *publisher
	mem     *memory
	past    *past      // set before the store is opened
	delayed *delayed   // nil when there is none
	audit   *auditPush // set with past

	dns      *dnsserver.Server
	files    *zoneFiles
	updaters []*update.Updater
	gate     *gate.Gate       // nil without one
	divert   *divert.Divert   // nil without one
	store    *raftstore.Store // set before opened is closed
	refused  error            // why this agent only answers, or nil; set by Start
	recalled pki.Registry     // who was who when this agent last knew
	mark     *answeredMark    // set by Start before anything is served
	release  func()           // see recall
	opened   chan struct{}
	trips    trips
	opinions *opinions
	clock    *clock
	book     book
	versions versions
	apiAddr  net.Listener

	numbers   *metrics.Prober // what the softswitches' numbers are, and usually are
	sweep     *sweep.Prober   // how far the certificates of all names were looked at
	calls     *call.Prober    // bounds the calls of this agent
	names     siteNames
	traffic   *traffic // what goes through the gate; says nothing without one
	answered  lastAnswers
	kept      keptEvidence
	reportNow chan struct{}
	runnerMu  sync.Mutex
	runner    *probes.Runner // guarded by runnerMu
	missingMu sync.Mutex
	missing   map[string]string // guarded by missingMu: secrets and what is wrong with them

	cancel context.CancelFunc
	loops  sync.WaitGroup
	stops  []stop
}

// stop is one step of taking an agent down.
type stop struct {
	name string
	do   func(ctx context.Context) error
}

// New checks the configuration and puts the parts together. It opens nothing.
func New(cfg Config) (*Agent, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	a := &Agent{cfg: cfg, log: cfg.Logger, reportNow: make(chan struct{}, 1), opened: make(chan struct{}), release: func() {}}
	cfg.DNS.Why, cfg.DNS.Unseal = a.whyLines, a.unseal
	dns, err := dnsserver.New(cfg.DNS)
	if err != nil {
		return nil, fmt.Errorf("configure name server: %w", err)
	}
	a.dns = dns
	var g gateway
	if cfg.Gate != nil {
		if a.gate, err = gate.New(*cfg.Gate); err != nil {
			return nil, fmt.Errorf("configure gate: %w", err)
		}
		g = a.gate
	}
	if cfg.Divert != nil {
		if a.divert, err = divert.New(*cfg.Divert); err != nil {
			return nil, fmt.Errorf("configure edge: %w", err)
		}
		g = gatewaysOf(g, a.divert)
	}
	a.mem = newMemory(cfg.Dir, cfg.Logger)
	a.pub = newPublisher(cfg.Site, dns, g, cfg.Logger)
	a.pub.keep, a.pub.stale = a.mem.keep, dns.SetStale
	a.pub.reached, a.mem.reached = cfg.Reached, cfg.Reached
	for _, u := range cfg.Updates {
		updater, err := update.New(u)
		if err != nil {
			return nil, err
		}
		a.updaters = append(a.updaters, updater)
	}
	a.files = &zoneFiles{files: cfg.Zones, dns: dns, pub: a.pub, log: cfg.Logger}
	a.machine = newMachine(cfg.Logger, a.pub.publish)
	if cfg.Behind >= 0 {
		a.delayed = newDelayed(cfg.Dir, cmp.Or(cfg.Behind, defaultBehind), func() *raftstore.Store { return a.store }, a.pub.frozen, cfg.Logger)
	}
	a.opinions = newOpinions(a.peers, reportFresh)
	a.clock = newClock(a.log)
	a.calls = call.New(call.Config{})
	a.sweep = sweep.New(sweep.Config{Names: a.namesOf, Handshake: tlscheck.New(tlscheck.Config{})})
	a.numbers = metrics.New(metrics.Config{Unusual: a.unusual})
	a.traffic = newTraffic(cfg.Site, a.numbers, a.loudLimits)
	return a, nil
}

func (c Config) validate() error {
	if c.Dir == "" {
		return errors.New("configure agent: no data directory")
	}
	if c.Identity != nil && c.Identity.Self().Agent != string(c.Name) {
		return fmt.Errorf("configure agent: the identity is agent %q's, this is agent %q", c.Identity.Self().Agent, c.Name)
	}
	for _, p := range c.Peers {
		if p.Name == c.Name && p.Site == c.Site {
			return nil
		}
	}
	return fmt.Errorf("configure agent: %s at site %s is not among the peers", c.Name, c.Site)
}

// Start brings the agent up. On an error everything that was started is
// stopped again.
//
// The order: what is served from memory first, so that phones have an answer
// before anything that may wait for other agents; then the log; then the loops
// that feed it; the API last, when there is something to tell.
func (a *Agent) Start() error {
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"make data directory", func() error { return os.MkdirAll(a.cfg.Dir, 0o700) }},
		{"bind API", a.bindAPI}, // binds only: a second agent on this address ends here, before it touches the data
		{"read zone files", a.files.start},
		{"recall what was answered", a.markAnswers},
		{"recall served state", a.recall},
		{"recall what is usual", a.recallUsual},
		{"recall what sources usually send", a.recallHabits},
		{"recall who is who", a.recallRegistry},
		{"recall evidence", a.recallEvidence},
		{"start gate", a.startGate},
		{"start name server", a.startDNS},
		{"open history", a.openPast},
		{"start dynamic updates", a.startUpdates},
		{"open replicated state", a.openStore},
		{"start loops", a.startLoops},
		{"start API", a.startAPI},
	} {
		if err := step.do(); err != nil {
			ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
			defer cancel()
			return errors.Join(fmt.Errorf("%s: %w", step.name, err), a.Stop(ctx))
		}
	}
	return nil
}

// Stop ends the agent in the reverse order: first it tells nobody anything
// new, then it leaves the cluster's leadership, and the answers end last.
func (a *Agent) Stop(ctx context.Context) error {
	var errs []error
	for len(a.stops) > 0 {
		last := a.stops[len(a.stops)-1]
		a.stops = a.stops[:len(a.stops)-1]
		if err := last.do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", last.name, err))
		}
	}
	return errors.Join(errs...)
}

func (a *Agent) onStop(name string, do func(ctx context.Context) error) {
	a.stops = append(a.stops, stop{name, do})
}

func (a *Agent) startGate() error {
	if a.gate != nil {
		if err := a.gate.Start(); err != nil {
			return err
		}
		a.onStop("gate", a.gate.Stop)
	}
	return a.startEdge()
}

func (a *Agent) startDNS() error {
	if err := a.dns.Start(); err != nil {
		return err
	}
	a.onStop("name server", a.dns.Stop)
	return nil
}

func (a *Agent) openPast() error {
	cfg := a.cfg.History
	cfg.Dir, cfg.Logger = filepath.Join(a.cfg.Dir, historyDir), a.log.With().Str("part", "history").Logger()
	kept, err := archive.Open(cfg)
	if err != nil {
		if !a.refuse(err) {
			return err
		}
		kept = &archive.Archive{}
	}
	a.past = newPast(kept, cfg.Logger)
	a.past.reached = a.cfg.Reached
	a.audit = newAuditPush(a.cfg.Dir, a.cfg.Audit, a.cfg.Logger)
	a.machine.note, a.machine.flush = a.past.note, a.past.flush
	a.onStop("history", func(context.Context) error {
		a.past.flush()
		return kept.Close()
	})
	return nil
}

func (a *Agent) openStore() error {
	cfg := raftstore.Config{
		ID: a.cfg.Name, Dir: a.cfg.Dir, Listen: a.cfg.Raft.Listen, Advertise: a.cfg.Raft.Advertise, Profile: a.cfg.Raft.Profile,
		Members: a.cfg.Founders, CheckpointInterval: a.cfg.Raft.Compare, Machine: a.machine, Logger: a.log.With().Str("part", "raft").Logger(), Lead: a.lead, Dial: a.dialRaft,
	}
	if a.cfg.Identity != nil {
		l, err := net.Listen("tcp", a.cfg.Raft.Listen)
		if err != nil {
			return err
		}
		cfg.Listener = pki.Listen(l, a.cfg.Identity.Server(true, time.Now, a.allowRaft))
	}
	store, err := a.openOrRefuse(cfg)
	if err != nil {
		return err
	}
	a.store = store
	a.release()
	close(a.opened)
	a.onStop("replicated state", store.Close)
	return nil
}

// openOrRefuse opens the store, or gives the agent one that has stopped when it
// can answer without.
func (a *Agent) openOrRefuse(cfg raftstore.Config) (*raftstore.Store, error) {
	err := a.refused // the past could not be opened: what is decided now would be missing in it
	if err == nil {
		var store *raftstore.Store
		if store, err = raftstore.Open(cfg); err == nil {
			return store, nil
		}
	}
	if cfg.Listener != nil {
		err = errors.Join(err, ignoreClosed(cfg.Listener.Close()))
	}
	if a.refused == nil && !(errors.Is(err, raftstore.ErrRefused) && a.refuse(err)) {
		return nil, err
	}
	return raftstore.Refused(cfg, err)
}

// startLoops starts the goroutines that run as long as the agent; Stop cancels
// them and waits.
func (a *Agent) startLoops() error {
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	a.loops.Go(func() { a.keepBehind(ctx) })
	a.loops.Go(func() { a.writeStatusPages(ctx) })
	a.loops.Go(func() { a.observe(ctx) })
	a.loops.Go(func() { a.report(ctx) })
	a.loops.Go(func() { a.guard(ctx) })
	a.loops.Go(func() { a.files.watch(ctx) })
	a.loops.Go(func() { a.watchSealing(ctx) })
	a.loops.Go(func() { a.followUpdates(ctx) })
	for _, to := range a.cfg.Audit {
		a.loops.Go(func() { a.pushAudit(ctx, to) })
	}
	if a.cfg.Identity != nil {
		a.loops.Go(func() { a.renew(ctx) })
		a.loops.Go(func() { a.founded(ctx) })
		a.loops.Go(func() { a.announce(ctx) })
		a.loops.Go(func() { a.keepRegistry(ctx) })
	}
	if a.gate != nil {
		a.loops.Go(func() { a.watchTraffic(ctx) })
	}
	if a.cfg.Identity != nil && a.refused == nil {
		a.loops.Go(func() { a.keepNeighbours(ctx) })
	}
	if a.delayed != nil && a.refused == nil {
		a.loops.Go(func() { a.delayed.run(ctx) })
	}
	a.loops.Go(func() { a.compareStates(ctx) })
	a.loops.Go(func() { a.watchStaleness(ctx) })
	a.loops.Go(func() { a.keepAnswers(ctx) })
	a.loops.Go(func() { a.keepEvidence(ctx) })
	a.onStop("loops", func(context.Context) error {
		cancel()
		a.loops.Wait()
		return nil
	})
	return nil
}

// guard says so when the replicated state stopped by itself: damage, or an entry
// of a newer version. The answers go on from memory.
func (a *Agent) guard(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-a.store.Done():
		if err := a.store.Err(); err != nil {
			a.log.Error().Err(err).Msg("the replicated state has stopped; this agent goes on answering its last decision and cannot change any more")
			a.pub.setProblem(a.stopped(err))
		}
	}
}

func (a *Agent) bindAPI() error {
	l, err := net.Listen("tcp", a.cfg.API)
	if err != nil {
		return err
	}
	a.apiAddr = l
	a.onStop("API listener", func(context.Context) error {
		return ignoreClosed(l.Close())
	})
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Bounds of one call of the API.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	idleTimeout       = time.Minute
)

func (a *Agent) startAPI() error {
	h := api.Handler(a, a.cfg.Version, a.metrics())
	a.onStop("API clients", func(context.Context) error {
		a.book.close()
		return nil
	})
	judge := judgeNobody
	if a.cfg.Identity != nil {
		judge = a.judgeTLS
	}
	a.serve("API", a.guarded(h, judge), a.apiListener(a.apiAddr))
	return a.startSocket(h)
}

// Ready returns when this agent serves a fleet, or ctx ends.
func (a *Agent) Ready(ctx context.Context) error {
	a.pub.wait(ctx, 1)
	if now, _ := a.pub.served(); now.state.Epoch == 0 {
		return fmt.Errorf("wait for a fleet: %w", ctx.Err())
	}
	return nil
}
