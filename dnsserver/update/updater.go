package update

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// Updater keeps one zone. Make it with New, then Start; Stop ends it. It writes
// only between Lead(zone) and Follow.
type Updater struct {
	cfg    Config
	server target

	mu     sync.Mutex // guards what follows
	want   *srv.Zone  // nil while another agent leads
	latest *srv.Zone  // served last, whoever leads
	status Status

	wake   chan struct{}
	cancel context.CancelFunc
	ended  chan struct{}

	// Of the loop alone.
	known   map[srv.Key]string // what the server has, as far as it was read or written here
	unsure  bool               // a write failed: known may be wrong
	served  map[srv.Key]bool   // sets of the zone looked at last
	stale   map[srv.Key]bool   // sets that were served once, and are not any more
	written time.Time          // last write
	quiet   time.Time          // the server wants to be left alone until then
}

// Status is what can be seen of an updater.
type Status struct {
	Zone, Server string
	// Writing says whether this agent is the one that writes.
	Writing bool
	// Epoch is the last one that stands whole in the zone by our writing.
	Epoch uint64
	// Written counts sets written, Drift those that somebody else had changed.
	Written, Drift uint64
	// Problem is why the zone is not as it should be; "" when it is.
	Problem string
}

// New checks the configuration. Nothing is sent before Start.
func New(cfg Config) (*Updater, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Updater{
		cfg: cfg, server: cfg.target(), wake: make(chan struct{}, 1), known: map[srv.Key]string{}, served: map[srv.Key]bool{}, stale: map[srv.Key]bool{},
		status: Status{Zone: cfg.Zone, Server: cfg.target().where()},
	}, nil
}

// Start begins the loop that writes.
func (u *Updater) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	u.cancel, u.ended = cancel, make(chan struct{})
	go func() { // ended by Stop
		defer close(u.ended)
		u.run(ctx)
	}()
}

// Stop ends the loop and waits for it, or for ctx. A write under way is cut;
// it was carried out whole or not at all.
func (u *Updater) Stop(ctx context.Context) error {
	if u.cancel == nil {
		return nil
	}
	u.cancel()
	select {
	case <-u.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop dynamic update: %w", ctx.Err())
	}
}

// Lead makes the updater write the zone, now and until it is told otherwise.
func (u *Updater) Lead(z *srv.Zone) {
	u.Served(z)
	u.set(z)
}

// Follow ends writing: another agent does.
func (u *Updater) Follow() { u.set(nil) }

// Served tells what is served, whoever writes: sets that another leader wrote and
// that are not wanted any more go when this one leads.
func (u *Updater) Served(z *srv.Zone) {
	u.mu.Lock()
	u.latest = z
	u.mu.Unlock()
	u.poke()
}

func (u *Updater) set(z *srv.Zone) {
	u.mu.Lock()
	same := u.want == z || u.want != nil && z != nil && u.want.Epoch == z.Epoch
	u.want, u.status.Writing = z, z != nil
	if z == nil {
		u.status.Problem = ""
	}
	u.mu.Unlock()
	if !same {
		u.poke()
	}
}

func (u *Updater) poke() {
	select {
	case u.wake <- struct{}{}:
	default: // it will take the newest anyway
	}
}

// Status returns what was last known.
func (u *Updater) Status() Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.status
}

// After a failure the next try waits, at first and at most; it doubles.
const (
	retryFirst = time.Second
	retryMost  = time.Minute
)

func (u *Updater) run(ctx context.Context) {
	wait, failed := u.cfg.Check, time.Duration(0)
	for {
		timer := time.NewTimer(wait)
		whole := false
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-u.wake:
			timer.Stop()
		case <-timer.C:
			whole = true
		}
		u.mu.Lock()
		want, latest := u.want, u.latest
		u.mu.Unlock()
		wait = u.cfg.Check
		u.compare(latest)
		if want == nil {
			u.unsure = true // another writes now
			continue
		}
		if rest := max(u.cfg.Pause-time.Since(u.written), time.Until(u.quiet)); rest > 0 && !pause(ctx, rest) {
			return
		}
		err := u.sync(ctx, want, whole || u.unsure)
		if ctx.Err() != nil {
			return
		}
		if u.unsure = err != nil; u.unsure {
			failed = min(max(2*failed, retryFirst), retryMost)
			wait = max(failed, busy(err))
			u.quiet = time.Now().Add(busy(err))
		} else {
			failed = 0
		}
		u.told(want, err)
	}
}

// compare notes which sets are not served any more.
func (u *Updater) compare(z *srv.Zone) {
	if z == nil {
		return
	}
	sets, err := wanted(z, u.cfg.Zone)
	if err != nil {
		return // said when it is to be written
	}
	now := make(map[srv.Key]bool, len(sets))
	for _, s := range sets {
		now[s.key] = true
		delete(u.stale, s.key)
	}
	for k := range u.served {
		if !now[k] && len(u.stale) < MaxSets {
			u.stale[k] = true
		}
	}
	u.served = now
}

// told shows how a write went.
func (u *Updater) told(z *srv.Zone, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil {
		if u.status.Problem == "" {
			u.cfg.Logger.Error().Err(err).Str("zone", u.cfg.Zone).Uint64("epoch", z.Epoch).Msg("dynamic update failed; trying again")
		}
		u.status.Problem = err.Error()
		return
	}
	u.status.Problem, u.status.Epoch = "", z.Epoch
}

// sync makes the server say what the zone says. Whole looks at every set;
// otherwise those count whose content is not known to be there.
func (u *Updater) sync(ctx context.Context, z *srv.Zone, whole bool) error {
	before, err := u.server.epoch(ctx)
	if err != nil {
		return err
	}
	if before > z.Epoch {
		return fmt.Errorf("%w: %d, ours is %d", ErrStale, before, z.Epoch)
	}
	sets, err := wanted(z, u.cfg.Zone)
	if err != nil {
		return err
	}
	changes, drift, err := u.differences(ctx, sets, whole)
	if err != nil {
		return err
	}
	if len(changes) > 0 || before != z.Epoch {
		u.written = time.Now()
		if err := u.server.write(ctx, before, z.Epoch, changes); err != nil {
			return err
		}
	}
	for _, c := range changes {
		u.known[c.key] = text(c.records)
		if len(c.records) == 0 {
			delete(u.known, c.key)
		}
	}
	clear(u.stale)
	u.mu.Lock()
	u.status.Written += uint64(len(changes))
	u.status.Drift += uint64(drift)
	u.mu.Unlock()
	if drift > 0 {
		u.cfg.Logger.Warn().Int("sets", drift).Str("zone", u.cfg.Zone).Msg("somebody else changed steered records on the server; they are put right")
	}
	return nil
}

// differences lists the sets to write; those without records are to go.
func (u *Updater) differences(ctx context.Context, sets []rrset, whole bool) (changes []rrset, drift int, err error) {
	has := map[srv.Key]bool{}
	for _, s := range sets {
		has[s.key] = true
		should := text(s.records)
		known, ok := u.known[s.key]
		if ok && known == should && !whole {
			continue
		}
		if !ok || whole {
			there, err := u.server.lookup(ctx, s.key)
			if err != nil {
				return nil, 0, err
			}
			is := text(there)
			if ok && is != known && !u.unsure {
				drift++
			}
			u.known[s.key] = is
			if is == should {
				continue
			}
		}
		changes = append(changes, s)
	}
	for k := range u.stale {
		if _, ok := u.known[k]; ok || has[k] {
			continue
		}
		there, err := u.server.lookup(ctx, k)
		if err != nil {
			return nil, 0, err
		}
		if len(there) > 0 {
			u.known[k] = text(there)
		}
	}
	for k := range u.known {
		if !has[k] {
			changes = append(changes, rrset{key: k})
		}
	}
	slices.SortFunc(changes, func(a, b rrset) int { return a.key.Compare(b.key) })
	return changes, drift, nil
}
