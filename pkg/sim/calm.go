package sim

import "time"

// A registered phone asks again and again and is told the same, until
// something changes. Such a phone is parked: it costs no event, and counts in
// its site's load by its rate. When anything changes that a phone could feel,
// all are woken at the refresh that would have been next.

// calm reports whether a phone that was just accepted at its first target will
// be told the same until something changes.
func (w *World) calm(g *group, p *phone) bool {
	if w.now-w.changedAt < g.settle || w.sites[p.site].load.collapse || g.flood > 0 {
		return false
	}
	if g.b.lookup == eachTime {
		a := w.resolvers[p.resolver].cache[p.key].answer
		return a != nil && !a.choice
	}
	return true
}

func (w *World) park(p *phone, g *group) {
	p.parked, p.next = true, w.now+p.period
	w.parked++
	if !g.b.noBinding {
		w.sites[p.site].load.steady += 1 / p.period.Seconds()
	}
}

func (w *World) unpark(p *phone) {
	if !p.parked {
		return
	}
	p.parked = false
	w.parked--
	if !w.groups[p.group].b.noBinding {
		w.sites[p.site].load.steady -= 1 / p.period.Seconds()
	}
}

func (w *World) wakeAll() {
	w.warmCaches()
	for i := range w.phones {
		p := &w.phones[i]
		if !p.parked {
			continue
		}
		at := p.next
		if behind := w.now - at; behind >= 0 {
			at += (behind/p.period + 1) * p.period
		}
		w.unpark(p)
		p.ok, p.next = at-p.period, at
		w.q.add(at, evPhone, i)
	}
	for i := range w.sites {
		w.sites[i].load.steady = 0 // what is left is rounding
	}
}

// warmCaches gives the resolvers what the parked phones would have made them
// ask meanwhile: each answer is as old as it happens to be, or has just run out
// and was not asked for again yet.
func (w *World) warmCaches() {
	for i := range w.resolvers {
		r := &w.resolvers[i]
		for k := range r.cache {
			c := &r.cache[k]
			if c.answer == nil || c.rate == 0 || c.until > w.now {
				continue
			}
			gap := time.Duration(float64(time.Second) / c.rate)
			c.until = w.now - gap + w.jitter(max(c.answer.ttl, r.minTTL)+gap)
		}
	}
}
