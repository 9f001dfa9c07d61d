package sim

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Rule is one thing that must hold, whatever happens. It is written down a
// second time here, from the design and not from the guards.
type Rule struct {
	Name  string
	Check func(Step) error
}

// Step is one command that was applied.
type Step struct {
	Before, After steer.State
	Command       steer.Command
	Events        []steer.Event
	Err           error
}

// Rules are what must hold after every step.
func Rules() []Rule {
	return []Rule{
		{"never-empty", neverEmpty},
		{"epoch-forward", epochForward},
		{"one-at-a-time", oneAtATime},
		{"block", oneActionAtATime},
		{"common-cause", commonCause},
		{"target-proven", targetProven},
		{"per-transport", perTransport},
		{"capacity", capacity},
		{"calls-survive", callsSurvive},
		{"manual-back", manualBack},
		{"expires", expires},
		{"refusals-speak", refusalsSpeak},
		{"maintenance", maintenance},
		{"never-hidden", neverHidden},
		{"brakes-of-the-unexpected", brakesOfTheUnexpected},
	}
}

// CheckStep returns the first rule that a step breaks.
func CheckStep(s Step) error {
	for _, r := range Rules() {
		if err := r.Check(s); err != nil {
			return fmt.Errorf("rule %s broken by %s of %s at epoch %d: %w", r.Name, s.Command.Kind, s.Command.Site, s.After.Epoch, err)
		}
	}
	return nil
}

// CheckRest is rule expires for a leader that has nothing to do: what had an end
// that has come is over, or says why it is not.
func CheckRest(s steer.State, now time.Time) error {
	if late := steer.Overdue(s, now); late != "" {
		return fmt.Errorf("rule expires broken at rest, at epoch %d: %s", s.Epoch, late)
	}
	return nil
}

func neverEmpty(s Step) error {
	zone := steer.Records(s.After)
	if err := zone.Check(); err != nil {
		return err
	}
	for _, bucket := range buckets(s.After) {
		standings := steer.StandingsFor(s.After, bucket)
		for _, a := range standings {
			if !slices.ContainsFunc(standings, func(b steer.Standing) bool {
				return b.Service == a.Service && b.Transport == a.Transport && b.Place != steer.Gone
			}) {
				return fmt.Errorf("no site is left in %s of %s, for bucket %d", a.Transport.Label(), a.Service, bucket)
			}
		}
	}
	return nil
}

// buckets are one of each part of the tenants that is answered alike, and the
// one of those without a tenant.
func buckets(s steer.State) []int {
	out := []int{fleet.OwnName}
	for i := range s.Fleet.Services {
		for _, p := range steer.Parts(s, &s.Fleet.Services[i])[1:] {
			if b := p.Cohort.Least(); !slices.Contains(out, b) {
				out = append(out, b)
			}
		}
	}
	return out
}

// outFor is for whom a slot is out.
func outFor(s steer.State, slot steer.Slot) (c fleet.Cohort) {
	for _, o := range s.Outs {
		if o.Slot == slot && o.Cohort.IsZero() {
			return fleet.Everyone()
		}
		if o.Slot == slot {
			c = c.Or(o.Cohort)
		}
	}
	return c
}

func epochForward(s Step) error {
	b, a := s.Before, s.After
	switch {
	case a.Epoch < b.Epoch || a.Epoch > b.Epoch+1:
		return fmt.Errorf("epoch %d after %d", a.Epoch, b.Epoch)
	case a.Now.Before(b.Now):
		return fmt.Errorf("time went from %s to %s", b.Now, a.Now)
	case a.Epoch == b.Epoch && !reflect.DeepEqual(steer.Records(a), steer.Records(b)):
		return errors.New("other records under the same epoch")
	}
	return nil
}

// newOuts are the slots that the step took out.
func newOuts(s Step) []steer.Out {
	return slices.DeleteFunc(slices.Clone(s.After.Outs), func(o steer.Out) bool {
		return outFor(s.After, o.Slot).Without(outFor(s.Before, o.Slot)).IsZero()
	})
}

func sitesAway(s steer.State) map[fleet.SiteID]bool {
	away := map[fleet.SiteID]bool{}
	for _, o := range s.Outs {
		away[o.Site] = true
	}
	for _, d := range s.Drains {
		away[d.Site] = true
	}
	return away
}

func oneAtATime(s Step) error {
	was, is := len(sitesAway(s.Before)), len(sitesAway(s.After))
	if is <= was || is <= s.After.Fleet.Policy.MaxSitesOut {
		return nil
	}
	if s.Command.Automation() {
		return fmt.Errorf("automation made it %d sites", is)
	}
	if !slices.Contains(s.Command.Override, steer.RuleOneAtATime) {
		return fmt.Errorf("%s made it %d sites without naming the rule", s.Command.By, is)
	}
	return nil
}

func oneActionAtATime(s Step) error {
	if s.Command.Kind != steer.KindWithdraw {
		return nil
	}
	for _, o := range newOuts(s) {
		for _, b := range s.Before.Blocks {
			if b.Service == o.Service && b.Site != o.Site && b.Until.After(s.After.Now) {
				return fmt.Errorf("%s was moved away from %s, and again before %s", o.Service, b.Site, b.Until)
			}
		}
	}
	return nil
}

func commonCause(s Step) error {
	if s.Command.Kind != steer.KindWithdraw {
		return nil
	}
	for _, cc := range health.CommonCause(unexpected(s.Before.Verdicts), s.Before.Fleet.Policy.CommonCauseWindow.D(), s.After.Now) {
		for _, o := range newOuts(s) {
			if o.Transport == cc.Transport && slices.Contains(cc.Sites, o.Site) {
				return fmt.Errorf("%s was taken out although %s", o.Slot, cc.Sentence)
			}
		}
	}
	return nil
}

func targetProven(s Step) error {
	if s.Command.Kind != steer.KindWithdraw {
		return nil
	}
	for _, bucket := range buckets(s.After) {
		standings := steer.StandingsFor(s.After, bucket)
		for _, o := range newOuts(s) {
			if !slices.ContainsFunc(standings, func(x steer.Standing) bool {
				return x.Service == o.Service && x.Transport == o.Transport && x.Place != steer.Gone && x.Status == health.Up
			}) {
				return fmt.Errorf("traffic of %s moved to where nothing is known to be up, for bucket %d", o.Slot, bucket)
			}
		}
	}
	return nil
}

// capacity: automation leaves to no site more than it can carry.
func capacity(s Step) error {
	if s.Command.Kind != steer.KindWithdraw {
		return nil
	}
	before, after := steer.Loads(s.Before), steer.Loads(s.After)
	for i := range s.After.Fleet.Sites {
		site := &s.After.Fleet.Sites[i]
		if after[site.Name].Registrations <= before[site.Name].Registrations+1e-6 {
			continue
		}
		if over := steer.Over(s.After.Fleet, site, after[site.Name]); len(over) > 0 {
			return fmt.Errorf("%s carries too much: %v", site.Name, over)
		}
	}
	return nil
}

func perTransport(s Step) error {
	if s.Command.Kind != steer.KindWithdraw {
		return nil
	}
	for _, o := range newOuts(s) {
		if st := s.Before.SiteStatus(o.Site, o.Transport); st != health.Down {
			return fmt.Errorf("%s went out while it is %s", o.Slot, st)
		}
	}
	return nil
}

func callsSurvive(s Step) error {
	gates := steer.GateStates(s.After)
	for i := range s.After.Fleet.Services {
		for _, p := range steer.Parts(s.After, &s.After.Fleet.Services[i]) {
			if err := refusedApart(gates, &s.After.Fleet.Services[i], p); err != nil {
				return err
			}
		}
	}
	for _, site := range s.After.Fleet.SiteIDs() {
		for _, r := range gates[site].Rules {
			if r.Mode == steer.GateClosed {
				return fmt.Errorf("%s closed over %s by decision", site, r.Transport)
			}
		}
	}
	return nil
}

// refusedApart: who is sent to a site is not refused there, whoever else is; who is
// not sent there any more is refused.
func refusedApart(gates map[fleet.SiteID]steer.GateState, svc *fleet.Service, p steer.Part) error {
	for _, t := range svc.Transports {
		for _, site := range svc.Sites {
			g := gates[site]
			if !slices.ContainsFunc(g.Rules, func(r steer.GateRule) bool { return r.Transport == t }) {
				continue // the site does not serve it
			}
			sent := slices.ContainsFunc(p.Answers[t], func(x steer.Target) bool { return x.Site == site })
			for bucket := range fleet.OwnName + 1 {
				if !p.Cohort.Has(bucket) {
					continue
				}
				if mode := g.Rule(t).For(svc.Name, bucket).Mode; (mode == steer.GateOpen) != sent {
					return fmt.Errorf("bucket %d of %s is sent to %s over %s: %t, and the gate there is %s", bucket, svc.Name, site, t, sent, mode)
				}
			}
		}
	}
	return nil
}

func manualBack(s Step) error {
	switch s.Command.Kind {
	case steer.KindFailback, steer.KindUndrain, steer.KindFailbackStep, steer.KindDrainExpire, steer.KindSetFleet:
		return nil
	case steer.KindOutExpire:
		return endsGently(s)
	}
	if len(s.After.Failbacks) > len(s.Before.Failbacks) || slices.ContainsFunc(s.Before.Outs, func(o steer.Out) bool {
		return !outFor(s.Before, o.Slot).Without(outFor(s.After, o.Slot)).IsZero()
	}) {
		return errors.New("something came back that nobody brought back")
	}
	return nil
}

// endsGently: at the end of a failover nothing comes back at once, and a return in
// steps begins only to where all that returns is up, but for what waited to return
// before.
func endsGently(s Step) error {
	for _, o := range s.Before.Outs {
		if !outFor(s.Before, o.Slot).Without(outFor(s.After, o.Slot)).IsZero() {
			return fmt.Errorf("%s came back at once when its time was over", o.Slot)
		}
	}
	for _, f := range s.After.Failbacks {
		if slices.ContainsFunc(s.Before.Failbacks, func(x steer.Failback) bool { return x.Site == f.Site && x.Cohort == f.Cohort && x.Since.Equal(f.Since) }) {
			continue
		}
		for _, slot := range f.Slots {
			if slices.ContainsFunc(s.Before.Failbacks, func(x steer.Failback) bool {
				return x.Site == f.Site && x.Cohort == f.Cohort && slices.Contains(x.Slots, slot)
			}) {
				continue
			}
			if st := s.Before.SiteStatus(slot.Site, slot.Transport); st != health.Up {
				return fmt.Errorf("%s comes back by the end of a failover while it is %s", slot, st)
			}
		}
	}
	return nil
}

func expires(s Step) error {
	for _, d := range s.After.Drains {
		if d.Owner == "" || d.Reason == "" || d.Until.Sub(s.After.Now) > fleet.MaxForLimit || !d.Until.After(d.Since) {
			return fmt.Errorf("drain %s of %s has no owner, reason or end", d.ID, d.Scope())
		}
	}
	for _, o := range s.After.Outs {
		if o.By == "" || o.Reason == "" || o.Until.Sub(s.After.Now) > fleet.MaxForLimit || o.Stays != "" && o.Until.After(s.After.Now) {
			return fmt.Errorf("%s is out by %q (%s) %s", o.Slot, o.By, o.Reason, o.Lasts())
		}
	}
	for _, h := range s.After.Holds {
		if h.Owner == "" || h.Reason == "" || h.Until.Sub(h.Since) > fleet.MaxForLimit {
			return errors.New("a hold has no owner, reason or end")
		}
	}
	for _, x := range s.After.Silences {
		if x.Owner == "" || x.Reason == "" || x.Until.Sub(x.Since) > fleet.MaxForLimit {
			return errors.New("a silence has no owner, reason or end")
		}
	}
	return nil
}

func refusalsSpeak(s Step) error {
	var r *steer.Refusal
	if errors.As(s.Err, &r) && (r.Rule == "" || r.Text == "" || r.Value == "" || r.Limit == "" || r.Next == "") {
		return fmt.Errorf("a refusal lacks rule, value, limit or the next command: %+v", *r)
	}
	return nil
}
