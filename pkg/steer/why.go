package steer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// Explanation says why a name is answered as it is: from the check to the
// record.
type Explanation struct {
	Name    string            `json:"name"`
	Tenant  *ExplainedTenant  `json:"tenant,omitempty"`
	Epoch   uint64            `json:"epoch"`
	Records []ExplainedRecord `json:"records"`
	LeftOut []ExplainedSlot   `json:"left_out"` // sites of the service that are not answered
	// HeldBack are failing sites that automation leaves in the answers, and why.
	HeldBack []ExplainedAdvice `json:"held_back,omitempty"`
	// KeptOut are the sources whose new work the gates of its sites drop: their
	// calls do not come through, whatever is answered.
	KeptOut []ExplainedQuarantine `json:"kept_out,omitempty"`
	// Silences are those that are in force at sites of its service.
	Silences []Silence `json:"silences,omitempty"`
	Events   []Event   `json:"events"` // the last changes that touched it
	// Evidence is what the agents saw when the checks of sites that are left out,
	// or fail, failed last.
	Evidence []Evidence `json:"evidence,omitempty"`
}

// ExplainedTenant says whose the name is, where it is a tenant's.
type ExplainedTenant struct {
	Domain  fleet.TenantID  `json:"domain"`
	Service fleet.ServiceID `json:"service"`
	Bucket  int             `json:"bucket"`
	// Cohort is the buckets of those who are answered alike, where these are
	// not answered as the service's own name is; else "".
	Cohort string `json:"cohort,omitempty"`
}

// String says it in one sentence.
func (t *ExplainedTenant) String() string {
	text := fmt.Sprintf("tenant of %s, in bucket %d", t.Service, t.Bucket)
	if t.Cohort != "" {
		return text + ", answered with the cohort " + t.Cohort
	}
	return text + ", answered as the service's own name"
}

// ExplainedRecord is one record and its reason.
type ExplainedRecord struct {
	Type   string       `json:"type"`
	TTL    uint32       `json:"ttl"` // seconds
	Text   string       `json:"text"`
	Site   fleet.SiteID `json:"site,omitempty"`
	Reason string       `json:"reason"`
	Checks []string     `json:"checks,omitempty"`

	failing bool // one of the checks is down
}

// ExplainedSlot is a site that is left out, and why.
type ExplainedSlot struct {
	Site      fleet.SiteID    `json:"site"`
	Transport fleet.Transport `json:"transport"`
	Reason    string          `json:"reason"`
	Checks    []string        `json:"checks,omitempty"`
}

// ExplainedAdvice is what automation would take out and does not.
type ExplainedAdvice struct {
	Site      fleet.SiteID    `json:"site"`
	Transport fleet.Transport `json:"transport"`
	Rule      Rule            `json:"rule"`
	Text      string          `json:"text"`
	Next      string          `json:"next"` // the command to type
}

// ExplainedQuarantine is a source that is kept out, and by whom.
type ExplainedQuarantine struct {
	Source string       `json:"source"`
	Site   fleet.SiteID `json:"site,omitempty"` // "" = all sites
	Owner  string       `json:"owner"`
	Reason string       `json:"reason"`
	Until  time.Time    `json:"until"`
}

// explainEvents bounds the events of an explanation.
const explainEvents = 10

// Explain says why a name of the zone is answered as it is. The name may be
// relative to the zone, a service, or one of a service's SRV owners. It fails
// with *Invalid when the zone has no such name.
func Explain(s State, name string) (Explanation, error) {
	if s.Fleet == nil {
		return Explanation{}, &Invalid{Field: "name", Message: "no fleet is set yet", Hint: "start an agent with a fleet file"}
	}
	zone := Records(s)
	e := Explanation{Epoch: s.Epoch}
	fqdn, ok := findTenant(&zone, name, &e)
	if !ok {
		fqdn, ok = findName(&zone, name)
		e.Name = fqdn
	}
	if !ok {
		return Explanation{}, &Invalid{Field: "name", Message: fmt.Sprintf("the zone %s has no name %q", zone.Origin, name), Hint: "a tenant, or one of " + names(s.Fleet)}
	}
	v := newView(&s)
	a := v.asked(fqdn)
	for _, set := range zone.Sets {
		if set.Name == fqdn {
			e.Records = append(e.Records, v.explainSet(a, set)...)
		}
	}
	if a.service != nil {
		for _, t := range a.transports {
			e.LeftOut = append(e.LeftOut, v.leftOut(a, t)...)
			e.HeldBack = append(e.HeldBack, v.heldBack(a.service, t)...)
		}
		e.KeptOut, e.Silences = v.keptOut(a.service), v.silencesAt(a.service)
		e.Events = v.eventsOf(a.service)
	}
	e.Events = e.Events[max(0, len(e.Events)-explainEvents):]
	return e, nil
}

// findTenant returns the name whose sets answer for a tenant's, and says who the
// tenant is.
func findTenant(z *srv.Zone, name string, e *Explanation) (string, bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for _, candidate := range []string{name + ".", name + "." + z.Origin} {
		prefix, tenant, service, ok := z.Tenant(candidate)
		if !ok {
			continue
		}
		e.Name = candidate
		e.Tenant = &ExplainedTenant{Domain: tenant, Service: service, Bucket: fleet.BucketOf(tenant)}
		if i := z.CohortOf(service, tenant); i >= 0 {
			e.Tenant.Cohort = z.Cohorts[i].Buckets.String()
		}
		return prefix + z.OwnerOf(service, tenant), true
	}
	return "", false
}

// asked is what a name of the zone is about.
type asked struct {
	service    *fleet.Service // nil for names of the zone's own
	bucket     int            // for whose answers
	transports []fleet.Transport
}

// asked finds out whose answers stand at a name.
func (v *view) asked(name string) asked {
	for i := range v.Fleet.Services {
		svc := &v.Fleet.Services[i]
		for _, bucket := range v.named(svc) {
			owner := srv.ServiceOwner(svc.Name)
			if bucket != fleet.OwnName {
				owner = srv.CohortOwner(svc.Name, bucket)
				bucket = v.lookedUpBy(svc, bucket)
			}
			if name == owner {
				return asked{svc, bucket, svc.Transports}
			}
			for _, t := range svc.Transports {
				if name == t.Label()+"."+owner {
					return asked{svc, bucket, []fleet.Transport{t}}
				}
			}
		}
	}
	return asked{}
}

// named are the buckets that have a name of their own, those included whose
// name fades.
func (v *view) named(svc *fleet.Service) []int {
	out := v.touched(svc, fleet.Cohort{})
	for _, f := range v.Fading {
		if f.Service == svc.Name {
			out = append(out, f.Bucket)
		}
	}
	return out
}

func names(f *fleet.Fleet) string {
	var out []string
	for i := range f.Services {
		out = append(out, string(f.Services[i].Name))
		for _, t := range f.Services[i].Transports {
			out = append(out, t.Label()+"."+string(f.Services[i].Name))
		}
	}
	if len(out) > 8 {
		out = append(out[:8], "…")
	}
	return strings.Join(out, ", ")
}

// findName accepts a name with or without the trailing dot, absolute or
// relative to the zone.
func findName(z *srv.Zone, name string) (string, bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for _, candidate := range []string{name + ".", name + "." + z.Origin} {
		if slices.ContainsFunc(z.Sets, func(s srv.RRset) bool { return s.Name == candidate }) {
			return candidate, true
		}
	}
	return "", false
}

func (v *view) explainSet(a asked, set srv.RRset) []ExplainedRecord {
	out := make([]ExplainedRecord, 0, len(set.Data))
	for _, d := range set.Data {
		r := ExplainedRecord{Type: set.Type.String(), TTL: set.TTL, Text: d.String(), Reason: "from the fleet file"}
		if target, ok := d.(srv.SRV); ok && a.service != nil {
			v.explainTarget(&r, a, target)
		}
		if (set.Type == srv.TypeA || set.Type == srv.TypeAAAA) && a.service != nil {
			r.Site = v.bestSite(a.service, a.bucket).Name
			r.Reason = fmt.Sprintf("address of %s, the best site now, for clients without SRV", r.Site)
		}
		out = append(out, r)
	}
	return out
}

func (v *view) explainTarget(r *ExplainedRecord, a asked, target srv.SRV) {
	for _, t := range a.transports {
		for n, st := range v.slotsFor(a.service, t, a.bucket) {
			if v.Fleet.HostName(v.Fleet.Site(st.Site)) != target.Target {
				continue
			}
			r.Site = st.Site
			r.Checks, r.failing = v.checksOf(st.Site, t)
			r.Reason = fmt.Sprintf("number %d in the preference of %s; %s", n+1, a.service.Name, placeReason(&st))
		}
	}
}

func placeReason(st *Standing) string {
	switch st.Place {
	case Leaving:
		return "leaving: " + st.why()
	case Returning:
		return fmt.Sprintf("coming back with %d %%: %s", st.Share, st.why())
	case Gone:
		return "kept although it should be out, since nothing else is left (never-empty): " + st.why()
	}
	return "in"
}

// checksOf prints the verdicts on a transport of a site, and reports whether one
// of the checks is down.
func (v *view) checksOf(site fleet.SiteID, t fleet.Transport) (out []string, down bool) {
	for _, verdict := range v.Verdicts {
		c := verdict.Check
		if c.Site != site || c.Transport != t {
			continue
		}
		text := fmt.Sprintf("%s %s %s since %s", c.Switch, c.Kind, verdict.Status, verdict.Since.UTC().Format("15:04:05"))
		if verdict.Status == health.Down {
			down = true
			text += fmt.Sprintf(" (%s: %s), seen by %s", verdict.Cause, verdict.Detail, joined(verdict.Observers))
		}
		if verdict.Quiet() {
			text += ", in maintenance"
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		out = append(out, "no verdict yet")
	}
	return out, down
}

func (v *view) leftOut(a asked, t fleet.Transport) []ExplainedSlot {
	var out []ExplainedSlot
	for _, st := range v.slotsFor(a.service, t, a.bucket) {
		if st.Place == Gone && !slices.ContainsFunc(v.answerFor(a.service, t, a.bucket), func(x Target) bool { return x.Site == st.Site }) {
			checks, _ := v.checksOf(st.Site, t)
			out = append(out, ExplainedSlot{Site: st.Site, Transport: t, Reason: st.why(), Checks: checks})
		}
	}
	return out
}

// heldBack is what automation leaves in the answers of a service.
func (v *view) heldBack(svc *fleet.Service, t fleet.Transport) []ExplainedAdvice {
	var out []ExplainedAdvice
	for _, a := range v.Advice {
		if a.Service == svc.Name && a.Transport == t {
			out = append(out, ExplainedAdvice{a.Site, t, a.Rule, a.Text, a.Next})
		}
	}
	return out
}

// keptOut are the quarantines that are in force at sites of the service.
func (v *view) keptOut(svc *fleet.Service) []ExplainedQuarantine {
	var out []ExplainedQuarantine
	for _, q := range v.Quarantines {
		if slices.ContainsFunc(svc.Sites, q.At) {
			out = append(out, ExplainedQuarantine{q.Prefix.String(), q.Site, q.Owner, q.Reason, q.Until})
		}
	}
	return out
}

// silencesAt are those that are in force at sites of the service.
func (v *view) silencesAt(svc *fleet.Service) []Silence {
	return deleted(v.Silences, func(s Silence) bool { return !slices.Contains(svc.Sites, s.Site) })
}

// eventsOf picks the events that touched the service's sites.
func (v *view) eventsOf(svc *fleet.Service) []Event {
	var out []Event
	for _, e := range v.Events {
		if e.Kind == EventRefused || e.Kind == EventIncident {
			continue
		}
		common := e.Kind == EventBrake && slices.Contains(svc.Transports, e.Transport) // of several sites
		if e.Service == svc.Name || (e.Service == "" && slices.Contains(svc.Sites, e.Site)) || common {
			out = append(out, *e)
		}
	}
	return out
}
