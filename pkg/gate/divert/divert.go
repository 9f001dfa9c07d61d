// Package divert has the refusing done by somebody else than our gate: an edge
// that stands in front of the softswitch already, or a program that knows how.
// It sees to it that the other side follows the policy, looks again whether it
// still does, and says what it saw.
//
// It refuses nothing by itself: the order of a drain stays with the agent.
package divert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// Driver brings a policy to who refuses. Apply returns nil when it has seen that
// the policy is in force; it is called again and again, so it changes nothing
// that is as it should be.
type Driver interface {
	Apply(ctx context.Context, p gate.Policy) error
}

// Noter is a Driver that has something to say although the policy is in force.
type Noter interface {
	// Note is about the last Apply; "" for nothing.
	Note() string
}

// Keeper is a Driver that can keep sources in quarantine out while the site is
// open.
type Keeper interface {
	// KeepsOut reports whether the last Apply did.
	KeepsOut() bool
}

// closer is a driver whose work ends with this process, and that takes it back
// when the process ends as it should.
type closer interface {
	Close() error
}

// Config says what is diverted. Zero times mean the defaults.
type Config struct {
	Driver Driver
	// Transports are those that the other side serves.
	Transports []fleet.Transport
	// Every is how often the other side is looked at. Default 5 s: a restarted
	// edge refuses nothing until then.
	Every time.Duration
	// Timeout is for one look. Default 10 s.
	Timeout time.Duration
	Logger  zerolog.Logger
}

// Divert makes a driver follow the newest policy. Make it with New, then Start;
// Stop ends it and leaves the other side as it is: an agent that restarts in a
// drain must not open the site. Only what cannot work without this process is
// taken back.
type Divert struct {
	cfg    Config
	wake   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex // held for all below
	wanted  gate.Policy
	asked   int           // how many policies were wanted
	tried   int           // asked, when the last look began
	looked  chan struct{} // closed and replaced after each look
	seen    gate.Policy   // what was seen to be in force
	keeps   bool          // sources in quarantine are kept out
	problem string
	note    string    // what the driver says although it follows
	since   time.Time // of the problem, or else of the note
}

// New checks the configuration.
func New(cfg Config) (*Divert, error) {
	if cfg.Driver == nil {
		return nil, errors.New("no driver")
	}
	if len(cfg.Transports) == 0 {
		return nil, errors.New("no transport")
	}
	cfg.Every, cfg.Timeout = cmp.Or(cfg.Every, 5*time.Second), cmp.Or(cfg.Timeout, 10*time.Second)
	return &Divert{cfg: cfg, wake: make(chan struct{}, 1), done: make(chan struct{}), looked: make(chan struct{})}, nil
}

// Start begins to follow.
func (d *Divert) Start() error {
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	go d.run(ctx) // Stop waits
	return nil
}

// Stop ends it. It may be called more than once, also without Start.
func (d *Divert) Stop(ctx context.Context) error {
	if d.cancel == nil {
		return nil
	}
	d.cancel()
	select {
	case <-d.done:
	case <-ctx.Done():
		return fmt.Errorf("stop divert: %w", ctx.Err())
	}
	if c, ok := d.cfg.Driver.(closer); ok {
		return c.Close()
	}
	return nil
}

// SetPolicy says what the other side should do from now on.
func (d *Divert) SetPolicy(p gate.Policy) {
	d.mu.Lock()
	d.wanted = p
	d.asked++
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Policy is what was seen to be in force last; its rules are empty before that.
func (d *Divert) Policy() gate.Policy {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen
}

// Wait returns when the other side was told the newest policy, whether it follows
// or not, or ctx ends.
func (d *Divert) Wait(ctx context.Context) {
	d.mu.Lock()
	asked := d.asked
	d.mu.Unlock()
	for {
		d.mu.Lock()
		tried, looked := d.tried, d.looked
		d.mu.Unlock()
		if tried >= asked {
			return
		}
		select {
		case <-looked:
		case <-ctx.Done():
			return
		}
	}
}

// KeepsOut reports whether sources in quarantine are kept out while the site is
// open.
func (d *Divert) KeepsOut() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.keeps
}

// Note says what stands in for what should have refused, and since when; "" when
// there is a Problem, or all is as it should be.
func (d *Divert) Note() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.problem != "" || d.note == "" {
		return ""
	}
	return fmt.Sprintf("%s (since %s)", d.note, d.since.UTC().Format(time.TimeOnly))
}

// Problem says why the wanted policy is not seen in force, and since when; ""
// when it is.
func (d *Divert) Problem() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.problem == "" {
		return ""
	}
	return fmt.Sprintf("the edge does not follow since %s: %s", d.since.UTC().Format(time.TimeOnly), d.problem)
}

func (d *Divert) run(ctx context.Context) {
	defer close(d.done)
	tick := time.NewTicker(d.cfg.Every)
	defer tick.Stop()
	for {
		d.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-tick.C:
		}
	}
}

func (d *Divert) look(ctx context.Context) {
	d.mu.Lock()
	wanted, asked := d.wanted, d.asked
	d.mu.Unlock()
	if wanted.Rules == nil {
		return // nothing is known yet: what is there stays
	}
	try, cancel := context.WithTimeout(ctx, d.cfg.Timeout)
	defer cancel()
	err := d.cfg.Driver.Apply(try, wanted)
	if ctx.Err() != nil {
		return
	}
	var note string
	if n, ok := d.cfg.Driver.(Noter); ok && err == nil {
		note = clean(n.Note())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if k, ok := d.cfg.Driver.(Keeper); ok {
		d.keeps = err == nil && k.KeepsOut()
	}
	d.tried = asked
	close(d.looked)
	d.looked = make(chan struct{})
	d.saw(wanted, err, note)
}

// saw keeps and logs what a look has brought. It is called with mu held.
func (d *Divert) saw(wanted gate.Policy, err error, note string) {
	problem, before, noted := "", d.problem, d.note
	if err != nil {
		problem = clean(err.Error())
	} else {
		d.seen = wanted
	}
	if before == "" && problem != "" || problem == "" && note != "" && (before != "" || noted == "") {
		d.since = time.Now()
	}
	d.problem, d.note = problem, note
	switch {
	case problem != "" && problem != before:
		d.cfg.Logger.Error().Str("reason", problem).Msg("the edge does not do what it should; it is tried again")
	case problem == "" && note != "" && note != noted:
		d.cfg.Logger.Warn().Str("reason", note).Msg("what should refuse does not; something else stands in")
	case problem == "" && note == "" && (before != "" || noted != ""):
		d.cfg.Logger.Info().Msg("the edge follows again")
	}
}

// clean keeps what another program says on one line.
func clean(s string) string {
	out := make([]byte, 0, min(len(s), 300))
	for i := 0; i < len(s) && len(out) < 300; i++ {
		if c := s[i]; c >= ' ' && c < 0x7f {
			out = append(out, c)
		}
	}
	return string(out)
}

// phase is what an edge does on a transport, as a number and a word.
type phase int

const (
	open       phase = iota
	firstPhase       // REGISTER and SUBSCRIBE are refused, the rest passes
	draining
	closed
)

var phaseNames = [...]string{"open", "first-phase", "draining", "closed"}

func (p phase) String() string { return phaseNames[p] }

func phaseOf(r gate.Rule) phase {
	switch {
	case r.Mode == gate.Open:
		return open
	case r.Mode == gate.Closed:
		return closed
	case r.PassInvite:
		return firstPhase
	}
	return draining
}
