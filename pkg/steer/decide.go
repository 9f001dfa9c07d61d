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

// Input is what the leader knows beside the State.
type Input struct {
	// Now is the leader's time. Decide compares it only with times that a
	// leader stamped.
	Now time.Time
	// Verdicts are the combined ones, of every check that has any. A check
	// that is missing keeps the verdict that State has.
	Verdicts []health.Verdict
	// Settled is false until a new leader has heard the observers for one
	// window: it takes over verdicts, but moves nothing.
	Settled bool
	// Offset is what the clock of the policy's time zone is ahead of UTC at Now,
	// in seconds.
	Offset int
	// Loud are sources that send far more than others, in the order in which they
	// are looked at.
	Loud []LoudSource
	// Newest is the newest version of commands that every voter applies; 0 is this
	// program's. What needs a newer one is not proposed, so that it holds up
	// nothing else while a fleet is upgraded.
	Newest int
}

// Decide is the leader's policy: what to propose now, in this order. It
// proposes nothing that Apply would refuse, and nothing twice: after its
// commands were applied it returns none for the same input.
func Decide(s State, in Input) []Command {
	if s.Fleet == nil {
		return nil
	}
	d := &decision{state: s, in: in}
	d.verdicts()
	d.floods()
	d.expiries()
	d.stages()
	d.keySteps()
	if in.Settled {
		d.isolations()
		d.ends()
		d.failbacks()
		d.withdrawals()
	}
	return d.commands
}

// decision carries the State forward as if each proposed command had been
// applied, so that later parts see what earlier ones did.
type decision struct {
	state    State
	in       Input
	commands []Command
	seen     *view // of state; nil when it has changed
}

// view is of the State as far as it was decided.
func (d *decision) view() *view {
	if d.seen == nil {
		d.seen = newView(&d.state)
	}
	return d.seen
}

func (d *decision) propose(c Command) bool {
	c.At, c.Offset, c.By = d.in.Now, d.in.Offset, AutomationOwner
	c.Version = c.Needs()
	if d.in.Newest != 0 && c.Version > max(d.in.Newest, d.state.Format) {
		return false
	}
	t, err := apply(d.state, c, d.seen)
	if err != nil {
		return false
	}
	d.state, d.seen = t.State, t.seen
	if d.seen != nil {
		d.seen.State = &d.state
	}
	d.commands = append(d.commands, c)
	return true
}

// verdicts passes on those that differ from the State's.
func (d *decision) verdicts() {
	var changed []health.Verdict
	for _, v := range d.in.Verdicts {
		i, ok := slices.BinarySearchFunc(d.state.Verdicts, v, compareVerdicts)
		if ok && d.state.Verdicts[i].Status == v.Status && d.state.Verdicts[i].Cause == v.Cause {
			continue
		}
		if !ok && v.Status == health.Unknown {
			continue
		}
		changed = append(changed, v)
	}
	if len(changed) > 0 {
		slices.SortFunc(changed, compareVerdicts)
		d.propose(Command{Kind: KindVerdicts, Verdicts: changed})
	}
}

func (d *decision) expiries() {
	for _, dr := range d.state.Drains {
		if !dr.Until.After(d.in.Now) {
			d.propose(Command{Kind: KindDrainExpire, Target: dr.ID, Site: dr.Site})
		}
	}
	if slices.ContainsFunc(d.state.Holds, func(h Hold) bool { return !h.Until.After(d.in.Now) }) {
		d.propose(Command{Kind: KindHoldExpire})
	}
	if slices.ContainsFunc(d.state.Blocks, func(b Block) bool { return !b.Until.After(d.in.Now) }) {
		d.propose(Command{Kind: KindUnblock})
	}
	if slices.ContainsFunc(d.state.Quarantines, func(q Quarantine) bool { return !q.Until.After(d.in.Now) }) {
		d.propose(Command{Kind: KindQuarantineExpire})
	}
	d.silences()
}

// stages moves each drain on when the time of its stage is over.
func (d *decision) stages() {
	for _, dr := range d.state.Drains {
		if wait, ok := StageTime(d.state.Fleet, dr); ok && !dr.StageAt.Add(wait).After(d.in.Now) {
			d.propose(Command{Kind: KindDrainStage, Target: dr.ID, Site: dr.Site, Reason: dr.Reason})
		}
	}
}

// StageTime is how long the drain stays in its stage; false when it is the
// last one.
func StageTime(f *fleet.Fleet, dr Drain) (time.Duration, bool) {
	switch dr.Stage {
	case StageAnnounce:
		return dr.OldTTL.D() + f.Policy.DrainGrace.D(), true
	case StageRegister:
		return f.Policy.RegistrationPeriod.D(), true
	case StageRefuse:
		return dr.OldTTL.D() + f.Policy.DrainGrace.D(), true
	}
	return 0, false
}

// failbacks steps on where the site is well and the interval is over, and back
// where it began to fail.
func (d *decision) failbacks() {
	for _, f := range d.state.Failbacks {
		v := d.view()
		status := v.worstOf(f.Slots)
		switch {
		case status == health.Down && f.Step >= 0 && len(v.mayStepBack(&f)) == 0: // nothing else is left
		case status == health.Down && f.Step >= 0:
			d.propose(Command{Kind: KindFailbackAbort, Site: f.Site, Cohort: f.Cohort, Reason: "failing again while traffic came back"})
		case d.state.ReturnBefore(&f) != nil: // one after the other
		case status != health.Up || f.NotBefore.After(d.in.Now) || !d.state.mayReturn(&f, d.in.Now, d.in.Offset):
		case f.Step < 0, !f.StepAt.Add(d.state.Fleet.Policy.FailbackInterval.D()).After(d.in.Now):
			d.propose(Command{Kind: KindFailbackStep, Site: f.Site, Cohort: f.Cohort, Reason: f.Reason})
		}
	}
}

func (v *view) worstOf(slots []Slot) health.Status {
	worst := health.Up
	for _, s := range slots {
		switch v.at(s.Site, s.Transport) {
		case health.Down:
			return health.Down
		case health.Unknown:
			worst = health.Unknown
		}
	}
	return worst
}

// withdrawals takes out what is down, as far as the guards allow, and says
// what they do not allow: that only when all is taken out, since a removal
// changes what is said of the other sites.
func (d *decision) withdrawals() {
	for _, site := range d.state.Fleet.SiteIDs() {
		if slots, _ := d.failing(site); len(slots) > 0 {
			d.propose(Command{Kind: KindWithdraw, Site: site, Slots: slots, Reason: d.view().failure(site, slots)})
		}
	}
	var advice []Advice
	for _, site := range d.state.Fleet.SiteIDs() {
		_, held := d.failing(site)
		advice = append(advice, named(held, d.in.Loud)...)
	}
	slices.SortFunc(advice, func(a, b Advice) int {
		return cmp.Or(a.Slot.Compare(b.Slot), strings.Compare(string(a.Rule), string(b.Rule)))
	})
	if !sameAdvice(advice, d.state.Advice) {
		d.propose(Command{Kind: KindAdvise, Advice: advice})
	}
}

// failing sorts the slots of a site that are answered and down into those that
// the guards let go and those that they hold.
func (d *decision) failing(site fleet.SiteID) (allowed []Slot, held []Advice) {
	v := d.view()
	if !v.anyDown(site) {
		return nil, nil
	}
	fit := v.newFit()
	c := change{site: site, failed: true, together: true, actor: AutomationOwner, retry: "sipsteer failover " + string(site) + " --reason …"}
	for _, slot := range SlotsOf(d.state.Fleet, site, "", 0) {
		if v.at(site, slot.Transport) != health.Down || v.goneForAll(slot) || v.service(slot.Service).Automation == fleet.AutomationOff {
			continue
		}
		c.slots = []Slot{slot}
		r := v.automationGuards(c, slot, d.in.Now)
		if r == nil {
			r = v.sameChange(slot)
		}
		if r == nil {
			r = fit.refusal(c, c.slots)
		}
		if r != nil {
			held = append(held, Advice{Slot: slot, Rule: r.Rule, Text: fmt.Sprintf("%s (now %s, limit %s)", r.Text, r.Value, r.Limit), Next: r.Next, Since: d.since(slot, r.Rule)})
			continue
		}
		allowed = append(allowed, slot)
	}
	return allowed, held
}

// anyDown reports whether any transport of the site is down.
func (v *view) anyDown(site fleet.SiteID) bool {
	for _, t := range fleet.Transports {
		if v.at(site, t) == health.Down {
			return true
		}
	}
	return false
}

func (d *decision) since(slot Slot, rule Rule) time.Time {
	for _, a := range d.state.Advice {
		if a.Slot == slot && a.Rule == rule {
			return a.Since
		}
	}
	return d.in.Now
}

// sameAdvice ignores the words, which hold running times.
func sameAdvice(a, b []Advice) bool {
	return slices.EqualFunc(a, b, func(x, y Advice) bool { return x.Slot == y.Slot && x.Rule == y.Rule && x.floods() == y.floods() })
}

// failure says in one sentence what failed at the site.
func (v *view) failure(site fleet.SiteID, slots []Slot) string {
	var parts []string
	for _, verdict := range v.Verdicts {
		c := verdict.Check
		if c.Site != site || verdict.Status != health.Down {
			continue
		}
		if !slices.ContainsFunc(slots, func(s Slot) bool { return s.Transport == c.Transport }) {
			continue
		}
		if p := fmt.Sprintf("%s %s", c.Transport, cmp.Or(string(verdict.Cause), "down")); !slices.Contains(parts, p) {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ", ")
}
