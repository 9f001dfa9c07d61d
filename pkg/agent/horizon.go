package agent

import (
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// horizon is from when on no resolver should hold an answer that names the site,
// so that who comes later is a straggler: what left the answers last, with the
// lifetime that it had, and the grace that drains wait for too. Zero when nothing
// of the site has left the answers.
func horizon(s steer.State, site fleet.SiteID) time.Time {
	var last time.Time
	keep := func(gone time.Time, ttl time.Duration) {
		if end := gone.Add(ttl + s.Fleet.Policy.DrainGrace.D()); !gone.IsZero() && end.After(last) {
			last = end
		}
	}
	for _, d := range s.Drains {
		if d.Site == site {
			keep(d.GoneAt, d.OldTTL.D())
		}
	}
	for _, o := range s.Outs {
		if o.Site != site {
			continue
		}
		if svc := s.Fleet.Service(o.Service); svc != nil {
			ttl := s.Fleet.ServiceTTL(svc)
			keep(o.Since, max(ttl.Normal.D(), ttl.Event.D()))
		}
	}
	return last
}

// registerRate is how many new registrations per second the site takes; 0 where
// the fleet does not say.
func registerRate(f *fleet.Fleet, site fleet.SiteID) int {
	if s := f.Site(site); s != nil {
		return s.Capacity.RegisterRate
	}
	return 0
}
