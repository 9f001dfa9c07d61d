package sim

import (
	"fmt"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// maintenance: a failure is expected if, and only if, it began where people had
// taken everyone away, or had said that they work there; and for as long as that
// lasts, automation moves nobody because of it, and a service is served elsewhere.
// It follows the verdicts from step to step, so that the other rules can rely on
// what they say.
func maintenance(s Step) error {
	for i := range s.After.Verdicts {
		v := &s.After.Verdicts[i]
		was := verdictIn(s.Before, v.Check)
		want := health.NoMaintenance
		switch {
		case v.Status != health.Down:
		case was.Status == health.Down:
			want = was.Maintenance
		case expected(s.Before, v.Check):
			want = health.InMaintenance
		}
		if want == health.InMaintenance && (!expected(s.After, v.Check) || movedBy(s, v.Check) || outOfService(s.After, v.Check)) {
			want = health.AfterMaintenance
		}
		if v.Maintenance != want {
			return fmt.Errorf("%s is down with maintenance %d, and should be with %d", v.Check, v.Maintenance, want)
		}
	}
	return nil
}

// expected reports whether people have said that what a check asks may fail.
func expected(s steer.State, c health.Check) bool {
	for _, x := range s.Silences {
		if x.Site == c.Site && (x.Transport == 0 || x.Transport == c.Transport) && x.Switch == "" && x.Check == "" { // as orders are
			return true
		}
	}
	return emptied(s, c)
}

// outOfService reports whether a service that is answered where a check asks is
// answered nowhere that is not down.
func outOfService(s steer.State, c health.Check) bool {
	standings := steer.StandingsFor(s, fleet.OwnName)
	for i := range s.Fleet.Services {
		svc := &s.Fleet.Services[i]
		var answered, any []steer.Standing
		for _, x := range standings {
			if x.Service == svc.Name && x.Transport == c.Transport {
				any = append(any, x)
				if x.Place != steer.Gone {
					answered = append(answered, x)
				}
			}
		}
		if len(answered) == 0 {
			answered = any // kept for want of others
		}
		here := slices.ContainsFunc(answered, func(x steer.Standing) bool { return x.Site == c.Site })
		if here && !slices.ContainsFunc(answered, func(x steer.Standing) bool { return x.Status != health.Down }) {
			return true
		}
	}
	return false
}

func verdictIn(s steer.State, c health.Check) health.Verdict {
	for _, v := range s.Verdicts {
		if v.Check == c {
			return v
		}
	}
	return health.Verdict{Check: c}
}

// emptied reports whether drains have taken every bucket of every service away from
// where a check asks, and no drain is still only announced to them.
func emptied(s steer.State, c health.Check) bool {
	left := func(service fleet.ServiceID) bool {
		for bucket := range fleet.OwnName + 1 {
			if !slices.ContainsFunc(s.Drains, func(d steer.Drain) bool {
				return d.Maintenance && d.Stage != steer.StageAnnounce && d.Site == c.Site && (d.Service == "" || d.Service == service) &&
					(d.Transport == 0 || d.Transport == c.Transport) && (d.Cohort.IsZero() || d.Cohort.Has(bucket))
			}) {
				return false
			}
		}
		return true
	}
	used := false
	for i := range s.Fleet.Services {
		svc := &s.Fleet.Services[i]
		if slices.Contains(svc.Sites, c.Site) && slices.Contains(svc.Transports, c.Transport) {
			used = true
			if !left(svc.Name) {
				return false
			}
		}
	}
	return used || left("")
}

// movedBy reports whether automation took phones away from where a check asks.
func movedBy(s Step, c health.Check) bool {
	if s.Err != nil || s.Command.Kind != steer.KindWithdraw && s.Command.Kind != steer.KindFailbackAbort {
		return false
	}
	for _, e := range s.Events {
		if e.Kind != steer.EventWithdraw && e.Kind != steer.EventStepBack || e.Site != c.Site {
			continue
		}
		for _, b := range s.Before.Failbacks { // what is stepped back from, or taken out anew
			if b.Site == c.Site && slices.ContainsFunc(b.Slots, func(x steer.Slot) bool { return x.Transport == c.Transport }) {
				return true
			}
		}
		if slices.ContainsFunc(newOuts(s), func(o steer.Out) bool { return o.Site == c.Site && o.Transport == c.Transport }) {
			return true
		}
	}
	return false
}

// neverHidden: every failure that nobody expects has an incident, and so has every
// move by automation; what is expected has none.
func neverHidden(s Step) error {
	loud := func(site fleet.SiteID) bool {
		return slices.ContainsFunc(s.After.Verdicts, func(v health.Verdict) bool {
			return v.Check.Site == site && v.Status == health.Down && v.Maintenance != health.InMaintenance
		})
	}
	for _, site := range s.After.Fleet.SiteIDs() {
		moved := slices.ContainsFunc(s.Events, func(e steer.Event) bool { return e.Kind == steer.EventWithdraw && e.Site == site })
		open := slices.ContainsFunc(s.After.Incidents, func(in steer.Incident) bool { return in.Open() && slices.Contains(in.Sites, site) })
		if (loud(site) || moved) && !open {
			return fmt.Errorf("%s fails, moved by automation: %t, and no incident is open", site, moved)
		}
	}
	for _, e := range s.Events {
		if e.Kind == steer.EventIncident && e.Word == "opened" && e.By == steer.AutomationOwner && !loud(e.Site) {
			return fmt.Errorf("an incident was opened for what is expected: %s", e.Text)
		}
	}
	return nil
}

// brakesOfTheUnexpected: each site of a new brake fails as nobody expected, and a
// brake stays only while something does.
func brakesOfTheUnexpected(s Step) error {
	for _, b := range s.After.Brakes {
		fails := func(site fleet.SiteID) bool {
			return slices.ContainsFunc(unexpected(s.After.Verdicts), func(v health.Verdict) bool {
				return v.Check.Site == site && (b.Source.IsValid() || v.Check.Transport == b.Transport && v.Check.Kind == b.Kind)
			})
		}
		if !slices.ContainsFunc(b.Sites, fails) {
			return fmt.Errorf("the brake on %s over %s at %v stays for what is expected", b.Kind, b.Transport, b.Sites)
		}
		for _, site := range b.Sites {
			known := slices.ContainsFunc(s.Before.Brakes, func(o steer.Brake) bool {
				return o.Kind == b.Kind && o.Transport == b.Transport && slices.Contains(o.Sites, site)
			})
			if !known && !fails(site) {
				return fmt.Errorf("%s brakes automation over %s, and what fails there is expected: %s", site, b.Transport, b.Sentence)
			}
		}
	}
	return nil
}

// unexpected are the failures that did not begin in maintenance.
func unexpected(verdicts []health.Verdict) []health.Verdict {
	return slices.DeleteFunc(slices.Clone(verdicts), func(v health.Verdict) bool {
		return v.Status != health.Down || v.Maintenance != health.NoMaintenance
	})
}
