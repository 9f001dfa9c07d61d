package steer

import (
	"iter"
	"slices"
	"sort"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// view answers questions about one State quickly. It is built for one call and
// thrown away.
type view struct {
	*State
	*layout
	sites []siteView // as in the fleet file
	// What follows is made when it is first needed, and holds for the State as
	// it was then.
	carried  map[fleet.SiteID]SiteLoad
	known    map[*fleet.Service]*serviceView
	tenants  map[fleet.ServiceID]int
	everyone []fleet.Cohort // the one part of most services
	apart    bool           // any intent is not about everyone
	away     []fleet.SiteID // from which anything is taken away
	stays    []stay         // buffers of staysOf
	rests    []*Standing
	free     *serviceView // that nobody looks at any more
	// Most questions are about the service of the one before.
	lastService *fleet.Service
	lastView    *serviceView
	lastOf      *fleet.Service
}

// layout is where the sites and services stand in a fleet.
type layout struct {
	sited    map[fleet.SiteID]int
	services map[fleet.ServiceID]*fleet.Service
	orders   map[*fleet.Service][]int // its sites, in order of preference
}

func newLayout(f *fleet.Fleet) *layout {
	l := &layout{sited: make(map[fleet.SiteID]int, len(f.Sites)), orders: make(map[*fleet.Service][]int, len(f.Services))}
	for i := range f.Sites {
		l.sited[f.Sites[i].Name] = i
	}
	return l
}

// order returns where the sites of a service stand in the fleet; -1 for one that
// it does not have.
func (l *layout) order(svc *fleet.Service) []int {
	if order := l.orders[svc]; order != nil {
		return order
	}
	order := make([]int, len(svc.Sites))
	for i, id := range svc.Sites {
		order[i] = -1
		if n, ok := l.sited[id]; ok {
			order[i] = n
		}
	}
	l.orders[svc] = order
	return order
}

// service is Fleet.Service, quickly.
func (v *view) service(id fleet.ServiceID) *fleet.Service {
	if v.lastService != nil && v.lastService.Name == id {
		return v.lastService
	}
	if v.services == nil {
		v.services = make(map[fleet.ServiceID]*fleet.Service, len(v.Fleet.Services))
		for i := range v.Fleet.Services {
			v.services[v.Fleet.Services[i].Name] = &v.Fleet.Services[i]
		}
	}
	v.lastService = v.services[id]
	return v.lastService
}

func newView(s *State) *view { return (*view)(nil).next(s) }

// next is a view of a State that follows the one of v. What is the same in both
// is not worked out again.
func (v *view) next(s *State) *view {
	n := &view{State: s}
	if s.Fleet == nil {
		return n
	}
	if v == nil || v.Fleet != s.Fleet {
		n.layout = newLayout(s.Fleet)
	} else {
		n.layout = v.layout
	}
	if v != nil && v.Fleet == s.Fleet && shared(v.Verdicts, s.Verdicts) && shared(v.Drains, s.Drains) {
		n.sites = v.sites
		return n
	}
	n.sites = make([]siteView, len(s.Fleet.Sites))
	for i := range n.sites {
		n.sites[i].see(s, &s.Fleet.Sites[i])
	}
	return n
}

// site is what is known of a site; nil for one that the fleet does not have.
func (v *view) site(id fleet.SiteID) *siteView {
	if v.layout == nil {
		return nil
	}
	if i, ok := v.sited[id]; ok {
		return &v.sites[i]
	}
	return nil
}

// siteView is what is known of a site, by transport.
type siteView struct {
	drained  bool // any drain is about the site
	serves   [int(fleet.WSS) + 1]bool
	status   [int(fleet.WSS) + 1]health.Status
	verdicts []health.Verdict // of the site's checks
}

// see finds what is known of a site.
func (sv *siteView) see(s *State, site *fleet.Site) {
	sv.drained = slices.ContainsFunc(s.Drains, func(d Drain) bool { return d.Site == site.Name })
	sv.verdicts = verdictsOf(s.Verdicts, site.Name)
	for _, t := range fleet.Transports {
		if sv.serves[t] = site.Serves(t); sv.serves[t] {
			sv.status[t] = sv.combined(site, t)
		}
	}
}

// combined: a transport of a site is down when it is down at every softswitch
// that has it, and up when it is up at any.
func (sv *siteView) combined(site *fleet.Site, t fleet.Transport) health.Status {
	down, n := 0, 0
	for i := range site.Softswitches {
		sw := &site.Softswitches[i]
		if !slices.ContainsFunc(sw.Listeners, func(l fleet.Listener) bool { return l.Transport == t }) {
			continue
		}
		n++
		switch sv.target(sw.Name, t) {
		case health.Up:
			return health.Up
		case health.Down:
			down++
		}
	}
	if n > 0 && down == n {
		return health.Down
	}
	return health.Unknown
}

// target combines several kinds of check on one target: the worst one counts,
// and a check without a verdict does not hide one that has it.
func (sv *siteView) target(sw fleet.SwitchID, t fleet.Transport) health.Status {
	worst := health.Unknown
	for i := range sv.verdicts {
		verdict := &sv.verdicts[i]
		if verdict.Check.Transport != t || verdict.Check.Switch != sw {
			continue
		}
		switch verdict.Status {
		case health.Down:
			return health.Down
		case health.Up:
			worst = health.Up
		}
	}
	return worst
}

// verdictsOf is the part of the verdicts, which are in order, that is about a
// site.
func verdictsOf(verdicts []health.Verdict, site fleet.SiteID) []health.Verdict {
	first := sort.Search(len(verdicts), func(i int) bool { return verdicts[i].Check.Site >= site })
	end := first
	for end < len(verdicts) && verdicts[end].Check.Site == site {
		end++
	}
	return verdicts[first:end]
}

// at is what is believed of a transport at a site.
func (v *view) at(site fleet.SiteID, t fleet.Transport) health.Status {
	if s := v.site(site); s != nil {
		return s.status[t]
	}
	return health.Unknown
}

// verdicts are those of a slot's checks.
func (v *view) verdicts(s Slot) iter.Seq[*health.Verdict] {
	return func(yield func(*health.Verdict) bool) {
		sv := v.site(s.Site)
		if sv == nil {
			return
		}
		for i := range sv.verdicts {
			if verdict := &sv.verdicts[i]; verdict.Check.Transport == s.Transport && !yield(verdict) {
				return
			}
		}
	}
}

// SiteStatus returns what is believed of a transport at a site.
func (s State) SiteStatus(site fleet.SiteID, t fleet.Transport) health.Status {
	if s.Fleet == nil {
		return health.Unknown
	}
	f := s.Fleet.Site(site)
	if f == nil || !f.Serves(t) {
		return health.Unknown
	}
	sv := siteView{verdicts: verdictsOf(s.Verdicts, site)} // one question needs no view of all sites
	return sv.combined(f, t)
}

// slots returns the standings of a service's transport in order of preference,
// for the devices without a tenant. They are shared: nobody writes into them.
func (v *view) slots(svc *fleet.Service, t fleet.Transport) []Standing {
	return v.slotsFor(svc, t, fleet.OwnName)
}

// slotsFor is slots for a bucket of the tenants.
func (v *view) slotsFor(svc *fleet.Service, t fleet.Transport, bucket int) []Standing {
	return v.set(svc, t, bucket).slots
}

// answer is what is answered for a service's transport at its own name.
func (v *view) answer(svc *fleet.Service, t fleet.Transport) []Target {
	return v.answerFor(svc, t, fleet.OwnName)
}

// answerFor is what is answered to a bucket of the tenants.
func (v *view) answerFor(svc *fleet.Service, t fleet.Transport, bucket int) []Target {
	set := v.set(svc, t, bucket)
	if len(set.answer) == 0 {
		set.answer = answer(set.answer, set.slots, v.Fleet.Policy)
	}
	return set.answer
}

// serviceView is what is known of a service.
type serviceView struct {
	outs  []Out // of its slots
	parts []fleet.Cohort
	room  []Standing // what is left for the standings of the next sets
	first []Standing // room at its beginning
	own   [int(fleet.WSS) + 1]setView
	more  map[setKey]*setView // for the tenants who are not answered as the service's own name
}

// setView is one SRV set.
type setView struct {
	known  bool
	slots  []Standing
	answer []Target
}

// setKey names the set of a cohort, by its least bucket.
type setKey struct {
	transport fleet.Transport
	bucket    int
}

// of returns what is known of a service.
func (v *view) of(svc *fleet.Service) *serviceView {
	if v.lastOf == svc && v.lastView != nil {
		return v.lastView
	}
	sv := v.known[svc]
	if sv == nil {
		if v.known == nil {
			v.known = make(map[*fleet.Service]*serviceView, len(v.Fleet.Services))
		}
		if sv = v.free; sv == nil {
			sv = &serviceView{}
		}
		v.free, sv.outs = nil, outsOf(v.Outs, svc.Name)
		v.known[svc] = sv
	}
	v.lastOf, v.lastView = svc, sv
	return sv
}

// set returns a service's SRV set for a bucket.
func (v *view) set(svc *fleet.Service, t fleet.Transport, bucket int) *setView {
	sv := v.of(svc)
	set := &sv.own[t]
	if bucket != fleet.OwnName {
		key := setKey{t, bucket}
		if set = sv.more[key]; set == nil {
			if sv.more == nil {
				sv.more = map[setKey]*setView{}
			}
			set = &setView{}
			sv.more[key] = set
		}
	}
	if !set.known {
		set.known, set.slots = true, v.place(svc, sv, t, bucket)
	}
	return set
}

func (v *view) place(svc *fleet.Service, sv *serviceView, t fleet.Transport, bucket int) []Standing {
	if n := len(svc.Sites); cap(sv.room) < n {
		sv.room = make([]Standing, 0, n*len(svc.Transports))
		sv.first = sv.room
	}
	out, row := sv.room, v.order(svc)
	for i, id := range svc.Sites {
		site := v.standsAt(row[i])
		if site == nil || !site.serves[t] {
			continue
		}
		n := len(out)
		out = out[:n+1]
		st := &out[n]
		st.Slot, st.Status = Slot{svc.Name, id, t}, site.status[t]
		if len(sv.outs) > 0 || site.drained {
			v.stand(st, sv.outs, bucket)
		}
		st.rank, st.weight = n, defaultWeight
		if w, shared := svc.Weight(id); shared {
			st.rank, st.weight = 0, w
		}
	}
	sv.room = out[len(out):]
	return out[:len(out):len(out)]
}

// leave forgets the sets of a service that nobody looks at any more; the next
// service has their room.
func (v *view) leave(svc *fleet.Service) {
	if sv := v.known[svc]; sv != nil && len(sv.more) == 0 {
		room := sv.first[:cap(sv.first)]
		clear(room)
		*sv = serviceView{room: room[:0], first: room[:0], own: sv.own}
		for t := range sv.own {
			sv.own[t] = setView{answer: sv.own[t].answer[:0]}
		}
		v.free = sv
	}
	delete(v.known, svc)
	v.lastOf, v.lastView = nil, nil
}

// outsOf is the part of the removals, which are in order, that is about a
// service.
func outsOf(outs []Out, id fleet.ServiceID) []Out {
	low, high := 0, len(outs)
	for low < high {
		if mid := int(uint(low+high) / 2); outs[mid].Service < id {
			low = mid + 1
		} else {
			high = mid
		}
	}
	end := low
	for end < len(outs) && outs[end].Service == id {
		end++
	}
	return outs[low:end]
}

// standsAt is what is known of the site at a place of the fleet; nil for -1.
func (v *view) standsAt(n int) *siteView {
	if n < 0 {
		return nil
	}
	return &v.sites[n]
}
