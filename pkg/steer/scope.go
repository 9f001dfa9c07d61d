package steer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// scope checks the site, service and transport that a command names and
// returns the slots that they cover.
func (t *transition) scope() ([]Slot, error) {
	c := t.cmd
	if c.Site == "" {
		return nil, &Invalid{Field: "site", Message: "no site is named", Hint: "one of " + joined(t.Fleet.SiteIDs())}
	}
	if t.Fleet.Site(c.Site) == nil {
		return nil, &Invalid{Field: "site", Message: fmt.Sprintf("no site is called %q", c.Site), Hint: oneOf(c.Site, t.Fleet.SiteIDs())}
	}
	if err := t.knownService(); err != nil {
		return nil, err
	}
	slots := SlotsOf(t.Fleet, c.Site, c.Service, c.Transport)
	if err := t.knownCohort(slots); err != nil {
		return nil, err
	}
	if len(slots) == 0 {
		return nil, &Invalid{
			Field: "site", Message: fmt.Sprintf("%s takes no part in what the command covers", c.Site),
			Hint: "sipsteer status   # shows which services and transports use it",
		}
	}
	return slots, nil
}

// knownCohort refuses a cohort where it means nothing.
func (t *transition) knownCohort(slots []Slot) error {
	c := t.cmd
	if !c.Pace.Valid() || c.Pace != "" && c.Kind != KindFailback && c.Kind != KindUndrain {
		return &Invalid{Field: "pace", Message: fmt.Sprintf("%s has no pace %q", c.Kind, c.Pace), Hint: "--pace weights or --pace cohorts, of failback and undrain"}
	}
	if c.Cohort.IsZero() {
		return nil
	}
	if c.Kind != KindDrain && c.Kind != KindUndrain && c.Kind != KindFailback {
		return &Invalid{Field: "cohort", Message: fmt.Sprintf("%s is about everyone", c.Kind), Hint: "a cohort can be named by drain, undrain and failback"}
	}
	v := newView(&t.State)
	if !slices.ContainsFunc(slots, func(s Slot) bool { return v.hasTenants(s.Service) }) {
		return &Invalid{Field: "cohort", Message: "the services that the command covers have no tenants", Hint: "sipsteer tenant import FILE   # or leave --cohort away"}
	}
	return nil
}

func (t *transition) knownService() error {
	if t.cmd.Service == "" || t.Fleet.Service(t.cmd.Service) != nil {
		return nil
	}
	names := make([]fleet.ServiceID, len(t.Fleet.Services))
	for i := range t.Fleet.Services {
		names[i] = t.relative(t.Fleet.Services[i].Name)
	}
	return &Invalid{Field: "service", Message: fmt.Sprintf("no service is called %q", t.cmd.Service), Hint: oneOf(t.relative(t.cmd.Service), names)}
}

// relative is a service's name without the zone, as people type it.
func (t *transition) relative(s fleet.ServiceID) fleet.ServiceID {
	return fleet.ServiceID(strings.TrimSuffix(string(s), "."+t.Fleet.Zone))
}

// oneOf lists what would be right, and first what was probably meant.
func oneOf[T ~string](word T, right []T) string {
	names := make([]string, len(right))
	for i, r := range right {
		names[i] = string(r)
	}
	list := "one of " + strings.Join(names, ", ")
	if near := fleet.Nearest(string(word), names); near != "" {
		return "did you mean " + near + "? " + list
	}
	return list
}

// SlotsOf returns the slots of a site, ordered; an empty service or a zero
// transport means all.
func SlotsOf(f *fleet.Fleet, site fleet.SiteID, service fleet.ServiceID, transport fleet.Transport) []Slot {
	fs := f.Site(site)
	if fs == nil {
		return nil
	}
	var serves [int(fleet.WSS) + 1]bool
	for _, t := range fs.Transports() {
		serves[t] = true
	}
	n := 0
	for i := range f.Services {
		if service == "" || f.Services[i].Name == service {
			n += len(f.Services[i].Transports)
		}
	}
	out := make([]Slot, 0, n)
	for i := range f.Services {
		svc := &f.Services[i]
		if (service != "" && svc.Name != service) || !slices.Contains(svc.Sites, site) {
			continue
		}
		for _, tr := range fleet.Transports { // in the order of slots
			if (transport == 0 || tr == transport) && serves[tr] && slices.Contains(svc.Transports, tr) {
				out = append(out, Slot{svc.Name, site, tr})
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	if !slices.IsSortedFunc(out, Slot.Compare) {
		slices.SortFunc(out, Slot.Compare)
	}
	return out
}

// line is the command line of the operator's command, for hints.
func (c Command) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "sipsteer %s %s", c.Kind, c.Site)
	if c.Service != "" {
		fmt.Fprintf(&b, " --service %s", c.Service)
	}
	if c.Transport != 0 {
		fmt.Fprintf(&b, " --transport %s", c.Transport)
	}
	if !c.Cohort.IsZero() {
		fmt.Fprintf(&b, " --cohort %s", c.Cohort)
	}
	if c.Pace != "" {
		fmt.Fprintf(&b, " --pace %s", c.Pace)
	}
	if c.Now {
		b.WriteString(" --now")
	}
	if c.Reason != "" {
		fmt.Fprintf(&b, " --reason %q", c.Reason)
	}
	if c.For > 0 {
		fmt.Fprintf(&b, " --for %s", c.For)
	}
	return b.String()
}

func (c Command) change(slots []Slot) change {
	return change{site: c.Site, slots: slots, cohort: c.Cohort, override: c.Override, actor: c.By, retry: c.line()}
}

func joined[T ~string](ids []T) string {
	s := make([]string, len(ids))
	for i, id := range ids {
		s[i] = string(id)
	}
	return strings.Join(s, ", ")
}
