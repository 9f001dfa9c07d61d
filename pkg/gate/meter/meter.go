// Package meter watches who is at a site: which devices are registered, which
// calls are up, who was refused, who moved away and who comes back all the
// same. It learns it from the SIP messages that pass a gate, which it only
// looks at: what it forgets, or does not see, costs a number on a screen and
// never a call.
//
// It knows nothing of sockets and asks no clock; each call brings the time. Its
// memory is bounded whatever strangers send.
package meter

import (
	"cmp"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Config bounds a meter. Zero values mean the defaults.
type Config struct {
	// MaxDevices is how many devices are remembered, at about 300 octets each.
	// Beyond, those that never registered are forgotten first. Default 200000.
	MaxDevices int
	// MaxCalls is how many calls are counted. Default 100000.
	MaxCalls int
	// Settle is how long a device must be silent after a refusal to be taken
	// for moved. It should be longer than Retry-After. Default 15 s.
	Settle time.Duration
	// CallIdle forgets a call of which nothing was heard for so long: its BYE
	// went another way. Default 4 h.
	CallIdle time.Duration
}

// Outcome is what a gate did with a request.
type Outcome uint8

// The outcomes.
const (
	Passed Outcome = iota
	Unavailable
	Redirected
	Silenced
	Closed
)

var outcomeNames = [...]string{Passed: "pass", Unavailable: "503", Redirected: "302", Silenced: "silence", Closed: "close"}

// String returns pass, 503, 302, silence or close.
func (o Outcome) String() string { return outcomeNames[o] }

// shards is a power of two; each has a lock of its own.
const shards = 64

// Meter is safe for use by many goroutines.
type Meter struct {
	cfg   Config
	seed  maphash.Seed
	names names
	all   [shards]shard
	lost  atomic.Uint64 // devices that there was no room for

	mu      sync.Mutex // held for drain, gone and trend
	drain   drain
	gone    map[kind]Share // of drains that have ended
	trend   trend
	current atomic.Pointer[drain]
	staying atomic.Pointer[tenants]
}

// drain is the time in which a gate refuses.
type drain struct {
	number  uint32              // 0: none; devices carry it, so that a new drain counts from zero
	since   time.Time           // when it began
	horizon time.Time           // from then on nobody should hold an old answer; zero: not known
	on      [fleet.WSS + 1]bool // the transports that are refused
	// whom says who is refused of those who use such a transport; nil: everyone.
	whom func(t fleet.Transport, domain string) bool
	told uint32 // counts what the meter was told, for what devices keep of it
}

// counts reports whether the device uses a transport on which anybody is refused;
// while nobody is, all count.
func (d *drain) counts(x *device) bool { return d.since.IsZero() || d.on[x.transport] }

// covers reports whether the device is to move, or was told to. It is called with
// the lock of the device's shard held.
func (d *drain) covers(x *device) bool {
	switch {
	case !d.counts(x):
		return false
	case d.since.IsZero(), d.whom == nil, x.drain == d.number && x.refusals > 0:
		return true
	}
	if x.told != d.told {
		x.told, x.among = d.told, d.whom(x.transport, x.domain)
	}
	return x.among
}

// shard is a part of the devices and calls.
type shard struct {
	mu      sync.Mutex           // held for both maps and what is in them
	devices map[uint64][]*device // those of one address of record; a trunk stands alone
	size    int                  // devices in all
	calls   map[uint64]time.Time // last heard, by a hash of the Call-ID
}

// New makes a meter.
func New(cfg Config) *Meter {
	cfg.MaxDevices = cmp.Or(cfg.MaxDevices, 200000)
	cfg.MaxCalls = cmp.Or(cfg.MaxCalls, 100000)
	cfg.Settle = cmp.Or(cfg.Settle, 15*time.Second)
	cfg.CallIdle = cmp.Or(cfg.CallIdle, 4*time.Hour)
	m := &Meter{cfg: cfg, seed: maphash.MakeSeed(), gone: map[kind]Share{}}
	for i := range m.all {
		m.all[i].devices, m.all[i].calls = map[uint64][]*device{}, map[uint64]time.Time{}
	}
	m.current.Store(&drain{})
	m.staying.Store(&tenants{})
	return m
}

func (m *Meter) shard(key uint64) *shard { return &m.all[key%shards] }

// Draining tells the meter on which transports the gate refuses, if on any, and
// from when on nobody should hold an answer of before (zero: not known). whom says
// whose domains are refused there; nil: all are.
func (m *Meter) Draining(now time.Time, on []fleet.Transport, horizon time.Time, whom func(t fleet.Transport, domain string) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := *m.current.Load()
	switch {
	case len(on) > 0:
		m.drain.horizon, m.drain.on, m.drain.whom = horizon, [fleet.WSS + 1]bool{}, whom
		m.drain.told = before.told + 1
		for _, t := range on {
			m.drain.on[t] = true
		}
		if before.since.IsZero() {
			m.drain.number, m.drain.since = before.number+1, now
		}
	case !before.since.IsZero():
		for k, n := range m.shares(now, before) {
			m.gone[k] = m.gone[k].plus(n)
		}
		m.drain = drain{number: before.number, told: before.told}
	}
	next := m.drain
	m.current.Store(&next)
	if next.since != before.since {
		m.trend = trend{}
	}
}

// Sweep forgets what has run out, and looks which tenants still have somebody
// here. It is called about once a second.
func (m *Meter) Sweep(now time.Time) {
	d := *m.current.Load()
	seen, left := tenants{}, 0
	for i := range m.all {
		s := &m.all[i]
		s.mu.Lock()
		s.forget(now, d)
		for _, same := range s.devices {
			for _, x := range same {
				if !x.registered || !d.covers(x) {
					continue
				}
				here := x.standing(now, d, m.cfg.Settle).left()
				seen[x.domain] = seen[x.domain] || here
				if here {
					left++
				}
			}
		}
		for key, last := range s.calls {
			if now.Sub(last) > m.cfg.CallIdle {
				delete(s.calls, key)
			}
		}
		s.mu.Unlock()
	}
	m.staying.Store(&seen)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trend.add(now, left)
}

// tenants says of each domain that registered here whether somebody of it is
// still here.
type tenants map[string]bool

// Moved reports whether a tenant was seen here and nobody of it is left. A
// tenant of which nothing is known has not moved.
func (m *Meter) Moved(domain []byte) bool {
	var buf [maxName]byte
	left, known := (*m.staying.Load())[string(lowered(buf[:0], domain))]
	return known && !left
}

// Calls is how many calls are up, as far as they were seen.
func (m *Meter) Calls() int {
	n := 0
	for i := range m.all {
		s := &m.all[i]
		s.mu.Lock()
		n += len(s.calls)
		s.mu.Unlock()
	}
	return n
}
