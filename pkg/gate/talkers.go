package gate

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

const (
	// talkerSets times talkerWays is how many sources are told apart in one
	// window; both are powers of two. The table takes 136 KiB.
	talkerSets = 1 << 10
	talkerWays = 4
	// talkerWindow is the time over which a source's requests are counted, where
	// the policy names none.
	talkerWindow = rateSpan * time.Second
)

// SourceRate is what one source began in the last full window, by default of ten
// seconds: requests outside of calls that are up, those for help left out, and what
// cannot be read. Emergency calls therefore never make a source stand out.
type SourceRate struct {
	Prefix    netip.Prefix // an address; with IPv6 its /64
	PerSecond float64      // never above the truth
}

// talkers counts by source in a table of fixed size, whatever addresses are
// forged. Each set of the table keeps its busiest sources as the space-saving
// algorithm does: a stranger takes the place of the least and its count, which
// is remembered as what the stranger may have too much. What is reported is
// without that, so that nobody is blamed for what others sent.
type talkers struct {
	seed uint64 // strangers do not know which set is theirs
	sets [talkerSets]talkerSet

	mu     sync.Mutex // held for all below
	began  time.Time  // the window that is counted now
	ended  time.Time  // the one before
	window []SourceRate
}

type talkerSet struct {
	mu   sync.Mutex
	ways [talkerWays]talker
}

type talker struct {
	src         netip.Addr
	count, over uint32
}

func newTalkers() *talkers { return &talkers{seed: rand.Uint64()} }

// add counts a request of a source.
func (t *talkers) add(src netip.Addr) {
	src = sourceOf(src)
	s := &t.sets[(sourceKey(src)^t.seed)*0x9e3779b97f4a7c15>>32%talkerSets]
	s.mu.Lock()
	defer s.mu.Unlock()
	least := &s.ways[0]
	for i := range s.ways {
		w := &s.ways[i]
		if w.src == src {
			w.count++
			return
		}
		if w.count < least.count {
			least = w
		}
	}
	*least = talker{src: src, count: least.count + 1, over: least.count}
}

// sourceOf is what counts as one source: an address, with IPv6 its /64.
func sourceOf(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a
	}
	b := a.As16()
	clear(b[8:])
	return netip.AddrFrom16(b)
}

// roll ends the window when its time is over.
func (t *talkers) roll(now time.Time, window time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	span := now.Sub(t.began)
	if t.began.IsZero() || span < 0 {
		t.began = now
		return
	}
	if span < cmp.Or(window, talkerWindow) {
		return
	}
	t.began, t.ended, t.window = now, now, nil
	for i := range t.sets {
		for _, w := range t.sets[i].take() {
			if n := w.count - w.over; n > 0 {
				t.window = append(t.window, SourceRate{prefixOf(w.src), float64(n) / span.Seconds()})
			}
		}
	}
	slices.SortFunc(t.window, func(a, b SourceRate) int {
		return cmp.Or(cmp.Compare(b.PerSecond, a.PerSecond), a.Prefix.Addr().Compare(b.Prefix.Addr()))
	})
}

// take empties the set.
func (s *talkerSet) take() [talkerWays]talker {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.ways
	s.ways = [talkerWays]talker{}
	return out
}

func prefixOf(src netip.Addr) netip.Prefix {
	if src.Is4() {
		return netip.PrefixFrom(src, 32)
	}
	return netip.PrefixFrom(src, 64)
}

// last is the last full window, the busiest source first, without those that
// are exempt, and when it ended. Nobody changes it.
func (t *talkers) last(exempt []netip.Prefix) ([]SourceRate, time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(exempt) == 0 {
		return t.window, t.ended
	}
	return slices.DeleteFunc(slices.Clone(t.window), func(r SourceRate) bool {
		return slices.ContainsFunc(exempt, func(p netip.Prefix) bool { return p.Contains(r.Prefix.Addr()) })
	}), t.ended
}

// heard counts new work, and what cannot be read, against its source.
func (w *worker) heard(rs *ruleset, fault sipwire.Fault, src netip.Addr) {
	if fault != sipwire.None || rs.newWork(&w.m) {
		w.talkers.add(src)
	}
}
