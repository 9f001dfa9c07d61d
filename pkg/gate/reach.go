package gate

import (
	"net/netip"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// brokenFor is how long a softswitch that could not be reached is not tried
// again by any phone: a storm must not make a connection attempt for each
// request, and no phone should wait for a time-out that another one has just
// waited for.
const brokenFor = time.Second

// complainEvery is how often the operator is told of the same softswitch.
const complainEvery = 30 * time.Second

// reach remembers which softswitches could not be reached just now.
type reach struct {
	log zerolog.Logger

	mu     sync.Mutex // held for the map
	broken map[hop]*failure
}

// hop is a softswitch's listener.
type hop struct {
	transport fleet.Transport
	addr      netip.AddrPort
}

type failure struct {
	until      time.Time // it is tried again then
	complained time.Time
	since      int // failures that were not logged
}

func newReach(log zerolog.Logger) *reach {
	return &reach{log: log, broken: map[hop]*failure{}}
}

// worthTrying reports whether the softswitch may be dialled now.
func (r *reach) worthTrying(h hop, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.broken[h]
	return f == nil || !now.Before(f.until)
}

func (r *reach) failed(h hop, now time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.broken[h]
	if f == nil {
		f = &failure{}
		r.broken[h] = f
	}
	f.until = now.Add(brokenFor)
	f.since++
	if now.Sub(f.complained) < complainEvery {
		return
	}
	r.log.Warn().Err(err).Str("transport", h.transport.String()).Str("switch", h.addr.String()).Int("failures", f.since).
		Msg("cannot reach the softswitch; requests are refused")
	f.complained, f.since = now, 0
}

func (r *reach) reached(h hop) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken[h] != nil {
		delete(r.broken, h)
		r.log.Info().Str("transport", h.transport.String()).Str("switch", h.addr.String()).Msg("softswitch reached again")
	}
}
