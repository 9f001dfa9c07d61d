package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab/internal/pause"
	"github.com/sipsteer/sipsteer/pkg/lab/labpki"
	"github.com/sipsteer/sipsteer/pkg/lab/links"
	"github.com/sipsteer/sipsteer/pkg/lab/softswitch"
)

const (
	// readyTimeout bounds the start of the lab.
	readyTimeout = 2 * time.Minute
	// pollInterval is how often a start looks whether all is ready.
	pollInterval = 50 * time.Millisecond
	// portTimeout is how long a start waits for the ports of a lab that was
	// just killed.
	portTimeout = 5 * time.Second
)

// Faults of an agent rather than of a softswitch.
const (
	FaultAgentKill = "agent-kill"
	FaultPartition = "partition"
)

// Config says how to run a lab.
type Config struct {
	// Dir keeps everything; an existing one is continued.
	Dir string
	// Net is the second octet of the addresses; see Layout.
	Net int
	// Interval between two probes of one check.
	Interval time.Duration
	// Executable is the sipsteer program that agents are started from.
	Executable string
	// FlapDown and FlapUp are the halves of the fault flap; 0 means the
	// softswitch's default.
	FlapDown, FlapUp time.Duration
	// Log gets a line for each step of the start; nil is silent.
	Log io.Writer
}

// Lab is a running fleet of three sites.
type Lab struct {
	cfg      Config
	layout   Layout
	lock     *os.File
	pki      *labpki.PKI
	switches map[fleet.SiteID]*softswitch.Softswitch
	links    *links.Group
	children map[fleet.SiteID]*child
	stops    []func() error

	mu     sync.Mutex
	faults map[fleet.SiteID][]string // guarded by mu
}

// FaultNames lists the words that Break takes.
func FaultNames() []string {
	var out []string
	for _, f := range softswitch.Faults() {
		out = append(out, string(f))
	}
	return append(out, FaultAgentKill, FaultPartition)
}

// New prepares a lab in its directory. Nothing runs yet.
func New(cfg Config) (*Lab, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("find lab directory: %w", err)
	}
	cfg.Dir = dir
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	return &Lab{
		cfg: cfg, layout: NewLayout(cfg.Net), faults: map[fleet.SiteID][]string{},
		switches: map[fleet.SiteID]*softswitch.Softswitch{}, children: map[fleet.SiteID]*child{},
	}, nil
}

// Layout returns the lab's addresses.
func (l *Lab) Layout() Layout { return l.layout }

// ClientFile is the file with which client commands find the lab.
func (l *Lab) ClientFile() string { return filepath.Join(l.cfg.Dir, "client.yaml") }

// PKI returns the lab's certificates.
func (l *Lab) PKI() *labpki.PKI { return l.pki }

// Up starts everything and returns when all three agents serve and know every
// softswitch to be up. On an error everything is stopped again.
func (l *Lab) Up(ctx context.Context) error {
	err := l.up(ctx)
	if err != nil {
		return errors.Join(err, l.Down())
	}
	return nil
}

func (l *Lab) up(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := l.takeDir(); err != nil {
		return err
	}
	pki, err := labpki.Open(filepath.Join(l.cfg.Dir, "pki"), l.certificates())
	if err != nil {
		return fmt.Errorf("make certificates: %w", err)
	}
	l.pki = pki
	if err := writeFiles(l.cfg.Dir, l.layout, l.cfg.Interval, string(pki.CAPEM())); err != nil {
		return err
	}
	if err := l.makeIdentities(); err != nil {
		return fmt.Errorf("make identities: %w", err)
	}
	if err := l.startSwitches(ctx); err != nil {
		return err
	}
	if err := l.startLinks(); err != nil {
		return err
	}
	if err := l.startAgents(ctx); err != nil {
		return err
	}
	stop, err := l.serveControl()
	if err != nil {
		return err
	}
	l.onStop(func() error { stop(); return nil })
	return l.waitReady(ctx)
}

// Down stops everything, in the reverse order.
func (l *Lab) Down() error {
	var errs []error
	for _, stop := range slices.Backward(l.stops) {
		errs = append(errs, stop())
	}
	l.stops = nil
	return errors.Join(errs...)
}

func (l *Lab) onStop(f func() error) { l.stops = append(l.stops, f) }

func (l *Lab) say(format string, args ...any) { fmt.Fprintf(l.cfg.Log, format+"\n", args...) }

// takeDir makes the directory and locks it against a second lab. A directory
// of a lab at other addresses is refused: its fleet would never come up here.
func (l *Lab) takeDir() error {
	if n := len(filepath.Join(l.cfg.Dir, controlName)) - maxSocketPath; n > 0 {
		return &UsageError{fmt.Sprintf("the path of the lab's directory, %s, is %d octets too long for a socket in it; give a shorter --dir", l.cfg.Dir, n)}
	}
	if err := os.MkdirAll(l.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("make lab directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(l.cfg.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return &UsageError{fmt.Sprintf("a lab is already running in %s; stop it first, or give another --dir", l.cfg.Dir)}
	}
	l.lock = f
	l.onStop(f.Close)
	old, err := os.ReadFile(l.ClientFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the lab's client file: %w", err)
	}
	if string(old) != clientFile(l.layout) {
		return &UsageError{fmt.Sprintf("%s holds a lab at other addresses than %s; set SIPSTEER_LAB_NET as it was, or give another --dir", l.cfg.Dir, l.layout.Place(1).DNS)}
	}
	return nil
}

// certificates are for the SIP domains, since that is what a phone verifies
// (RFC 5922 §7), and for the addresses.
func (l *Lab) certificates() []labpki.Server {
	var out []labpki.Server
	for _, p := range l.layout.Places() {
		s := labpki.Server{Name: string(p.Site), Domains: []string{"west." + Zone, "east." + Zone, "sip." + string(p.Site) + "." + Zone}}
		s.Addresses = append(s.Addresses, p.GateAddr, p.Softswitch[fleet.TLS].Addr())
		out = append(out, s)
	}
	return out
}

func (l *Lab) startSwitches(ctx context.Context) error {
	for _, p := range l.layout.Places() {
		good, err := l.pki.ServerConfig(string(p.Site))
		if err != nil {
			return fmt.Errorf("load certificate of %s: %w", p.Site, err)
		}
		bad, err := l.pki.ExpiredConfig(string(p.Site))
		if err != nil {
			return fmt.Errorf("load expired certificate of %s: %w", p.Site, err)
		}
		s, err := softswitch.New(softswitch.Config{
			Site: p.Site, Listen: p.Softswitch, Contact: p.Gate, TLS: good, BadTLS: bad, Logger: zerolog.Nop(),
			FlapDown: l.cfg.FlapDown, FlapUp: l.cfg.FlapUp, Dir: filepath.Join(l.cfg.Dir, "disks", string(p.Site)),
			Passwords: map[string]string{canaryUser: canaryPassword},
		})
		if err != nil {
			return fmt.Errorf("make softswitch of %s: %w", p.Site, err)
		}
		if err := retryPorts(ctx, s.Start); err != nil {
			return fmt.Errorf("start softswitch of %s: %w", p.Site, err)
		}
		l.switches[p.Site] = s
		l.onStop(func() error { return bounded(s.Stop) })
	}
	l.say("softswitches: %s", addresses(l.layout, func(p Place) any { return p.Softswitch[fleet.UDP] }))
	return nil
}

// retryPorts tries again while the ports of a lab that was just killed are
// still taken.
func retryPorts(ctx context.Context, start func() error) error {
	deadline := time.Now().Add(portTimeout)
	for {
		err := start()
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(deadline) {
			return err
		}
		if err := pause.For(ctx, pollInterval); err != nil {
			return err
		}
	}
}

func (l *Lab) startLinks() error {
	l.links = links.NewGroup()
	for _, p := range l.layout.Places() {
		link, err := links.New(links.Config{Listen: p.Link, Logger: zerolog.Nop()})
		if err != nil {
			return fmt.Errorf("make link of %s: %w", p.Site, err)
		}
		l.links.Add(p.AgentAddr, link)
		if err := link.Start(); err != nil {
			return fmt.Errorf("start link of %s: %w", p.Site, err)
		}
		l.onStop(func() error { return bounded(link.Stop) })
	}
	return nil
}

func (l *Lab) startAgents(ctx context.Context) error {
	for _, p := range l.layout.Places() {
		c := &child{site: p.Site, exe: l.cfg.Executable, dir: l.cfg.Dir}
		l.children[p.Site] = c
		if err := c.start(); err != nil {
			return err
		}
		l.onStop(func() error { return bounded(c.stop) })
	}
	l.say("agents: %s", addresses(l.layout, func(p Place) any { return p.DNS }))
	return ctx.Err()
}

// waitReady returns when every agent serves, there is a leader, and every
// softswitch is known to be up.
func (l *Lab) waitReady(ctx context.Context) error {
	for _, p := range l.layout.Places() {
		c, err := l.Client(p)
		if err != nil {
			return err
		}
		defer c.Close()
		for !l.ready(ctx, c) {
			if ok, err := l.children[p.Site].running(); !ok {
				return err
			}
			if err := pause.For(ctx, pollInterval); err != nil {
				return fmt.Errorf("agent %s is not ready after %s; see %s", p.Site, readyTimeout, filepath.Join(l.cfg.Dir, string(p.Site)+".log"))
			}
		}
	}
	return nil
}

// ready: a continued fleet may hold drained or failed sites, so only the
// leader and the epoch count there.
func (l *Lab) ready(ctx context.Context, c *api.Client) bool {
	st, err := c.Status(ctx)
	if err != nil || !st.Quorum || st.Epoch == 0 || len(st.Agents) != len(siteNames) {
		return false
	}
	for _, a := range st.Agents {
		if !a.Reachable || a.Epoch != st.Epoch {
			return false
		}
	}
	for _, s := range st.Sites {
		for _, word := range s.Transports {
			if word != "up" {
				return false
			}
		}
	}
	return true
}

// Break makes a fault happen.
func (l *Lab) Break(site, fault string) error {
	p, err := l.layout.place(fleet.SiteID(site))
	if err != nil {
		return &UsageError{err.Error()}
	}
	switch fault {
	case FaultAgentKill:
		err = l.children[p.Site].kill()
	case FaultPartition:
		l.links.Cut(p.AgentAddr)
	default:
		var f softswitch.Fault
		if f, err = softswitch.ParseFault(fault); err != nil {
			return &UsageError{err.Error()}
		}
		err = l.switches[p.Site].Break(f)
	}
	if err != nil {
		return fmt.Errorf("break %s: %w", site, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	faults := l.faults[p.Site]
	if fault != FaultAgentKill && fault != FaultPartition {
		faults = slices.DeleteFunc(faults, func(f string) bool { return f != FaultAgentKill && f != FaultPartition })
	}
	if !slices.Contains(faults, fault) {
		faults = append(faults, fault)
	}
	l.faults[p.Site] = faults
	return nil
}

// Heal ends every fault of the site.
func (l *Lab) Heal(site string) error {
	p, err := l.layout.place(fleet.SiteID(site))
	if err != nil {
		return &UsageError{err.Error()}
	}
	l.links.Restore(p.AgentAddr)
	err = errors.Join(l.switches[p.Site].Heal(), l.children[p.Site].start())
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.faults, p.Site)
	return err
}

// Faults says what is broken now, by site.
func (l *Lab) Faults() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]string{}
	for site, f := range maps.All(l.faults) {
		out[string(site)] = strings.Join(f, ", ")
	}
	return out
}

// AgentPID is the process ID of a site's agent, or 0.
func (l *Lab) AgentPID(site fleet.SiteID) int { return l.children[site].pid() }

// Softswitch returns the softswitch of a site.
func (l *Lab) Softswitch(site fleet.SiteID) *softswitch.Softswitch { return l.switches[site] }

func addresses(l Layout, of func(Place) any) string {
	var out []string
	for _, p := range l.Places() {
		out = append(out, fmt.Sprintf("%s %v", p.Site, of(p)))
	}
	return strings.Join(out, ", ")
}

func bounded(stop func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*stopGrace)
	defer cancel()
	return stop(ctx)
}
