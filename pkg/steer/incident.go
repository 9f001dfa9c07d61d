package steer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// followUp keeps the incidents in step with the verdicts and removals. It runs
// after every command, so that no path can forget it.
func (t *transition) followUp() {
	if t.Fleet == nil {
		return
	}
	t.updateBrakes()
	down := t.downSites()
	for _, site := range down {
		t.openIncident(site)
	}
	for i := range t.Incidents {
		t.updateIncident(i, down)
	}
}

// downSites lists the sites at which any check is down.
func (t *transition) downSites() []fleet.SiteID {
	var sites []fleet.SiteID
	for _, v := range t.Verdicts {
		if v.Status == health.Down && !slices.Contains(sites, v.Check.Site) {
			sites = append(sites, v.Check.Site)
		}
	}
	return sites
}

// openIncident joins a failing site to the incident with the same cause, or
// opens a new one.
func (t *transition) openIncident(site fleet.SiteID) {
	for i, in := range t.Incidents {
		if in.State == IncidentClosed {
			continue
		}
		if slices.Contains(in.Sites, site) {
			return
		}
		if t.shareCause(site, in.Sites) {
			list := slices.Clone(t.Incidents)
			list[i].Sites = append(slices.Clone(in.Sites), site)
			t.Incidents = list
			t.event(EventIncident, Event{Site: site, Incident: in.ID, Text: fmt.Sprintf("incident %s now also at %s", in.ID, site)})
			return
		}
	}
	in := Incident{ID: fmt.Sprintf("inc-%d", t.Revision), State: IncidentOpen, Sites: []fleet.SiteID{site}, OpenedAt: t.Now}
	if slices.ContainsFunc(t.Incidents, func(o Incident) bool { return o.ID == in.ID }) {
		in.ID += "-" + string(site) // two sites in one command
	}
	in.Summary = t.summary(in)
	t.Incidents = appendBounded(t.Incidents, MaxIncidents, in)
	t.event(EventIncident, Event{Site: site, Incident: in.ID, Text: fmt.Sprintf("incident %s opened: %s", in.ID, in.Summary)})
}

func (t *transition) shareCause(site fleet.SiteID, others []fleet.SiteID) bool {
	return slices.ContainsFunc(newView(&t.State).commonCauses(t.Now), func(cc health.Common) bool {
		return slices.Contains(cc.Sites, site) && slices.ContainsFunc(others, func(o fleet.SiteID) bool { return slices.Contains(cc.Sites, o) })
	})
}

func (t *transition) updateIncident(i int, down []fleet.SiteID) {
	in := t.Incidents[i]
	if in.State == IncidentClosed {
		return
	}
	bad := slices.ContainsFunc(in.Sites, func(s fleet.SiteID) bool { return slices.Contains(down, s) })
	out := slices.ContainsFunc(t.Outs, func(o Out) bool { return slices.Contains(in.Sites, o.Site) })
	next := in
	switch {
	case bad:
		next.State, next.Summary = IncidentOpen, t.summary(in)
	case out:
		next.State = IncidentMonitoring
	default:
		next.State, next.ClosedAt = IncidentClosed, t.Now
	}
	if next.State == in.State && next.Summary == in.Summary {
		return
	}
	list := slices.Clone(t.Incidents)
	list[i] = next
	t.Incidents = list
	if next.State != in.State {
		t.event(EventIncident, Event{Site: in.Sites[0], Incident: in.ID, Text: fmt.Sprintf("incident %s: %s, was %s", in.ID, next.State, in.State)})
	}
}

// summary says what is down at the incident's sites.
func (t *transition) summary(in Incident) string {
	var sites []string
	for _, site := range in.Sites {
		var parts []string
		for _, v := range t.Verdicts {
			if v.Check.Site != site || v.Status != health.Down {
				continue
			}
			if p := fmt.Sprintf("%s %s", v.Check.Transport, cmp.Or(string(v.Cause), "down")); !slices.Contains(parts, p) {
				parts = append(parts, p)
			}
		}
		if len(parts) > 0 {
			sites = append(sites, string(site)+": "+strings.Join(parts, ", "))
		}
	}
	return strings.Join(sites, "; ")
}
