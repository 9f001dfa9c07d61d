package sim

import (
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// maxTries bounds how many targets a device goes through at one time.
const maxTries = 8

const nowhere = -1

// group is a number of phones that behave alike. Their places in the list of
// all phones follow each other.
type group struct {
	Phones
	b         behaviour
	transport fleet.Transport
	key       int // what those without a tenant ask DNS
	// tenantKeys are what those of each tenant ask.
	tenantKeys []int32
	first      int
	count      int
	pinned     int8
	settle     time.Duration // how long after a change nothing new can come
	flood      int

	at     []int32 // how many are registered at each site
	absent int32   // registered nowhere
}

// phone is one device.
type phone struct {
	next     time.Duration // when it asks again; while parked, its next refresh
	ok       time.Duration // when it was last accepted
	period   time.Duration
	group    int32
	key      int32 // what it asks DNS
	resolver int32
	flow     uint32 // the life of the site's connections that its own belongs to
	site     int8   // where it is registered, or nowhere
	pos, n   uint8  // in tries: which one is asked now, and how many
	parked   bool
	booted   bool
	tries    [maxTries]int8
}

func (w *World) buildPhones() {
	firstOf := map[string][2]int{}
	for _, r := range w.sc.Resolvers {
		firstOf[r.Name] = [2]int{len(w.resolvers), r.Count}
		for range r.Count {
			w.resolvers = append(w.resolvers, resolver{
				cache: make([]cached, len(w.names.keys)), minTTL: r.MinTTL.D(), noStale: r.NoStale,
			})
		}
	}
	for gi, def := range w.sc.Phones {
		b, _ := def.Kind.behaviour() // validated
		g := group{Phones: def, b: b, transport: def.Transport, first: len(w.phones), count: def.Count, at: make([]int32, len(w.sites))}
		g.key = w.key(def.Service, def.Transport)
		if b.lookup == addressOnly {
			g.key = w.key(def.Service, 0)
		}
		if b.lookup == never {
			g.pinned = int8(w.siteIndex(def.Site))
		}
		g.tenantKeys = w.tenantKeys(gi, g.key)
		g.absent = int32(g.count)
		svc := w.fleet.Service(def.Service)
		minTTL := w.resolvers[firstOf[def.Resolvers][0]].minTTL
		g.settle = def.Register.D() + max(minTTL, w.fleet.ServiceTTL(svc).Normal.D())
		pool := firstOf[def.Resolvers]
		for n := range def.Count {
			p := phone{group: int32(gi), site: nowhere, resolver: int32(pool[0] + w.rnd.IntN(pool[1])), key: g.keyOf(n)}
			p.period = w.between(def.Register.D()*8/10, def.Register.D())
			if b.lookup == eachTime || b.lookup == addressOnly {
				w.resolvers[p.resolver].cache[p.key].rate += 1 / p.period.Seconds()
			}
			p.ok = -def.Register.D()
			w.phones = append(w.phones, p)
		}
		w.groups = append(w.groups, g)
	}
	for i := range w.phones {
		w.settleIn(i)
	}
	for i := range w.resolvers { // which asked at any time before
		for k := range w.resolvers[i].cache {
			c := &w.resolvers[i].cache[k]
			c.until = w.jitter(c.until)
		}
	}
}

// settleIn registers a phone before the first second, as if it had been there
// for long: where its answers send it, with its next refresh at any time.
func (w *World) settleIn(i int) {
	p := &w.phones[i]
	g := &w.groups[p.group]
	if !w.targets(p, g) {
		w.schedule(i, w.jitter(p.period))
		return
	}
	w.enter(p, g, p.tries[0])
	p.pos, p.booted = 0, true
	p.ok = -w.jitter(p.period)
	w.schedule(i, p.ok+p.period)
}

func (w *World) schedule(i int, at time.Duration) {
	p := &w.phones[i]
	w.unpark(p)
	p.next = at
	w.q.add(at, evPhone, i)
}

// phoneEvent: a phone asks, unless it was told meanwhile to ask at another
// time.
func (w *World) phoneEvent(i int) {
	p := &w.phones[i]
	if p.next != w.now || p.parked {
		return
	}
	g := &w.groups[p.group]
	if p.pos == 0 && !w.targets(p, g) {
		w.backOff(i, w.between(backOffMin, backOffMax))
		return
	}
	for p.pos < p.n {
		to := p.tries[p.pos]
		fresh := p.site != to || p.flow != w.sites[to].flows[g.transport]
		m := register
		if g.b.noBinding {
			m = options
		}
		r := w.request(int(to), g.transport, m, fresh && g.transport.Stream(), p.key)
		if r == accepted || r == late {
			w.accepted(i, to)
			return
		}
		w.meter.failures[r]++
		if wait, goesOn := w.react(g, r); !goesOn {
			w.backOff(i, wait)
			return
		} else if p.pos++; wait > 0 {
			w.expire(p, g)
			if p.pos == p.n {
				p.pos, p.n = 0, 0
				wait += w.between(backOffMin, backOffMax)
			}
			w.schedule(i, w.now+wait)
			return
		}
	}
	w.backOff(i, w.between(backOffMin, backOffMax))
}

// react says how long the failure of a target takes, and whether the device
// then goes on to the next one.
func (w *World) react(g *group, r reply) (wait time.Duration, goesOn bool) {
	again := w.between(backOffMin, backOffMax)
	switch r {
	case refused:
		policy := w.fleet.Policy
		switch g.b.on503 {
		case next:
			return 0, true
		case waits:
			return w.between(time.Duration(policy.RetryAfterMin)*time.Second, time.Duration(policy.RetryAfterMax+1)*time.Second), true
		}
	case reset, badCert:
		if g.b.onSilence == next || g.b.notices > 0 {
			return 0, true
		}
	case silent:
		if g.b.onSilence == next {
			return timerF, true
		}
		return timerF + again, false
	case failed:
		return after500, false
	}
	return again, false
}

// backOff gives up for now.
func (w *World) backOff(i int, wait time.Duration) {
	p := &w.phones[i]
	w.expire(p, &w.groups[p.group])
	p.pos, p.n = 0, 0
	w.schedule(i, w.now+wait)
}

// expire forgets a registration that was not refreshed in time.
func (w *World) expire(p *phone, g *group) {
	if p.site != nowhere && w.now-p.ok > g.Register.D() {
		w.leave(p, g)
	}
}

func (w *World) leave(p *phone, g *group) {
	if p.site == nowhere {
		return
	}
	g.at[p.site]--
	g.absent++
	if !g.b.noBinding {
		w.sites[p.site].load.bindings--
	}
	p.site = nowhere
}

func (w *World) enter(p *phone, g *group, to int8) {
	if p.site == to {
		return
	}
	w.leave(p, g)
	g.at[to]++
	g.absent--
	if !g.b.noBinding {
		w.sites[to].load.bindings++
	}
	p.site = to
}

// accepted: registered, until the next refresh.
func (w *World) accepted(i int, to int8) {
	p := &w.phones[i]
	g := &w.groups[p.group]
	if p.site != to && p.site != nowhere {
		w.meter.moved++
	}
	w.enter(p, g, to)
	p.flow = w.sites[to].flows[g.transport]
	first := p.pos == 0
	if g.b.lookup == onceAtBoot && g.b.remembers {
		rotate(p.tries[:p.n], int(p.pos))
	}
	p.ok, p.pos, p.booted = w.now, 0, true
	if first && w.calm(g, p) {
		w.park(p, g)
		return
	}
	w.schedule(i, w.now+p.period)
}

func rotate(s []int8, by int) {
	var copied [maxTries]int8
	n := copy(copied[:], s)
	for i := range n {
		s[i] = copied[(i+by)%n]
	}
}

// targets fills in the sites to try, in order. False when DNS gives none.
func (w *World) targets(p *phone, g *group) bool {
	switch {
	case g.b.lookup == never:
		p.tries[0], p.n = g.pinned, 1
		return true
	case g.b.lookup == onceAtBoot && p.booted && p.n > 0:
		return true
	}
	a := w.resolve(&w.resolvers[p.resolver], int(p.key))
	if a == nil {
		return false
	}
	p.n = 0
	if a.choice {
		for _, t := range srv.Order(a.targets, w.rnd) {
			p.add(int8(w.names.hosts[t.Target]))
		}
	} else {
		for _, s := range a.order {
			p.add(s)
		}
	}
	if g.b.remembers && p.site != nowhere {
		for k := range p.n {
			if p.tries[k] == p.site {
				copy(p.tries[1:k+1], p.tries[:k])
				p.tries[0] = p.site
			}
		}
	}
	return p.n > 0
}

func (p *phone) add(s int8) {
	if int(p.n) < maxTries {
		p.tries[p.n] = s
		p.n++
	}
}
