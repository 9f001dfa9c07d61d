package steer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// followUp keeps the incidents in step with the verdicts and removals. It runs
// after every command, so that no path can forget it. What was seen of the State
// holds on: incidents and brakes place no slots.
func (t *transition) followUp() {
	if t.Fleet == nil {
		return
	}
	t.endMaintenance()
	t.dropFloods()
	t.updateBrakes()
	down := t.downSites()
	for _, site := range down {
		t.openIncident(site)
	}
	for i := range t.Incidents {
		if t.Incidents[i].Open() {
			t.updateIncident(i, down)
		}
	}
}

// downSites lists the sites at which any check is down that is not so in
// maintenance.
func (t *transition) downSites() []fleet.SiteID {
	var sites []fleet.SiteID
	for _, v := range t.Verdicts {
		if v.Loud() && !slices.Contains(sites, v.Check.Site) {
			sites = append(sites, v.Check.Site)
		}
	}
	return sites
}

// openIncident joins a failing site to the incident with the same cause, or
// opens a new one.
func (t *transition) openIncident(site fleet.SiteID) {
	if len(t.Floods) > 0 && slices.ContainsFunc(t.Incidents, func(in Incident) bool { return in.Open() && slices.Contains(in.Sites, site) }) {
		return // a source may be found to be what the sites of two incidents share
	}
	for i, in := range t.Incidents {
		if !in.Open() {
			continue
		}
		if slices.Contains(in.Sites, site) {
			return
		}
		if t.shareCause(site, in.Sites) {
			list := slices.Clone(t.Incidents)
			list[i].Sites = append(slices.Clone(in.Sites), site)
			t.Incidents = list
			t.event(EventIncident, Event{Site: site, Incident: in.ID, Word: "spread", Text: fmt.Sprintf("incident %s now also at %s", in.ID, site)})
			return
		}
	}
	in := t.newIncident([]fleet.SiteID{site}, AutomationOwner)
	if !t.afterMaintenance(site) {
		in.DetectWithin = t.detectWithin()
	}
	in.StartedAt = t.Now.Add(-in.DetectWithin.D())
	in.Summary, in.Failure = t.summary(in), t.firstCause(site)
	in.Severity = t.severity(in)
	t.addIncident(in)
}

// newIncident returns an incident that begins now.
func (t *transition) newIncident(sites []fleet.SiteID, by string) Incident {
	in := Incident{
		ID: fmt.Sprintf("inc-%d", t.Revision), State: Investigating, Severity: Minor, Sites: sites,
		StartedAt: t.Now, OpenedAt: t.Now, OpenedBy: by, DeclaredAt: t.Now, DeclaredBy: by,
	}
	if t.Incident(in.ID) != nil && len(sites) > 0 {
		in.ID += "-" + string(sites[0]) // two sites in one command
	}
	return in
}

// addIncident records a new incident with what led up to it.
func (t *transition) addIncident(in Incident) {
	in.Timeline = t.leadUp(in)
	t.Incidents = append(slices.Clone(t.Incidents), in)
	for len(t.Incidents) > MaxIncidents {
		i := max(0, slices.IndexFunc(t.Incidents, func(o Incident) bool { return !o.Open() }))
		t.Incidents = slices.Delete(t.Incidents, i, i+1)
	}
	e := Event{Incident: in.ID, Word: "opened", Cause: in.Failure, By: in.OpenedBy, Text: fmt.Sprintf("incident %s opened (%s): %s", in.ID, in.Severity, in.Summary)}
	if len(in.Sites) > 0 {
		e.Site = in.Sites[0]
	}
	t.event(EventIncident, e)
}

// detectWithin is the most that the checks take to see a failure: the wait for
// the next probe, its timeout, and the burst that confirms it.
func (t *transition) detectWithin() fleet.Duration {
	c := t.Fleet.Checks
	return c.Interval + c.Timeout + fleet.Duration(max(0, c.Fall-1))*(c.Burst+c.Timeout)
}

func (t *transition) shareCause(site fleet.SiteID, others []fleet.SiteID) bool {
	return slices.ContainsFunc(t.viewed().commonCauses(t.Now), func(cc health.Common) bool {
		return slices.Contains(cc.Sites, site) && slices.ContainsFunc(others, func(o fleet.SiteID) bool { return slices.Contains(cc.Sites, o) })
	})
}

// updateIncident follows the verdicts: down again, up again, all as before.
func (t *transition) updateIncident(i int, down []fleet.SiteID) {
	in := t.Incidents[i]
	bad := slices.ContainsFunc(in.Sites, func(s fleet.SiteID) bool { return slices.Contains(down, s) })
	out := slices.ContainsFunc(t.Outs, func(o Out) bool { return slices.Contains(in.Sites, o.Site) })
	next := in
	switch {
	case bad:
		next = t.worsened(next)
	case in.WellAt.IsZero() && in.Failure == "" && in.OpenedBy != AutomationOwner:
		// Opened by a person, and the checks have seen nothing: a person leads it.
	case out || in.Owner != "":
		next.State = Monitoring
		if next.WellAt.IsZero() {
			next.WellAt = t.Now
		}
	default:
		next.State, next.ResolvedAt, next.ResolvedBy = Resolved, t.Now, AutomationOwner
		if next.WellAt.IsZero() {
			next.WellAt = t.Now
		}
	}
	t.setIncident(i, in, next)
}

// worsened is the incident while something at its sites is down.
func (t *transition) worsened(in Incident) Incident {
	in.Summary, in.WellAt = t.summary(in), time.Time{}
	in.State = Investigating
	if in.Cause != "" {
		in.State = Identified
	}
	if in.Failure == "" {
		in.Failure = t.firstCause(in.Sites...)
	}
	if s := t.severity(in); !in.SetSeverity && s.rank() > in.Severity.rank() {
		in.Severity = s
	}
	return t.exposed(in)
}

// setIncident stores next and tells what changed.
func (t *transition) setIncident(i int, in, next Incident) {
	list := slices.Clone(t.Incidents)
	list[i] = next
	t.Incidents = list
	site := fleet.SiteID("")
	if len(in.Sites) > 0 {
		site = in.Sites[0]
	}
	if next.State != in.State {
		t.event(EventIncident, Event{Site: site, Incident: in.ID, Word: string(next.State), Text: fmt.Sprintf("incident %s: %s, was %s", in.ID, next.State, in.State)})
	}
	if next.Severity != in.Severity {
		t.event(EventIncident, Event{Site: site, Incident: in.ID, Word: string(next.Severity), Text: fmt.Sprintf("incident %s is %s, was %s", in.ID, next.Severity, in.Severity)})
	}
}

// firstCause is what the checks of the sites say first, in order.
func (t *transition) firstCause(sites ...fleet.SiteID) health.Cause {
	for _, v := range t.Verdicts {
		if v.Loud() && v.Cause != health.CauseNone && slices.Contains(sites, v.Check.Site) {
			return v.Cause
		}
	}
	return health.CauseNone
}

// summary says what is down at the incident's sites.
func (t *transition) summary(in Incident) string {
	var sites []string
	for _, site := range in.Sites {
		var parts []string
		for _, v := range t.Verdicts {
			if v.Check.Site != site || !v.Loud() {
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
	return cmp.Or(strings.Join(sites, "; "), in.Summary)
}
