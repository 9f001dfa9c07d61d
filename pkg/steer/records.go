package steer

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

const (
	priorityStep  = 10  // between two sites of a preference
	defaultWeight = 100 // of a site that does not share its priority
)

// Records derives the zone that every name server serves. It is total: a State
// with a fleet always yields a zone that passes srv.Zone.Check.
func Records(s State) srv.Zone {
	if s.Fleet == nil {
		return srv.Zone{}
	}
	v := newView(&s)
	f := s.Fleet
	b := &zoneBuilder{fleet: f, zone: srv.Zone{Origin: f.FQDN(f.Zone + "."), Epoch: s.Epoch, TenantAnswers: f.TenantAnswers, Tenants: s.Tenants.Names()}}
	b.zone.Sets = make([]srv.RRset, 0, b.likely())
	b.apex()
	b.keys(&s)
	for i := range f.Sites {
		b.addresses(f.HostName(&f.Sites[i]), f.Sites[i].Addresses, b.hostTTL())
	}
	for i := range f.Services {
		b.service(v, &f.Services[i])
		v.leave(&f.Services[i])
	}
	b.zone.Sort()
	b.zone.SortCohorts()
	return b.zone
}

// likely is about how many sets there will be, of a fleet without cohorts.
func (b *zoneBuilder) likely() int {
	n := 8 + 2*len(b.fleet.NameServers) + 2*len(b.fleet.Sites)
	for i := range b.fleet.Services {
		n += 3 + len(b.fleet.Services[i].Transports)
	}
	return n
}

type zoneBuilder struct {
	fleet *fleet.Fleet
	zone  srv.Zone
	hosts map[fleet.SiteID]*siteHost
}

// siteHost is a site with its name as a target, and the records that lead to it:
// many sets have the same one.
type siteHost struct {
	name  string
	ports [int(fleet.WSS) + 1]uint16
	made  [int(fleet.WSS) + 1][]madeRecord
}

type madeRecord struct {
	priority, weight uint16
	data             srv.Data
}

func (b *zoneBuilder) host(id fleet.SiteID) *siteHost {
	if b.hosts == nil {
		b.hosts = make(map[fleet.SiteID]*siteHost, len(b.fleet.Sites))
		for i := range b.fleet.Sites {
			s := &b.fleet.Sites[i]
			h := &siteHost{name: b.fleet.HostName(s)}
			for _, t := range fleet.Transports {
				h.ports[t] = s.Port(t)
			}
			b.hosts[s.Name] = h
		}
	}
	return b.hosts[id]
}

// record is the SRV record that leads to the host.
func (h *siteHost) record(t fleet.Transport, priority, weight uint16) srv.Data {
	for i := range h.made[t] {
		if m := &h.made[t][i]; m.priority == priority && m.weight == weight {
			return m.data
		}
	}
	r := srv.SRV{Priority: priority, Weight: weight, Port: h.ports[t], Target: h.name}
	h.made[t] = append(h.made[t], madeRecord{priority, weight, r})
	return r
}

// hostTTL is that of target addresses: at least the longest SRV TTL, so that
// no resolver has a target without its address.
func (b *zoneBuilder) hostTTL() uint32 {
	longest := b.fleet.Policy.TTLNormal
	for i := range b.fleet.Services {
		longest = max(longest, b.fleet.ServiceTTL(&b.fleet.Services[i]).Normal)
	}
	return longest.Seconds()
}

// apex sets SOA and NS. The SOA minimum is the TTL floor, so that a name that
// was missing comes back quickly (RFC 2308 §5).
func (b *zoneBuilder) apex() {
	f := b.fleet
	floor := f.Policy.TTLFloor.Seconds()
	var ns []srv.Data
	for _, n := range f.NameServers {
		ns = append(ns, srv.NS{Host: f.FQDN(n.Name)})
		b.addresses(f.FQDN(n.Name), n.Addresses, 3600)
	}
	b.add(b.zone.Origin, srv.TypeNS, 3600, ns)
	b.zone.SOA = srv.SOA{
		MName: f.FQDN(f.NameServers[0].Name), RName: mailbox(f.Hostmaster), Serial: uint32(b.zone.Epoch),
		Refresh: 60, Retry: 15, Expire: 1209600, Minimum: floor, TTL: floor,
	}
}

// mailbox writes an address as a domain name; dots of the local part are
// escaped (RFC 1035 §8).
func mailbox(addr string) string {
	local, domain, ok := strings.Cut(addr, "@")
	if !ok {
		return strings.TrimSuffix(addr, ".") + "."
	}
	return strings.ReplaceAll(local, ".", `\.`) + "." + strings.TrimSuffix(domain, ".") + "."
}

func (b *zoneBuilder) add(name string, t srv.Type, ttl uint32, data []srv.Data) {
	if len(data) > 0 {
		b.zone.Sets = append(b.zone.Sets, srv.RRset{Name: name, Type: t, TTL: ttl, Data: data})
	}
}

func (b *zoneBuilder) addresses(name string, addrs []netip.Addr, ttl uint32) {
	var v4, v6 []srv.Data
	for _, a := range addrs {
		if a.Unmap().Is4() {
			v4 = append(v4, srv.A{Addr: a.Unmap()})
		} else {
			v6 = append(v6, srv.AAAA{Addr: a})
		}
	}
	b.add(name, srv.TypeA, ttl, v4)
	b.add(name, srv.TypeAAAA, ttl, v6)
}

// service adds SRV sets for each transport, the NAPTR set in the order of the
// service's transports, and the addresses of the best site for clients
// without SRV.
func (b *zoneBuilder) service(v *view, svc *fleet.Service) {
	ttl := b.serviceTTL(v, svc)
	b.sets(v, svc, b.fleet.FQDN(string(svc.Name)+"."), fleet.OwnName, ttl)
	b.cohorts(v, svc, ttl)
}

// sets adds what is answered to a bucket of the service's tenants, at and below
// a name.
func (b *zoneBuilder) sets(v *view, svc *fleet.Service, name string, bucket int, ttl uint32) {
	naptr := make([]srv.Data, 0, len(svc.Transports))
	for i, t := range svc.Transports {
		owner := t.Label() + "." + name
		data := make([]srv.Data, 0, len(svc.Sites))
		for _, r := range v.answerFor(svc, t, bucket) {
			data = append(data, b.host(r.Site).record(t, r.Priority, r.Weight))
		}
		b.add(owner, srv.TypeSRV, ttl, data)
		b.zone.Steered = append(b.zone.Steered, srv.Key{Name: owner, Type: srv.TypeSRV})
		naptr = append(naptr, srv.NAPTR{
			Order: uint16(priorityStep * (i + 1)), Preference: priorityStep,
			Flags: "s", Service: t.NAPTRService(), Replacement: owner,
		})
	}
	b.add(name, srv.TypeNAPTR, ttl, naptr)
	b.addresses(name, v.bestSite(svc, bucket).Addresses, ttl)
}

// serviceTTL is the normal one in peace and the event one while anything of
// the service is not in its place or not well.
func (b *zoneBuilder) serviceTTL(v *view, svc *fleet.Service) uint32 {
	ttl := b.fleet.ServiceTTL(svc)
	if v.eventful(svc) {
		return ttl.Event.Seconds()
	}
	return ttl.Normal.Seconds()
}

// eventful reports whether anything of a service is not in its place or not
// well, or its tenants are answered differently.
func (v *view) eventful(svc *fleet.Service) bool {
	return v.displaced(svc) || v.anyDownOf(svc)
}

// displaced reports whether anything of a service is not in its place.
func (v *view) displaced(svc *fleet.Service) bool {
	sv := v.of(svc)
	if len(sv.outs) > 0 || len(v.cohorts(svc)) > 1 {
		return true
	}
	for i, n := range v.order(svc) {
		site := v.standsAt(n)
		if site == nil || !site.drained {
			continue
		}
		for _, t := range svc.Transports {
			if site.serves[t] && v.drainFor(Slot{svc.Name, svc.Sites[i], t}, fleet.OwnName) != nil {
				return true
			}
		}
	}
	return false
}

// anyDownOf reports whether a service has a site that is down on one of its
// transports.
func (v *view) anyDownOf(svc *fleet.Service) bool {
	for _, n := range v.order(svc) {
		site := v.standsAt(n)
		if site == nil {
			continue
		}
		for _, t := range svc.Transports {
			if site.serves[t] && site.status[t] == health.Down {
				return true
			}
		}
	}
	return false
}

// Target is one SRV target of an answer.
type Target struct {
	Site     fleet.SiteID `json:"site"`
	Priority uint16       `json:"priority"`
	Weight   uint16       `json:"weight"`
}

// Answer gives slots, in order of preference, their priorities and weights
// (RFC 2782). Each site keeps the priority of its place in the preference: 10,
// 20, …, and sites that share a place have one priority and their own weights;
// a leaving one gets the drain offset on top; a returning one shares the
// priority of the best that are in, with its share as weight; one that is gone
// is left out. If all are gone none is left out, since an answer that may be
// stale beats an empty one (never-empty): then those that are up come first,
// and those that are down last. The result is ordered best first, since many
// phones look no further.
func Answer(slots []Standing, policy fleet.Policy) []Target { return answer(nil, slots, policy) }

// answer is Answer, in room that is given.
func answer(room []Target, slots []Standing, policy fleet.Policy) []Target {
	if allGone(slots) {
		return lastResort(slots)
	}
	best, group := bestGroup(slots)
	out := slices.Grow(room, len(slots))
	shared := 0 // per cent that returning sites take from the best ones
	for i := range slots {
		s := &slots[i]
		t := Target{Site: s.Site, Priority: uint16(priorityStep * (s.rank + 1)), Weight: uint16(s.weight)}
		switch {
		case s.Place == Gone:
			continue
		case s.Place == Leaving:
			t.Priority += uint16(policy.DrainPriority)
		case s.Place == Returning && s.rank == best:
			t.Weight = uint16(max(1, s.weight*s.Share/100))
		case s.Place == Returning && s.rank < best:
			t.Priority, t.Weight = uint16(priorityStep*(best+1)), uint16(max(1, group*s.Share/100))
			shared += s.Share
		}
		out = append(out, t)
	}
	for i := range out {
		if shared > 0 && slices.ContainsFunc(slots, func(s Standing) bool { return s.Site == out[i].Site && s.Place == In && s.rank == best }) {
			out[i].Weight = uint16(max(1, int(out[i].Weight)*(100-shared)/100))
		}
	}
	slices.SortStableFunc(out, func(a, b Target) int {
		if a.Priority != b.Priority {
			return int(a.Priority) - int(b.Priority)
		}
		return int(b.Weight) - int(a.Weight)
	})
	return out
}

func allGone(slots []Standing) bool {
	for i := range slots {
		if slots[i].Place != Gone {
			return false
		}
	}
	return true
}

// bestGroup is the best place of the preference that has a site in, and the sum
// of the weights of its sites that are. Without any, no place is worse than
// another.
func bestGroup(slots []Standing) (rank, weight int) {
	rank = -1
	for i := range slots {
		s := &slots[i]
		if s.Place == In && (rank < 0 || s.rank == rank) {
			rank = s.rank
			weight += s.weight
		}
	}
	return rank, weight
}

// lastResort answers with every site although all are gone.
func lastResort(slots []Standing) []Target {
	order := slices.Clone(slots)
	standing := map[health.Status]int{health.Up: 0, health.Unknown: 1, health.Down: 2}
	slices.SortStableFunc(order, func(a, b Standing) int { return cmp.Compare(standing[a.Status], standing[b.Status]) })
	out := make([]Target, len(order))
	for i, s := range order {
		out[i] = Target{Site: s.Site, Priority: uint16(priorityStep * (i + 1)), Weight: defaultWeight}
	}
	return out
}

// answered reports whether the site stands in the answer, to anyone.
func (v *view) answered(svc *fleet.Service, t fleet.Transport, site fleet.SiteID) bool {
	return slices.ContainsFunc(v.cohorts(svc), func(p fleet.Cohort) bool {
		return slices.ContainsFunc(v.answerFor(svc, t, bucketOf(p)), func(x Target) bool { return x.Site == site })
	})
}

// bestSite is the site whose addresses stand at the service's own name, for
// clients without SRV: the first target of the least preferred plain
// transport, since such clients rarely speak TLS.
func (v *view) bestSite(svc *fleet.Service, bucket int) *fleet.Site {
	t := svc.Transports[0]
	for _, u := range svc.Transports {
		if !u.Secure() {
			t = u // the last plain one listed is what the simplest clients speak
		}
	}
	targets := v.answerFor(svc, t, bucket)
	return v.Fleet.Site(targets[0].Site)
}

// Answers returns the SRV targets of a service by transport, as they stand at
// its own name in the zone.
func Answers(s State, svc *fleet.Service) map[fleet.Transport][]Target {
	v := newView(&s)
	out := make(map[fleet.Transport][]Target, len(svc.Transports))
	for _, t := range svc.Transports {
		out[t] = v.answer(svc, t)
	}
	return out
}
