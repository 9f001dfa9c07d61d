package steer

import (
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// siteTransport is a site and one of its transports.
type siteTransport struct {
	site      fleet.SiteID
	transport fleet.Transport
}

// view answers questions about one State quickly. It is built for one call and
// thrown away.
type view struct {
	*State
	status map[siteTransport]health.Status
	// What follows is made when it is first needed, and holds for the State as
	// it was then.
	carried  map[fleet.SiteID]SiteLoad
	services map[fleet.ServiceID]*fleet.Service
	sites    map[fleet.SiteID]*siteView
	known    map[*fleet.Service]*serviceView
	tenants  map[fleet.ServiceID]int
	everyone []fleet.Cohort // the one part of most services
	apart    bool           // any intent is not about everyone
	away     []fleet.SiteID // from which anything is taken away
	stays    []stay         // buffers of staysOf
	rests    []*Standing
}

// service is Fleet.Service, quickly.
func (v *view) service(id fleet.ServiceID) *fleet.Service {
	if v.services == nil {
		v.services = make(map[fleet.ServiceID]*fleet.Service, len(v.Fleet.Services))
		for i := range v.Fleet.Services {
			v.services[v.Fleet.Services[i].Name] = &v.Fleet.Services[i]
		}
	}
	return v.services[id]
}

func newView(s *State) *view {
	v := &view{State: s, status: map[siteTransport]health.Status{}}
	if s.Fleet == nil {
		return v
	}
	bySwitch := map[health.Target]health.Status{}
	for _, verdict := range s.Verdicts {
		bySwitch[verdict.Check.Target] = worse(bySwitch, verdict)
	}
	for i := range s.Fleet.Sites {
		site := &s.Fleet.Sites[i]
		for _, t := range site.Transports() {
			v.status[siteTransport{site.Name, t}] = siteStatus(site, t, bySwitch)
		}
	}
	return v
}

// worse combines several kinds of check on one target: the worst one counts,
// and a check without a verdict does not hide one that has it.
func worse(m map[health.Target]health.Status, v health.Verdict) health.Status {
	old, seen := m[v.Check.Target]
	switch {
	case !seen || old == health.Unknown:
		return v.Status
	case old == health.Down || v.Status == health.Down:
		return health.Down
	}
	return old
}

// siteStatus: a transport of a site is down when it is down at every
// softswitch that has it, and up when it is up at any.
func siteStatus(site *fleet.Site, t fleet.Transport, m map[health.Target]health.Status) health.Status {
	down, n := 0, 0
	for _, sw := range site.Softswitches {
		if !slices.ContainsFunc(sw.Listeners, func(l fleet.Listener) bool { return l.Transport == t }) {
			continue
		}
		n++
		switch m[health.Target{Site: site.Name, Switch: sw.Name, Transport: t}] {
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

// SiteStatus returns what is believed of a transport at a site.
func (s State) SiteStatus(site fleet.SiteID, t fleet.Transport) health.Status {
	return newView(&s).status[siteTransport{site, t}]
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
	if set.answer == nil {
		set.answer = Answer(set.slots, v.Fleet.Policy)
	}
	return set.answer
}

// serviceView is what is known of a service.
type serviceView struct {
	row   []*siteView // of its sites, in order of preference
	outs  []Out       // of its slots
	parts []fleet.Cohort
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
	if known := v.known[svc]; known != nil {
		return known
	}
	if v.known == nil {
		v.known = make(map[*fleet.Service]*serviceView, len(v.Fleet.Services))
	}
	sv := &serviceView{row: v.rowOf(svc), outs: outsOf(v.Outs, svc.Name)}
	v.known[svc] = sv
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
	out := make([]Standing, 0, len(svc.Sites))
	for i, site := range svc.Sites {
		if sv.row[i] == nil || !sv.row[i].serves[t] {
			continue
		}
		n := len(out)
		out = out[:n+1]
		st := &out[n]
		st.Slot, st.Status = Slot{svc.Name, site, t}, sv.row[i].status[t]
		if len(sv.outs) > 0 || sv.row[i].drained {
			v.stand(st, sv.outs, bucket)
		}
		st.rank, st.weight = n, defaultWeight
		if w, shared := svc.Weight(site); shared {
			st.rank, st.weight = 0, w
		}
	}
	return out
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

// siteView is what is known of a site, by transport.
type siteView struct {
	drained bool // any drain is about the site
	serves  [int(fleet.WSS) + 1]bool
	status  [int(fleet.WSS) + 1]health.Status
}

// rowOf makes what is known of a service's sites, in order of preference.
func (v *view) rowOf(svc *fleet.Service) []*siteView {
	if v.sites == nil {
		v.sites = make(map[fleet.SiteID]*siteView, len(v.Fleet.Sites))
		for i := range v.Fleet.Sites {
			id := v.Fleet.Sites[i].Name
			s := &siteView{
				drained: slices.ContainsFunc(v.Drains, func(d Drain) bool { return d.Site == id }),
			}
			for _, t := range v.Fleet.Sites[i].Transports() {
				s.serves[t], s.status[t] = true, v.status[siteTransport{v.Fleet.Sites[i].Name, t}]
			}
			v.sites[v.Fleet.Sites[i].Name] = s
		}
	}
	row := make([]*siteView, len(svc.Sites))
	for i, id := range svc.Sites {
		row[i] = v.sites[id]
	}
	return row
}
