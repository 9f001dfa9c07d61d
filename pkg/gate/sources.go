package gate

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// sourceSlots bounds what is remembered of sources, whatever addresses are
// forged; a power of two.
const sourceSlots = 1 << 14

// sourceLimit bounds what begins something new from one address (one /64 with
// IPv6) by a leaky bucket that holds a second's worth. Two sources may share a
// place; then they share the limit.
type sourceLimit struct {
	every  int64 // nanoseconds for one request; 0: no limit
	exempt []netip.Prefix
	slots  [sourceSlots]sourceSlot
	log    zerolog.Logger

	mu        sync.Mutex // held for offenders
	offenders map[netip.Addr]*Offender
}

type sourceSlot struct {
	key atomic.Uint64
	tat atomic.Int64 // when the bucket is empty, in Unix nanoseconds
}

// Offender is a source that sent more than it may.
type Offender struct {
	Source  netip.Addr
	Dropped uint64
	First   time.Time
	Last    time.Time

	told time.Time
}

// maxOffenders bounds the list. When it is full the one that was quiet for the
// longest is dropped from it.
const maxOffenders = 64

func newSourceLimit(perSecond int, exempt []netip.Prefix, log zerolog.Logger) *sourceLimit {
	s := &sourceLimit{exempt: exempt, log: log, offenders: map[netip.Addr]*Offender{}}
	if perSecond > 0 {
		s.every = int64(time.Second) / int64(perSecond)
	}
	return s
}

// allow reports whether the source may begin something new, and counts it.
func (s *sourceLimit) allow(addr netip.Addr, now time.Time) bool {
	if s.every == 0 || s.free(addr) {
		return true
	}
	slot, at := s.slot(addr, now.UnixNano()), now.UnixNano()
	for {
		tat := slot.tat.Load()
		next := max(tat, at) + s.every
		if next-at > int64(time.Second) {
			s.blame(addr, now)
			return false
		}
		if slot.tat.CompareAndSwap(tat, next) {
			return true
		}
	}
}

// free reports whether the source is not limited. Loopback is this machine.
func (s *sourceLimit) free(addr netip.Addr) bool {
	if addr.IsLoopback() {
		return true
	}
	for _, p := range s.exempt {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// slot finds the place of a source among four, taking one whose bucket is empty.
func (s *sourceLimit) slot(addr netip.Addr, at int64) *sourceSlot {
	key := sourceKey(addr)
	first := &s.slots[key%sourceSlots]
	for i := range uint64(4) {
		x := &s.slots[(key+i)%sourceSlots]
		have := x.key.Load()
		if have == key || (have == 0 || x.tat.Load() < at) && x.key.CompareAndSwap(have, key) {
			return x
		}
	}
	return first
}

func sourceKey(addr netip.Addr) uint64 {
	addr = addr.Unmap()
	var n uint64
	if addr.Is4() {
		b := addr.As4()
		n = uint64(binary.BigEndian.Uint32(b[:])) | 1<<32
	} else {
		b := addr.As16()
		n = binary.BigEndian.Uint64(b[:8])
	}
	n ^= n >> 31 // spreads neighbours; nothing depends on its quality
	n *= 0x9e3779b97f4a7c15
	return n ^ n>>29 | 1
}

// blame counts what was dropped and names the source, now and then.
func (s *sourceLimit) blame(addr netip.Addr, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.offenders[addr]
	if o == nil {
		if len(s.offenders) >= maxOffenders {
			s.forgetOffender()
		}
		o = &Offender{Source: addr, First: now}
		s.offenders[addr] = o
	}
	o.Dropped++
	o.Last = now
	if now.Sub(o.told) >= complainEvery {
		o.told = now
		s.log.Warn().Str("source", addr.String()).Uint64("dropped", o.Dropped).Msg("a source sends more than it may; the rest is dropped")
	}
}

func (s *sourceLimit) forgetOffender() {
	var quiet *Offender
	for _, o := range s.offenders {
		if quiet == nil || o.Last.Before(quiet.Last) {
			quiet = o
		}
	}
	delete(s.offenders, quiet.Source)
}

// list names the offenders, the worst first.
func (s *sourceLimit) list() []Offender {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Offender
	for _, o := range s.offenders {
		out = append(out, *o)
	}
	slices.SortFunc(out, func(a, b Offender) int {
		return cmp.Or(cmp.Compare(b.Dropped, a.Dropped), a.Source.Compare(b.Source))
	})
	return out
}
