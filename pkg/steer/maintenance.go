package steer

import (
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// versionMaintenance is the first version of commands that knows of maintenance.
// Every drain that a program of that version gives carries Command.Maintenance,
// once every voter knows it: what replicas make of a log that holds none is what
// they made of it before, octet by octet.
const versionMaintenance = 5

// ValueMaintenance is the value of events of kind verdict that tell of a failure in
// maintenance.
const ValueMaintenance = "maintenance"

// inMaintenance reports whether what the check shows from now on is the work of
// people: they said so, or nobody is sent to its target any more by their own will.
func (s *State) inMaintenance(c health.Check) bool {
	return s.silenced(c) || s.drainedWhole(c.Site, c.Transport)
}

// drainedWhole reports whether a transport of a site has left the answers of every
// service for everyone, by drains. A drain that is still announced does not count:
// phones are still sent there. A check asks a listener and not a service, so what
// is drained for some of its services, or for some of the tenants, still serves the
// others, and its failure is theirs.
func (s *State) drainedWhole(site fleet.SiteID, t fleet.Transport) bool {
	if !slices.ContainsFunc(s.Drains, func(d Drain) bool { return d.maintains(site, t) }) {
		return false
	}
	if s.leftBy("", site, t) == fleet.Everyone() {
		return true // with what no service uses
	}
	used := false
	for i := range s.Fleet.Services {
		svc := &s.Fleet.Services[i]
		if !slices.Contains(svc.Sites, site) || !slices.Contains(svc.Transports, t) {
			continue
		}
		if used = true; s.leftBy(svc.Name, site, t) != fleet.Everyone() {
			return false
		}
	}
	return used
}

// leftBy is who has left a transport of a site: of one service, or, without
// one, of all.
func (s *State) leftBy(service fleet.ServiceID, site fleet.SiteID, t fleet.Transport) (c fleet.Cohort) {
	for i := range s.Drains {
		if d := &s.Drains[i]; d.maintains(site, t) && (d.Service == "" || d.Service == service) {
			c = c.Or(everyoneIfNone(d.Cohort))
		}
	}
	return c
}

// maintains reports whether the drain has taken a transport of a site, or a part of
// it, into maintenance.
func (d *Drain) maintains(site fleet.SiteID, t fleet.Transport) bool {
	return d.Maintenance && d.Stage >= StageRegister && d.Site == site && (d.Transport == 0 || d.Transport == t)
}

// maintains reports whether any of the drains does.
func maintains(drains []Drain) bool {
	return slices.ContainsFunc(drains, func(d Drain) bool { return d.Maintenance })
}

// Drains reports whether the command drains anything, by itself or in a runbook that
// it starts: such a command can say that it is maintenance.
func (c *Command) Drains() bool {
	if c.Run == nil || c.Run.Procedure == nil {
		return c.Kind == KindDrain
	}
	return c.Kind == KindRunStart && slices.ContainsFunc(c.Run.Procedure.Steps, func(s Step) bool {
		return s.Do == ActDrain || s.Undo != nil && s.Undo.Do == ActDrain
	})
}

// afterMaintenance reports whether all that fails at a site is left of a maintenance
// that has ended: a failure from now on, and not since some time ago.
func (t *transition) afterMaintenance(site fleet.SiteID) bool {
	if t.cmd.Kind == KindWithdraw || t.cmd.Kind == KindFailbackAbort {
		return false // heardAt: it has hit phones
	}
	return !slices.ContainsFunc(verdictsOf(t.Verdicts, site), func(v health.Verdict) bool { return v.Unexpected() })
}

// beganIn is how a verdict that follows another stands to maintenance. What began
// before stays a failure, whatever is drained because of it: it may be the same as
// at the site to which the phones go.
func (t *transition) beganIn(old, v *health.Verdict) health.Maintenance {
	switch {
	case v.Status != health.Down:
		return health.NoMaintenance
	case old.Status == health.Down:
		return old.Maintenance
	case t.inMaintenance(v.Check):
		return health.InMaintenance
	}
	return health.NoMaintenance
}

// endMaintenance makes failures of those that are left when maintenance ends, and of
// those that leave a service without a site.
func (t *transition) endMaintenance() {
	if t.Format < versionMaintenance {
		return // nothing was ever in maintenance
	}
	var seen *view
	t.heard(func(v *health.Verdict) bool {
		if !t.inMaintenance(v.Check) {
			return true
		}
		if seen == nil {
			seen = t.viewed()
		}
		return seen.unserved(v.Check)
	})
}

// heardAt ends the silence of what fails at slots that automation moves phones away
// from: nothing is moved without an incident.
func (t *transition) heardAt(slots []Slot) {
	t.heard(func(v *health.Verdict) bool {
		return slices.ContainsFunc(slots, func(s Slot) bool { return s.Site == v.Check.Site && s.Transport == v.Check.Transport })
	})
}

// heard ends the silence of some of the quiet failures.
func (t *transition) heard(which func(*health.Verdict) bool) {
	var list []health.Verdict
	for i := range t.Verdicts {
		if v := &t.Verdicts[i]; v.Quiet() && which(v) {
			if list == nil {
				list = slices.Clone(t.Verdicts)
			}
			list[i].Maintenance = health.AfterMaintenance
		}
	}
	if list != nil {
		t.Verdicts, t.seen = list, nil
	}
}

// counted are the verdicts that common causes are looked for in: what began in
// maintenance is left out, also when that is over. When it began says nothing of
// what happened elsewhere then.
func counted(verdicts []health.Verdict) []health.Verdict {
	return deleted(verdicts, func(v health.Verdict) bool { return v.Maintenance != health.NoMaintenance })
}

// Quiet reports whether a transport of a site fails only as it may in the
// maintenance that it is in.
func (s *State) Quiet(site fleet.SiteID, t fleet.Transport) bool {
	quiet := false
	of := verdictsOf(s.Verdicts, site)
	for i := range of {
		v := &of[i]
		if v.Check.Transport != t || v.Status != health.Down {
			continue
		}
		if v.Loud() {
			return false
		}
		quiet = true
	}
	return quiet
}

// downLoudly reports whether a transport of a site would be down also without what fails
// in maintenance.
func (s *State) downLoudly(site fleet.SiteID, t fleet.Transport) bool {
	n := 0
	for _, sw := range s.Fleet.Site(site).Softswitches {
		if !slices.ContainsFunc(sw.Listeners, func(l fleet.Listener) bool { return l.Transport == t }) {
			continue
		}
		n++
		if !slices.ContainsFunc(verdictsOf(s.Verdicts, site), func(v health.Verdict) bool {
			return v.Check.Switch == sw.Name && v.Check.Transport == t && v.Loud()
		}) {
			return false
		}
	}
	return n > 0
}

// Maintained reports whether a check is in maintenance now: whatever begins to fail
// there is said to nobody.
func (s *State) Maintained(c health.Check) bool { return s.Fleet != nil && s.inMaintenance(c) }
