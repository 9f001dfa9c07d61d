package steer

import (
	"reflect"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// sameAnswers reports whether two States have the same zone and gates, parts of
// gates aside. Who has a view of them gives it.
func sameAnswers(a, b *State, va, vb *view) bool {
	if !sameIntents(a, b) {
		was := *a
		was.Epoch = b.Epoch
		return reflect.DeepEqual(Records(was), Records(*b)) && reflect.DeepEqual(newView(&was).gates(false), newView(b).gates(false))
	}
	if shared(a.Verdicts, b.Verdicts) {
		return true
	}
	if va == nil {
		va = newView(a)
	}
	if vb == nil {
		vb = newView(b)
	}
	return va.sameByVerdicts(vb)
}

// sameIntents reports whether nothing that places slots has changed between two
// States but, maybe, the verdicts: handlers replace slices and never write into
// them, so the same slice is the same value.
func sameIntents(a, b *State) bool {
	return a.Fleet == b.Fleet && a.Fleet != nil && a.Tenants == b.Tenants &&
		shared(a.Drains, b.Drains) && shared(a.Outs, b.Outs) && shared(a.Failbacks, b.Failbacks) &&
		shared(a.Fading, b.Fading) && shared(a.ZoneKeys, b.ZoneKeys)
}

func shared[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// sameByVerdicts reports whether verdicts alone, of two States that are the same
// otherwise, lead to the same zone and gates. They count in three places: what
// is down shortens TTLs, orders the answer when every site is gone, and decides
// whether a gate lets calls pass while REGISTER is refused.
func (v *view) sameByVerdicts(o *view) bool {
	changed := func(site fleet.SiteID, t fleet.Transport) bool {
		return v.at(site, t) != o.at(site, t)
	}
	any := false
	for i := range v.Fleet.Sites {
		for _, t := range fleet.Transports {
			any = any || changed(v.Fleet.Sites[i].Name, t)
		}
	}
	if !any {
		return true
	}
	if slices.ContainsFunc(v.Drains, func(d Drain) bool { return d.Stage == StageRegister && touchesDown(v, o, d.Site) }) {
		return false
	}
	for i := range v.Fleet.Services {
		svc := &v.Fleet.Services[i]
		if !v.sameService(o, svc) {
			return false
		}
	}
	return true
}

// touchesDown reports whether a transport of a site is down in one view alone.
func touchesDown(a, b *view, site fleet.SiteID) bool {
	return slices.ContainsFunc(fleet.Transports[:], func(t fleet.Transport) bool {
		return (a.at(site, t) == health.Down) != (b.at(site, t) == health.Down)
	})
}

// fewServe reports whether a transport of a service is offered at no more sites
// than something is taken away from.
func (v *view) fewServe(svc *fleet.Service) bool {
	away := len(v.sitesOut(""))
	for _, t := range svc.Transports {
		n := 0
		for _, at := range v.order(svc) {
			if site := v.standsAt(at); site != nil && site.serves[t] {
				n++
			}
		}
		if n <= away {
			return true
		}
	}
	return false
}

// sameService reports whether the sets of a service are the same in both views.
func (v *view) sameService(o *view, svc *fleet.Service) bool {
	if v.anyDownOf(svc) != o.anyDownOf(svc) && !v.displaced(svc) {
		return false // the TTL
	}
	if !v.fewServe(svc) {
		return true // no set can have lost all of its sites
	}
	for _, bucket := range v.named(svc) {
		bucket = v.lookedUpBy(svc, bucket)
		for _, t := range svc.Transports {
			slots := v.slotsFor(svc, t, bucket)
			if !allGone(slots) {
				continue
			}
			if slices.ContainsFunc(slots, func(s Standing) bool { return s.Status != o.at(s.Site, t) }) {
				return false
			}
		}
	}
	return true
}
