package steer

import (
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// viewed returns a view of the State as it is now.
func (t *transition) viewed() *view {
	if t.seen == nil {
		return newView(&t.State)
	}
	return t.seen
}

// severity is what the checks alone say of an incident.
func (t *transition) severity(in Incident) Severity {
	v := t.viewed()
	if len(in.Sites) > 1 && slices.ContainsFunc(v.commonCauses(t.Now), func(c health.Common) bool {
		return slices.ContainsFunc(in.Sites, func(s fleet.SiteID) bool { return slices.Contains(c.Sites, s) })
	}) {
		return Critical
	}
	worst := Minor
	for i := range t.Fleet.Services {
		svc := &t.Fleet.Services[i]
		for _, tr := range svc.Transports {
			switch first, any := v.reached(svc, tr, in.Sites); {
			case !any:
				return Critical
			case !first:
				worst = Major
			}
		}
	}
	return worst
}

// reached says whether the preferred site of a service's transport is not one
// of the failing ones, and whether any of its sites is.
func (v *view) reached(svc *fleet.Service, tr fleet.Transport, failing []fleet.SiteID) (first, any bool) {
	first, served := true, false
	for i, n := range v.order(svc) {
		site := v.standsAt(n)
		if site == nil || !site.serves[tr] {
			continue
		}
		down := site.status[tr] == health.Down
		if !served && down && slices.Contains(failing, svc.Sites[i]) && v.downLoudly(svc.Sites[i], tr) {
			first = false
		}
		served = true
		any = any || !down
	}
	return first, any || !served
}

// exposed adds what stands behind the incident's sites as they fail now.
func (t *transition) exposed(in Incident) Incident {
	v := t.viewed()
	var now Exposure
	services := slices.Clone(in.Services)
	for _, site := range in.Sites {
		hit := false
		for i := range t.Fleet.Services {
			svc := &t.Fleet.Services[i]
			if !v.prefers(svc, site) {
				continue
			}
			hit = true
			if !slices.Contains(services, svc.Name) {
				services = append(services, svc.Name)
			}
		}
		if !hit {
			continue
		}
		c := t.Fleet.Site(site).Capacity
		now.Registrations += c.Registrations
		now.Calls += c.Calls
		if c.Registrations == 0 {
			now.Unstated = append(now.Unstated, site)
		}
	}
	slices.Sort(services)
	in.Services = services
	if now.Registrations >= in.Exposure.Registrations && len(now.Unstated) >= len(in.Exposure.Unstated) {
		in.Exposure = now
	}
	return in
}

// prefers reports whether the site is down on a transport on which the service
// prefers it to all others.
func (v *view) prefers(svc *fleet.Service, site fleet.SiteID) bool {
	for _, tr := range svc.Transports {
		if first, _ := v.reached(svc, tr, []fleet.SiteID{site}); !first && v.at(site, tr) == health.Down {
			return true
		}
	}
	return false
}
