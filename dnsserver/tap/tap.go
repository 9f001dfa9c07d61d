package tap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// Bounds and defaults.
const (
	queue         = 512  // exchanges that wait to be written; this much memory is taken once
	maxQuery      = 2048 // octets kept of a question
	maxAnswer     = 4096 // a longer answer is left out of its sample
	defaultSample = 100
	defaultLimit  = 1000
)

// Config says what is passed on, and to whom.
type Config struct {
	// Network and Address are where the collector listens: unix and a path, or
	// tcp and HOST:PORT. It may come and go.
	Network, Address string
	// Sample passes on one exchange of so many; 0 means 100, 1 all.
	Sample int
	// PerSecond is how many are passed on in a second at most; 0 means 1000.
	PerSecond int
	// Identity and Version are those of this server, told with each sample.
	Identity, Version string
	Logger            zerolog.Logger
}

// Tap passes samples on. Make it with New, then Start; Stop ends it. The nil Tap
// takes nothing.
type Tap struct {
	cfg    Config
	free   chan *exchange // empty ones
	full   chan *exchange // taken, not written yet
	second atomic.Uint64  // which one in the upper half, taken in it in the lower
	sent   atomic.Uint64
	lost   atomic.Uint64

	cancel context.CancelFunc
	ended  chan struct{}
}

// exchange is a question and its answer.
type exchange struct {
	query           [maxQuery]byte
	answer          [maxAnswer]byte
	queryN, answerN int
	client          netip.AddrPort
	transport       Transport
	at              time.Time
}

// Transport is how the question came.
type Transport uint8

// The transports.
const (
	UDP Transport = iota
	TCP
	TLS
)

// Stats is what a Tap has done.
type Stats struct {
	// Sent counts samples written, Lost those for which there was no room, or no
	// collector.
	Sent, Lost uint64
}

// New checks the configuration. Nothing is opened before Start.
func New(cfg Config) (*Tap, error) {
	switch {
	case cfg.Network != "unix" && cfg.Network != "tcp":
		return nil, fmt.Errorf("configure query log: network %q is neither unix nor tcp", cfg.Network)
	case cfg.Address == "":
		return nil, errors.New("configure query log: no address of a collector")
	case cfg.Sample < 0 || cfg.PerSecond < 0:
		return nil, errors.New("configure query log: a bound is negative")
	}
	if cfg.Sample == 0 {
		cfg.Sample = defaultSample
	}
	if cfg.PerSecond == 0 {
		cfg.PerSecond = defaultLimit
	}
	t := &Tap{cfg: cfg, free: make(chan *exchange, queue), full: make(chan *exchange, queue)}
	for range queue {
		t.free <- &exchange{}
	}
	return t, nil
}

// Every is which share of the exchanges is to be given to Take: one of so many.
// The nil Tap wants none, which is 0.
func (t *Tap) Every() uint32 {
	if t == nil {
		return 0
	}
	return uint32(t.cfg.Sample)
}

// Take copies an exchange to be passed on. It never waits and never allocates.
func (t *Tap) Take(via Transport, client netip.AddrPort, query, answer []byte) {
	now := time.Now()
	if !t.within(now) {
		t.lost.Add(1)
		return
	}
	select {
	case x := <-t.free:
		x.queryN = copy(x.query[:], query)
		x.answerN = 0
		if len(answer) <= maxAnswer {
			x.answerN = copy(x.answer[:], answer)
		}
		x.client, x.transport, x.at = client, via, now
		t.full <- x // has room for all there are
	default:
		t.lost.Add(1)
	}
}

// within counts an exchange in its second, and reports whether it may be taken.
func (t *Tap) within(now time.Time) bool {
	second := uint64(uint32(now.Unix())) << 32
	for {
		old := t.second.Load()
		next := second | 1
		if old>>32 == second>>32 {
			if uint32(old) >= uint32(t.cfg.PerSecond) {
				return false
			}
			next = old + 1
		}
		if t.second.CompareAndSwap(old, next) {
			return true
		}
	}
}

// Stats returns the counters; those of the nil Tap are zero.
func (t *Tap) Stats() Stats {
	if t == nil {
		return Stats{}
	}
	return Stats{Sent: t.sent.Load(), Lost: t.lost.Load()}
}

// Start begins to write.
func (t *Tap) Start() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.cancel, t.ended = cancel, make(chan struct{})
	go func() { // ended by Stop
		defer close(t.ended)
		t.run(ctx)
	}()
}

// Stop ends writing and waits for it, or for ctx. What is queued is lost. It may
// be called more than once.
func (t *Tap) Stop(ctx context.Context) error {
	if t == nil || t.cancel == nil {
		return nil
	}
	t.cancel()
	select {
	case <-t.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop query log: %w", ctx.Err())
	}
}

// A connection that failed is tried again after a pause, which doubles.
const (
	retryFirst = time.Second
	retryMost  = time.Minute
)

func (t *Tap) run(ctx context.Context) {
	pause := retryFirst
	said := false
	for ctx.Err() == nil {
		before := t.sent.Load()
		err := t.connection(ctx)
		if t.sent.Load() > before {
			pause, said = retryFirst, false
		}
		if ctx.Err() != nil {
			return
		}
		if !said {
			said = true
			t.cfg.Logger.Warn().Err(err).Str("collector", t.cfg.Address).Msg("the query log has no collector; trying again, samples are lost meanwhile")
		}
		if !t.idle(ctx, pause) {
			return
		}
		pause = min(2*pause, retryMost)
	}
}

// idle throws samples away for a time; false if ctx ended.
func (t *Tap) idle(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case x := <-t.full:
			t.lost.Add(1)
			t.free <- x
		}
	}
}

// ioTimeout bounds the way to the collector, and each write to it.
const ioTimeout = 2 * time.Second

// connection writes to the collector until it fails or ctx ends.
func (t *Tap) connection(ctx context.Context) error {
	d := net.Dialer{Timeout: ioTimeout}
	c, err := d.DialContext(ctx, t.cfg.Network, t.cfg.Address)
	if err != nil {
		return err
	}
	defer c.Close()
	return t.write(ctx, c)
}
