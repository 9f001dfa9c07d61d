package steer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// Explanation says why a name is answered as it is: from the check to the
// record.
type Explanation struct {
	Name    string            `json:"name"`
	Epoch   uint64            `json:"epoch"`
	Records []ExplainedRecord `json:"records"`
	LeftOut []ExplainedSlot   `json:"left_out"` // sites of the service that are not answered
	Events  []Event           `json:"events"`   // the last changes that touched it
}

// ExplainedRecord is one record and its reason.
type ExplainedRecord struct {
	Type   string       `json:"type"`
	TTL    uint32       `json:"ttl"` // seconds
	Text   string       `json:"text"`
	Site   fleet.SiteID `json:"site,omitempty"`
	Reason string       `json:"reason"`
	Checks []string     `json:"checks,omitempty"`
}

// ExplainedSlot is a site that is left out, and why.
type ExplainedSlot struct {
	Site      fleet.SiteID    `json:"site"`
	Transport fleet.Transport `json:"transport"`
	Reason    string          `json:"reason"`
	Checks    []string        `json:"checks,omitempty"`
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
	fqdn, ok := findName(&zone, name)
	if !ok {
		return Explanation{}, &Invalid{Field: "name", Message: fmt.Sprintf("the zone %s has no name %q", zone.Origin, name), Hint: "one of " + names(s.Fleet)}
	}
	e := Explanation{Name: fqdn, Epoch: s.Epoch}
	v := newView(&s)
	for _, set := range zone.Sets {
		if set.Name == fqdn {
			e.Records = append(e.Records, v.explainSet(set)...)
		}
	}
	for i := range s.Fleet.Services {
		svc := &s.Fleet.Services[i]
		for _, t := range svc.Transports {
			owner := s.Fleet.FQDN(string(svc.Name) + ".")
			if fqdn == owner || fqdn == t.Label()+"."+owner {
				e.LeftOut = append(e.LeftOut, v.leftOut(svc, t)...)
				e.Events = append(e.Events, v.eventsOf(svc)...)
			}
		}
	}
	slices.SortStableFunc(e.Events, func(a, b Event) int { return int(a.Revision) - int(b.Revision) })
	e.Events = slices.CompactFunc(e.Events, func(a, b Event) bool { return a.Revision == b.Revision && a.Text == b.Text })
	e.Events = e.Events[max(0, len(e.Events)-explainEvents):]
	return e, nil
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

func (v *view) explainSet(set srv.RRset) []ExplainedRecord {
	out := make([]ExplainedRecord, 0, len(set.Data))
	for _, d := range set.Data {
		r := ExplainedRecord{Type: set.Type.String(), TTL: set.TTL, Text: d.String(), Reason: "from the fleet file"}
		if target, ok := d.(srv.SRV); ok {
			v.explainTarget(&r, set.Name, target)
		}
		if set.Type == srv.TypeA || set.Type == srv.TypeAAAA {
			for i := range v.Fleet.Services {
				svc := &v.Fleet.Services[i]
				if v.Fleet.FQDN(string(svc.Name)+".") == set.Name {
					r.Site = v.bestSite(svc).Name
					r.Reason = fmt.Sprintf("address of %s, the best site now, for clients without SRV", r.Site)
				}
			}
		}
		out = append(out, r)
	}
	return out
}

func (v *view) explainTarget(r *ExplainedRecord, owner string, target srv.SRV) {
	for i := range v.Fleet.Services {
		svc := &v.Fleet.Services[i]
		for _, t := range svc.Transports {
			if t.Label()+"."+v.Fleet.FQDN(string(svc.Name)+".") != owner {
				continue
			}
			for n, st := range v.slots(svc, t) {
				if v.Fleet.HostName(v.Fleet.Site(st.Site)) != target.Target {
					continue
				}
				r.Site, r.Checks = st.Site, v.checksOf(st.Site, t)
				r.Reason = fmt.Sprintf("number %d in the preference of %s; %s", n+1, svc.Name, placeReason(st))
			}
		}
	}
}

func placeReason(st Standing) string {
	switch st.Place {
	case Leaving:
		return "leaving: " + st.Why
	case Returning:
		return fmt.Sprintf("coming back with %d %%: %s", st.Share, st.Why)
	case Gone:
		return "kept although it should be out, since nothing else is left (never-empty): " + st.Why
	}
	return "in"
}

// checksOf prints the verdicts on a transport of a site.
func (v *view) checksOf(site fleet.SiteID, t fleet.Transport) []string {
	var out []string
	for _, verdict := range v.Verdicts {
		c := verdict.Check
		if c.Site != site || c.Transport != t {
			continue
		}
		text := fmt.Sprintf("%s %s %s since %s", c.Switch, c.Kind, verdict.Status, verdict.Since.UTC().Format("15:04:05"))
		if verdict.Status == health.Down {
			text += fmt.Sprintf(" (%s: %s), seen by %s", verdict.Cause, verdict.Detail, joined(verdict.Observers))
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		out = append(out, "no verdict yet")
	}
	return out
}

func (v *view) leftOut(svc *fleet.Service, t fleet.Transport) []ExplainedSlot {
	var out []ExplainedSlot
	for _, st := range v.slots(svc, t) {
		if st.Place == Gone && !v.answered(svc, t, st.Site) {
			out = append(out, ExplainedSlot{Site: st.Site, Transport: t, Reason: st.Why, Checks: v.checksOf(st.Site, t)})
		}
	}
	return out
}

// eventsOf picks the events that touched the service's sites.
func (v *view) eventsOf(svc *fleet.Service) []Event {
	var out []Event
	for _, e := range v.Events {
		if e.Kind == EventRefused || e.Kind == EventIncident {
			continue
		}
		if e.Service == svc.Name || (e.Service == "" && slices.Contains(svc.Sites, e.Site)) {
			out = append(out, e)
		}
	}
	return out
}
