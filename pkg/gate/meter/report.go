package meter

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Report is what the drain meter shows.
type Report struct {
	// Since is when the gate began to refuse; zero while it is open.
	Since time.Time
	// Horizon is from when on nobody should hold an old answer of the name
	// servers; zero when that is not known.
	Horizon time.Time
	// Left is how many registered devices are still to move: those that were
	// not refused yet, and those that were and are not silent yet.
	Left, Untold, Told int
	// Moved were refused and are silent since, or back in the rhythm of their
	// refreshes. Stuck were refused, come back sooner, and have no registration
	// here any more: likely none anywhere. Lapsed went without being refused.
	Moved, Stuck, Lapsed int
	// Strangers are refused devices and peers that never registered here.
	Strangers int
	// Unlisted is how many devices there was no room for.
	Unlisted uint64
	// Calls are up, as far as they were seen.
	Calls int
	// Finish is when nobody should be left: at the speed of the last minute,
	// and not after the last registration runs out. Zero when nobody is left.
	Finish time.Time
	// Tenants are the domains with most devices left, at most 20.
	Tenants []Tenant
	// Domains are all that have devices left, most first; while only some domains
	// are refused, also those that stay.
	Domains []Tenant
	// Shares say how well each answer moves each family of devices, with the
	// drains before this one.
	Shares []Share
	// Stragglers is how many there are.
	Stragglers int
}

// Tenant is a domain with devices that are still here.
type Tenant struct {
	Domain string
	Left   int
}

// kind is what a Share is of.
type kind struct {
	Family string
	Answer Outcome
}

// Share says how many devices of a family an answer has moved.
type Share struct {
	Family         string
	Answer         Outcome
	Refused, Moved int // devices
}

func (s Share) plus(o Share) Share {
	return Share{o.Family, o.Answer, s.Refused + o.Refused, s.Moved + o.Moved}
}

// gone is the counter of those whose registration here is over.
func (r *Report) gone(s standing) *int {
	switch s {
	case moved:
		return &r.Moved
	case stuck:
		return &r.Stuck
	}
	return &r.Lapsed
}

const maxTenants = 20

// Report counts. It takes time in proportion to the devices.
func (m *Meter) Report(now time.Time) Report {
	d := *m.current.Load()
	r := Report{Since: d.since, Horizon: d.horizon, Unlisted: m.lost.Load(), Calls: m.Calls()}
	tenants, domains := map[string]int{}, map[string]int{}
	var last time.Time
	m.each(func(x *device) {
		if x.registered && d.counts(x) && x.standing(now, d, m.cfg.Settle).left() {
			domains[x.domain]++
		}
		if !d.covers(x) {
			return
		}
		if !x.registered {
			if x.drain == d.number && x.refusals > 0 && !d.since.IsZero() {
				r.Strangers++
			}
		} else if s := x.standing(now, d, m.cfg.Settle); s.left() {
			r.Left++
			tenants[x.domain]++
			if x.expires.After(last) {
				last = x.expires
			}
			if s == staying {
				r.Untold++
			} else {
				r.Told++
			}
		} else {
			*r.gone(s)++
		}
		if x.straggles(now, d, m.cfg.Settle) {
			r.Stragglers++
		}
	})
	r.Domains, r.Tenants = mostFirst(domains), mostFirst(tenants)
	r.Tenants = r.Tenants[:min(len(r.Tenants), maxTenants)]
	m.mu.Lock()
	defer m.mu.Unlock()
	if !d.since.IsZero() && r.Left > 0 {
		r.Finish = m.trend.finish(now, r.Left, last)
	}
	r.Shares = m.sharesNow(now, d)
	return r
}

func mostFirst(left map[string]int) []Tenant {
	out := make([]Tenant, 0, len(left))
	for domain, n := range left { // any order: sorted below
		out = append(out, Tenant{domain, n})
	}
	slices.SortFunc(out, func(a, b Tenant) int {
		return cmp.Or(cmp.Compare(b.Left, a.Left), cmp.Compare(a.Domain, b.Domain))
	})
	return out
}

// Registered returns those of the addresses of record (user@domain) that are
// registered here and were not refused since.
func (m *Meter) Registered(now time.Time, aors []string) []string {
	asked := make(map[string]bool, len(aors))
	for _, a := range aors {
		asked[a] = true
	}
	d := *m.current.Load()
	found := map[string]bool{}
	m.each(func(x *device) {
		if asked[x.aor] && x.registered && x.standing(now, d, m.cfg.Settle) == staying {
			found[x.aor] = true
		}
	})
	return slices.Sorted(maps.Keys(found))
}

// each calls f for every device, with its shard held.
func (m *Meter) each(f func(*device)) {
	for i := range m.all {
		s := &m.all[i]
		s.mu.Lock()
		for _, same := range s.devices {
			for _, x := range same {
				f(x)
			}
		}
		s.mu.Unlock()
	}
}

// shares counts the devices that were refused in a drain. One that was told
// just now counts for neither side yet.
func (m *Meter) shares(now time.Time, d drain) map[kind]Share {
	out := map[kind]Share{}
	m.each(func(x *device) {
		if x.drain != d.number || x.refusals == 0 || d.since.IsZero() {
			return
		}
		s := x.standing(now, d, m.cfg.Settle)
		if (s == telling || s == stuck) && x.refusals == 1 {
			return
		}
		k := kind{x.family, x.outcome}
		n := Share{Family: x.family, Answer: x.outcome, Refused: 1}
		if s == moved {
			n.Moved = 1
		}
		out[k] = out[k].plus(n)
	})
	return out
}

// sharesNow adds what earlier drains have shown. It is called with mu held.
func (m *Meter) sharesNow(now time.Time, d drain) []Share {
	sum := m.shares(now, d)
	for k, n := range m.gone {
		sum[k] = sum[k].plus(n)
	}
	return slices.SortedFunc(maps.Values(sum), func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Refused, a.Refused), cmp.Compare(a.Family, b.Family), cmp.Compare(a.Answer, b.Answer))
	})
}

// trend is how many were left, once a sweep, for the last minute.
type trend struct {
	at   [60]time.Time
	left [60]int
	next int
}

func (t *trend) add(now time.Time, left int) {
	t.at[t.next%len(t.at)], t.left[t.next%len(t.at)] = now, left
	t.next++
}

// finish extrapolates. It is not after last, when the last registration of those
// who are left runs out: until then each must have asked for a refresh.
func (t *trend) finish(now time.Time, left int, last time.Time) time.Time {
	oldest := max(t.next-len(t.at), 0)
	if t.next-oldest < 2 {
		return last
	}
	i := oldest % len(t.at)
	went, took := t.left[i]-left, now.Sub(t.at[i])
	if went <= 0 {
		return last
	}
	end := now.Add(time.Duration(float64(took) * float64(left) / float64(went)))
	if end.After(last) {
		return last
	}
	return end
}
