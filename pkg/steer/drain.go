package steer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// drain begins a drain, renews one of the same scope, or turns a planned one
// into a forced one.
func (t *transition) drain() error {
	slots, err := t.scope()
	if err != nil {
		return err
	}
	if err := guardIntent(t.cmd, t.Fleet.Policy.MaxFor.D()); err != nil {
		return err
	}
	v := newView(&t.State)
	if r := v.removalGuards(t.cmd.change(slots), t.Now); r != nil {
		return r
	}
	t.decided = true
	t.overrides(t.cmd.Override...)
	if i := t.sameScope(); i >= 0 {
		t.renewDrain(i)
		return nil
	}
	d := Drain{
		ID:   fmt.Sprintf("d%d", t.Revision),
		Site: t.cmd.Site, Service: t.cmd.Service, Transport: t.cmd.Transport, Cohort: t.cmd.Cohort,
		Stage: StageAnnounce, StageAt: t.Now, OldTTL: v.longestTTL(slots), Maintenance: t.cmd.Maintenance, Intent: t.intent(),
	}
	text := "%s is leaving the answers: worse priority now, out in %s; until %s"
	if t.cmd.Now {
		d.Stage, d.GoneAt = StageRefuse, t.Now
		text = "%s left the answers at once and refuses new work; old answers run out in %s; until %s"
		if !d.Cohort.IsZero() { // as written by replicas whose gates knew no cohorts
			text = "%s left the answers at once; old answers run out in %s; until %s"
		}
	}
	t.Drains = inserted(t.Drains, d, func(a, b Drain) int { return strings.Compare(a.ID, b.ID) })
	t.cancelFailbacks(slots, d.Cohort)
	t.event(EventDrain, Event{
		Site: d.Site, Service: d.Service, Transport: d.Transport, Word: d.Stage.String(),
		Text: fmt.Sprintf(text, d.Scope(), t.announceTime(d), d.Until.UTC().Format(time.RFC3339)),
	})
	return nil
}

// announceTime is how long a drain stays in its first stage, and how long the
// old answers live after a removal: the old TTL and a grace.
func (t *transition) announceTime(d Drain) time.Duration {
	return d.OldTTL.D() + t.Fleet.Policy.DrainGrace.D()
}

func (t *transition) intent() Intent {
	return Intent{Owner: t.cmd.By, Reason: t.cmd.Reason, Since: t.Now, Until: t.until()}
}

func (t *transition) sameScope() int {
	return slices.IndexFunc(t.Drains, func(d Drain) bool {
		return d.Site == t.cmd.Site && d.Service == t.cmd.Service && d.Transport == t.cmd.Transport && d.Cohort == t.cmd.Cohort
	})
}

func (t *transition) renewDrain(i int) {
	drains := slices.Clone(t.Drains)
	d := &drains[i]
	d.Owner, d.Reason, d.Until, d.Maintenance = t.cmd.By, t.cmd.Reason, t.until(), d.Maintenance || t.cmd.Maintenance
	text := fmt.Sprintf("%s stays drained (%s) until %s", d.Scope(), d.Stage, d.Until.UTC().Format(time.RFC3339))
	if t.cmd.Now && d.Stage < StageRefuse {
		t.enterStage(d, StageRefuse)
		text = fmt.Sprintf("%s is drained at once: out of the answers, all new work refused", d.Scope())
	}
	t.Drains = drains
	t.event(EventDrain, Event{Site: d.Site, Service: d.Service, Transport: d.Transport, Word: d.Stage.String(), Text: text})
}

func (t *transition) enterStage(d *Drain, s DrainStage) {
	if d.Stage < StageRegister && s >= StageRegister {
		d.GoneAt = t.Now
	}
	d.Stage, d.StageAt = s, t.Now
}

// longestTTL is the longest that a resolver may hold today's answers.
func (v *view) longestTTL(slots []Slot) fleet.Duration {
	var longest fleet.Duration
	for _, s := range slots {
		longest = max(longest, v.Fleet.ServiceTTL(v.Fleet.Service(s.Service)).Normal)
	}
	return longest
}

// undrain ends the drains of a site. What had not left the answers yet is
// back at once; the rest comes back in steps, once the phones that left have
// registered elsewhere, so that nobody moves twice.
func (t *transition) undrain() error {
	if _, err := t.scope(); err != nil {
		return err
	}
	c := t.cmd
	ends := func(d Drain) bool {
		return d.Site == c.Site && (c.Service == "" || d.Service == c.Service) && (c.Transport == 0 || d.Transport == c.Transport) &&
			!everyoneIfNone(d.Cohort).And(everyoneIfNone(c.Cohort)).IsZero()
	}
	ending := slices.DeleteFunc(slices.Clone(t.Drains), func(d Drain) bool { return !ends(d) })
	if len(ending) == 0 {
		return t.notDrained()
	}
	if c.Now {
		back := c.change(SlotsOf(t.Fleet, c.Site, c.Service, c.Transport))
		if r := newView(&t.State).guardProvenSite(back); r != nil {
			return r
		}
		if r := t.guardFailbackTime(back); r != nil && t.bringsBack(back, ending) {
			return r
		}
		t.overrides(c.Override...)
	}
	t.decided = true
	t.Drains = deleted(t.Drains, ends)
	for _, d := range ending {
		d = t.leaveDrained(d, c.Cohort)
		t.endDrain(d, c.By, c.Reason, c.Now)
		t.event(EventUndrain, Event{
			Site: d.Site, Service: d.Service, Transport: d.Transport,
			Text: fmt.Sprintf("%s is no longer drained (was %s, by %s: %s); %s", d.Scope(), d.Stage, d.Owner, d.Reason, t.returns(d, c.Now)),
		})
	}
	return nil
}

// bringsBack reports whether anything that is not answered comes back when drains
// end at once.
func (t *transition) bringsBack(c change, ending []Drain) bool {
	v := newView(&t.State)
	return slices.ContainsFunc(ending, func(d Drain) bool { return d.Stage != StageAnnounce }) ||
		slices.ContainsFunc(c.slots, func(s Slot) bool { return !v.outOf(s).And(everyoneIfNone(c.cohort)).IsZero() })
}

// leaveDrained keeps a drain for those of whom its end is not, and returns the
// part that ends.
func (t *transition) leaveDrained(d Drain, ends fleet.Cohort) Drain {
	all := everyoneIfNone(d.Cohort)
	if left := all.Without(everyoneIfNone(ends)); !left.IsZero() {
		stays := d
		stays.Cohort = left
		t.Drains = inserted(t.Drains, stays, func(a, b Drain) int { return strings.Compare(a.ID, b.ID) })
		d.Cohort = all.And(ends)
	}
	return d
}

func (t *transition) returns(d Drain, now bool) string {
	if d.Stage == StageAnnounce || now {
		return "back in the answers at once"
	}
	return t.inSteps()
}

// inSteps says how a return goes that begins now.
func (t *transition) inSteps() string {
	how := percents(t.Fleet.Policy.FailbackSteps)
	if t.pace() == fleet.PaceCohorts {
		how += " of the tenants"
	}
	if p := t.Fleet.Policy.Failback; p.Timed() && !slices.Contains(t.cmd.Override, RuleFailbackTime) {
		how += ", in the failback windows (" + p.String() + ")"
	}
	return "it comes back in steps of " + how
}

func percents(steps []int) string {
	s := make([]string, len(steps))
	for i, p := range steps {
		s[i] = fmt.Sprintf("%d %%", p)
	}
	return strings.Join(s, ", ")
}

// notDrained: repeating an undrain is harmless, but one that misses its aim
// says so.
func (t *transition) notDrained() error {
	c := t.cmd
	out := func(o Out) bool {
		return o.Site == c.Site && !everyoneIfNone(o.Cohort).And(everyoneIfNone(c.Cohort)).IsZero()
	}
	if slices.ContainsFunc(t.Outs, out) && !t.comingBack(c.Site) {
		return &Invalid{Field: "site", Message: fmt.Sprintf("%s is not drained; it is out because it failed", c.Site), Hint: "sipsteer failback " + string(c.Site) + ` --reason "…"`}
	}
	return nil
}

func (t *transition) comingBack(site fleet.SiteID) bool {
	return slices.ContainsFunc(t.Failbacks, func(f Failback) bool { return f.Site == site })
}

// endDrain turns what a drain took out of the answers into a return in steps.
func (t *transition) endDrain(d Drain, by, reason string, now bool) {
	slots := SlotsOf(t.Fleet, d.Site, d.Service, d.Transport)
	if now {
		t.bringIn(slots, d.Cohort)
		return
	}
	if d.Stage == StageAnnounce {
		return
	}
	v := newView(&t.State)
	free := func(s Slot) fleet.Cohort { return everyoneIfNone(d.Cohort).Without(v.drainedFor(s)) }
	slots = deleted(slots, func(s Slot) bool { return free(s).IsZero() })
	for _, s := range slots {
		if c := free(s).Without(v.outOf(s)); !c.IsZero() {
			t.putOut(Out{Slot: s, Cohort: c.NoneIfEveryone(), Since: d.GoneAt, By: d.Owner, Reason: "drained: " + d.Reason})
		}
	}
	t.startFailback(Failback{
		Site: d.Site, Cohort: d.Cohort, Slots: slots, NotBefore: d.GoneAt.Add(t.Fleet.Policy.RegistrationPeriod.D()), Owner: by, Reason: reason,
	})
}

// drainedFor is for whom drains take a slot away.
func (v *view) drainedFor(slot Slot) (c fleet.Cohort) {
	for i := range v.Drains {
		if d := &v.Drains[i]; d.covers(slot, everyoneIfNone(d.Cohort).Least()) {
			c = c.Or(everyoneIfNone(d.Cohort))
		}
	}
	return c
}

// drainStage is proposed by Decide when a stage's time is over.
func (t *transition) drainStage() error {
	i := slices.IndexFunc(t.Drains, func(d Drain) bool { return d.ID == t.cmd.Target })
	if i < 0 || t.Drains[i].Stage == StageDone {
		return nil
	}
	drains := slices.Clone(t.Drains)
	d := &drains[i]
	if d.Stage == StageAnnounce {
		// What was true when the drain began may not be true any more.
		v := newView(&t.State)
		c := change{site: d.Site, slots: SlotsOf(t.Fleet, d.Site, d.Service, d.Transport), cohort: d.Cohort}
		if r := v.guardNeverEmpty(c, t.Now); r != nil {
			return r
		}
	}
	t.enterStage(d, d.Stage+1)
	t.Drains = drains
	t.decided = true
	t.event(EventStage, Event{Site: d.Site, Service: d.Service, Transport: d.Transport, Reason: d.Reason, Word: d.Stage.String(), Text: d.Scope() + ": " + d.stageText()})
	return nil
}

func (d *Drain) stageText() string {
	// Events are replicated. What is said of a cohort is what replicas said whose
	// gates knew no cohorts: as true now, and silent about the gate.
	if !d.Cohort.IsZero() {
		switch d.Stage {
		case StageRegister:
			return "out of their answers"
		case StageRefuse:
			return "out of their answers for as long as registrations last"
		}
	}
	switch d.Stage {
	case StageRegister:
		return "out of the answers; the gate refuses REGISTER and lets calls pass"
	case StageRefuse:
		return "the gate refuses all new work; dialogs and emergency calls pass"
	case StageDone:
		return "drained: every old answer has run out"
	}
	return d.Stage.String()
}

// drainExpire ends a drain whose time is over: its traffic comes back in steps.
func (t *transition) drainExpire() error {
	i := slices.IndexFunc(t.Drains, func(d Drain) bool { return d.ID == t.cmd.Target })
	if i < 0 || t.Drains[i].Until.After(t.Now) {
		return nil
	}
	d := t.Drains[i]
	t.Drains = deleted(t.Drains, func(x Drain) bool { return x.ID == d.ID })
	t.decided = true
	t.endDrain(d, d.Owner, "drain ended: "+d.Reason, false)
	t.event(EventExpired, Event{Site: d.Site, Service: d.Service, Transport: d.Transport, Reason: d.Reason, Text: fmt.Sprintf("the drain of %s by %s has ended by its time; %s", d.Scope(), d.Owner, t.returns(d, false))})
	return nil
}
