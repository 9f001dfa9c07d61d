package steer

import (
	"fmt"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Whole is how a runbook writes that something is about everyone.
const Whole = "everyone"

// ParseWhom reads the cohort of a runbook's step: "" and "everyone" name none.
func ParseWhom(text string) (fleet.Cohort, error) {
	if text == "" || text == Whole {
		return fleet.Cohort{}, nil
	}
	return fleet.ParseCohort(text)
}

// ParsePace reads the pace of a runbook's step: "" and "policy" leave it to the
// fleet file.
func ParsePace(text string) (fleet.Pace, error) {
	if text == "" || text == "policy" {
		return "", nil
	}
	if p := fleet.Pace(text); p.Valid() {
		return p, nil
	}
	return "", fmt.Errorf("no pace is called %q: weights, cohorts or policy", text)
}

// ShareOf is how much of the traffic of some tenants a site takes, in per cent,
// over the transport of which it takes most. An empty service means all of them,
// an empty cohort devices without a tenant, as Standings. A cohort of which some
// are back has the mean of its buckets; services without tenants do not count
// for it.
func ShareOf(s State, site fleet.SiteID, service fleet.ServiceID, cohort fleet.Cohort) int {
	if s.Fleet == nil {
		return 0
	}
	v := newView(&s)
	best := 0
	for _, slot := range SlotsOf(s.Fleet, site, service, 0) {
		switch {
		case cohort.IsZero():
			best = max(best, percentOf(v.standingFor(slot, fleet.OwnName)))
		case v.hasTenants(slot.Service):
			best = max(best, v.meanOf(slot, cohort))
		}
	}
	return best
}

// meanOf is the share that a slot has of a cohort, each bucket counted alike.
func (v *view) meanOf(slot Slot, cohort fleet.Cohort) int {
	sum := 0
	for _, part := range v.cohorts(v.service(slot.Service)) {
		if n := part.And(cohort).Len(); n > 0 {
			sum += n * percentOf(v.standingFor(slot, bucketOf(part)))
		}
	}
	if sum > 0 {
		return max(1, sum/cohort.Len())
	}
	return 0
}

func percentOf(st Standing) int {
	switch st.Place {
	case In:
		return 100
	case Returning:
		return st.Share
	case Leaving:
		return 1 // the last choice of a phone, and still one
	}
	return 0
}

// TenantsOf counts the tenants of a cohort, in one service or in all. It takes
// time in proportion to all tenants.
func TenantsOf(s State, service fleet.ServiceID, cohort fleet.Cohort) int {
	n := 0
	for domain, svc := range s.Tenants.Names().All() {
		if (service == "" || svc == service) && everyoneIfNone(cohort).Has(fleet.BucketOf(domain)) {
			n++
		}
	}
	return n
}

// Cohort is for whom the run moves something, in the words of its steps; "" when
// that is everyone, or when it moves nothing.
func (r *Run) Cohort() string {
	for _, s := range r.Steps {
		if s.Cohort != "" && s.Cohort != Whole {
			return s.Cohort
		}
	}
	return ""
}

// whom is the cohort that a drill is about.
func (r *Run) whom() fleet.Cohort {
	c, _ := ParseWhom(r.Cohort()) // steps that name another one do not begin
	return c
}

// Nobody says why a cohort of what a site serves holds no tenant; "" when it holds
// one, and when everyone is meant. Zero values of the service and the transport mean
// all of them. It takes time in proportion to all tenants.
func Nobody(s State, site fleet.SiteID, service fleet.ServiceID, transport fleet.Transport, cohort fleet.Cohort) string {
	if s.Fleet == nil || cohort.IsZero() || cohort == fleet.Everyone() {
		return ""
	}
	if s.Tenants.Names().Len() == 0 {
		return "this fleet has no tenants, so a cohort holds nobody"
	}
	served := map[fleet.ServiceID]bool{}
	for _, slot := range SlotsOf(s.Fleet, site, service, transport) {
		served[slot.Service] = true
	}
	if len(served) == 0 {
		return "" // refused as what it is
	}
	tenants := 0
	for domain, svc := range s.Tenants.Names().All() {
		if !served[svc] {
			continue
		}
		if cohort.Has(fleet.OwnName) || cohort.Has(fleet.BucketOf(domain)) {
			return ""
		}
		tenants++
	}
	if tenants == 0 {
		return fmt.Sprintf("no service that this covers at %s has tenants, so a cohort holds nobody", site)
	}
	return fmt.Sprintf("this covers %s at %s, and none in the buckets %s: the cohort holds nobody", plural(tenants, "tenant"), site, cohort)
}

// Retry is the command line of an operator's command without its cohort and its
// pace.
func (c Command) Retry() string {
	c.Cohort, c.Pace = fleet.Cohort{}, ""
	return c.line()
}
