package gate

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// Quarantined is a source whose new work is dropped in silence, also while the
// site is open: a device that has gone mad, or somebody who looks for holes. Its
// calls that are up go on, and its emergency calls pass.
type Quarantined struct {
	Prefix netip.Prefix
	// Until is when it ends by itself, whether a new policy comes or not.
	Until time.Time
}

// QuarantineReport is what became of a source in quarantine.
type QuarantineReport struct {
	Quarantined
	Dropped uint64
	Last    time.Time // zero: nothing came yet
}

// jail is what the packet path asks. Single addresses are looked up, networks are
// gone through.
type jail struct {
	single   map[netip.Addr]*prisoner
	networks []*prisoner
}

type prisoner struct {
	Quarantined
	until int64 // Unix nanoseconds
	count *jailCount
}

// jailCount lives on from one policy to the next.
type jailCount struct {
	dropped atomic.Uint64
	last    atomic.Int64 // Unix nanoseconds
}

// jailCounts are those of the sources in quarantine now.
type jailCounts struct {
	mu sync.Mutex // held for the map
	of map[netip.Prefix]*jailCount
}

// prepare makes the sources of a policy ready for the packet path. It returns nil
// when there are none.
func (c *jailCounts) prepare(all []Quarantined) *jail {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := map[netip.Prefix]*jailCount{}
	j := &jail{single: map[netip.Addr]*prisoner{}}
	for _, q := range all {
		if !q.Prefix.IsValid() {
			continue
		}
		q.Prefix = q.Prefix.Masked()
		count := c.of[q.Prefix]
		if count == nil {
			count = &jailCount{}
		}
		kept[q.Prefix] = count
		p := &prisoner{q, q.Until.UnixNano(), count}
		if q.Prefix.IsSingleIP() {
			j.single[q.Prefix.Addr()] = p
		} else {
			j.networks = append(j.networks, p)
		}
	}
	c.of = kept
	if len(kept) == 0 {
		return nil
	}
	return j
}

// holds returns the one that a source is, or nil.
func (j *jail) holds(src netip.Addr, now int64) *prisoner {
	if p := j.single[src]; p != nil && now < p.until {
		return p
	}
	for _, p := range j.networks {
		if now < p.until && p.Prefix.Contains(src) {
			return p
		}
	}
	return nil
}

// quarantined reports whether the request is new work of a source in quarantine,
// or one that cannot be read, and counts it.
func (w *worker) quarantined(rs *ruleset, fault sipwire.Fault, src netip.Addr) bool {
	if rs.jail == nil {
		return false
	}
	p := rs.jail.holds(src, w.now.UnixNano())
	if p == nil || fault == sipwire.None && !rs.newWork(&w.m) {
		return false
	}
	p.count.dropped.Add(1)
	p.count.last.Store(w.now.UnixNano())
	return true
}

// newWork reports whether a request begins something that is neither a call that
// is up nor one for help.
func (rs *ruleset) newWork(m *sipwire.Message) bool {
	switch {
	case m.Is("REGISTER"):
		return true
	case m.To().Tag != nil, m.Is("ACK"), m.Is("CANCEL"):
		return false
	case m.Is("INVITE"):
		return !rs.emergencyURI(m.URI())
	}
	return true
}

// quarantine tells what became of the sources in quarantine, the busiest first.
func (rs *ruleset) quarantine() []QuarantineReport {
	if rs.jail == nil {
		return nil
	}
	var out []QuarantineReport
	add := func(p *prisoner) {
		r := QuarantineReport{Quarantined: p.Quarantined, Dropped: p.count.dropped.Load()}
		if at := p.count.last.Load(); at != 0 {
			r.Last = time.Unix(0, at)
		}
		out = append(out, r)
	}
	for _, p := range rs.jail.single {
		add(p)
	}
	for _, p := range rs.jail.networks {
		add(p)
	}
	slices.SortFunc(out, func(a, b QuarantineReport) int {
		if a.Dropped != b.Dropped {
			return int(min(b.Dropped, 1<<30)) - int(min(a.Dropped, 1<<30))
		}
		return a.Prefix.Addr().Compare(b.Prefix.Addr())
	})
	return out
}
