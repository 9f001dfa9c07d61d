package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// moving says until when phones of a service are on their way to other sites or
// back: a registration period and the life of an answer after the last change.
// Zero when none are. Phones that are told nothing register then as they do
// always, so the moment holds for all that keep to their period.
func moving(s *steer.State, service fleet.ServiceID, now time.Time) time.Time {
	var last time.Time
	note := func(t time.Time) {
		if t.After(last) {
			last = t
		}
	}
	for _, o := range s.Outs {
		if o.Service == service {
			note(o.Since)
		}
	}
	for _, d := range s.Drains {
		if d.Stage >= steer.StageRegister && slices.ContainsFunc(steer.SlotsOf(s.Fleet, d.Site, d.Service, d.Transport), func(x steer.Slot) bool { return x.Service == service }) {
			note(d.GoneAt)
		}
	}
	for _, f := range s.Failbacks {
		if f.Step >= 0 && slices.ContainsFunc(f.Slots, func(x steer.Slot) bool { return x.Service == service }) {
			note(f.StepAt)
		}
	}
	until := last.Add(settles(s))
	if last.IsZero() || !until.After(now) {
		return time.Time{}
	}
	return until
}

// settles is how long phones take until they have registered again by themselves.
func settles(s *steer.State) time.Duration {
	return s.Fleet.Policy.RegistrationPeriod.D() + s.Fleet.Policy.TTLNormal.D()
}

func minutes(d time.Duration) int { return max(1, int((d+time.Minute-1)/time.Minute)) }

// ServiceOf tells a customer of one service; false when there is none of that name.
func ServiceOf(s steer.State, service fleet.ServiceID, now time.Time) (ServiceHealth, bool) {
	for _, h := range StatusOf(s, "", now).Services {
		if h.Name == string(service) {
			return h, true
		}
	}
	return ServiceHealth{}, false
}

// Says is what a customer of the service is told, in whole sentences without the
// name of a site or a machine.
func (h *ServiceHealth) Says(o Options) ([]string, error) {
	l, err := languageOf(o.Lang)
	if err != nil {
		return nil, err
	}
	return h.sentences(l, o.zone()), nil
}

func (h *ServiceHealth) sentences(l *language, where *time.Location) []string {
	out := []string{l.say("tells." + string(h.State))}
	if !h.MovedBy.IsZero() {
		by := h.MovedBy.In(where)
		out = append(out, l.say("tells.moving", h.Minutes, by.Format("15:04")+" ("+zone(by)+")"))
	}
	return out
}

// Only is the page of a brand that has some of the services: what concerns others
// is not on it.
func (s *Status) Only(services []string) Status {
	if len(services) == 0 {
		return *s
	}
	theirs := func(name string) bool { return slices.Contains(services, name) }
	out := *s
	out.Services = slices.DeleteFunc(slices.Clone(s.Services), func(h ServiceHealth) bool { return !theirs(h.Name) })
	keep := func(list []Notice) []Notice {
		kept := []Notice{}
		for _, n := range list {
			had := len(n.Services)
			n.Services = slices.DeleteFunc(slices.Clone(n.Services), func(x string) bool { return !theirs(x) })
			if had == 0 || len(n.Services) > 0 {
				kept = append(kept, n)
			}
		}
		return kept
	}
	out.Open, out.Past = keep(s.Open), keep(s.Past)
	out.At = time.Time{}
	for _, n := range slices.Concat(out.Open, out.Past) {
		if n.UpdatedAt.After(out.At) {
			out.At = n.UpdatedAt
		}
	}
	out.State = worst(out)
	return out
}

// Changes is when the page says something else by the clock alone, after now;
// false when it does not.
func (s *Status) Changes(now time.Time) (time.Time, bool) {
	var next time.Time
	for _, h := range s.Services {
		if h.MovedBy.After(now) && (next.IsZero() || h.MovedBy.Before(next)) {
			next = h.MovedBy
		}
	}
	return next, !next.IsZero()
}

// Unknown lists those of the names that are no service of the fleet, which a page
// would show nothing of.
func (s *Status) Unknown(services []string) error {
	for _, name := range services {
		if !slices.ContainsFunc(s.Services, func(h ServiceHealth) bool { return h.Name == name }) {
			return fmt.Errorf("no service is called %q", name)
		}
	}
	return nil
}
