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
		Site: t.cmd.Site, Service: t.cmd.Service, Transport: t.cmd.Transport,
		Stage: StageAnnounce, StageAt: t.Now, OldTTL: v.longestTTL(slots), Intent: t.intent(),
	}
	text := "%s is leaving the answers: worse priority now, out in %s; until %s"
	if t.cmd.Now {
		d.Stage, d.GoneAt = StageRefuse, t.Now
		text = "%s left the answers at once and refuses new work; old answers run out in %s; until %s"
	}
	t.Drains = inserted(t.Drains, d, func(a, b Drain) int { return strings.Compare(a.ID, b.ID) })
	t.cancelFailbacks(slots)
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
		return d.Site == t.cmd.Site && d.Service == t.cmd.Service && d.Transport == t.cmd.Transport
	})
}

func (t *transition) renewDrain(i int) {
	drains := slices.Clone(t.Drains)
	d := &drains[i]
	d.Owner, d.Reason, d.Until = t.cmd.By, t.cmd.Reason, t.until()
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
		return d.Site == c.Site && (c.Service == "" || d.Service == c.Service) && (c.Transport == 0 || d.Transport == c.Transport)
	}
	ending := slices.DeleteFunc(slices.Clone(t.Drains), func(d Drain) bool { return !ends(d) })
	if len(ending) == 0 {
		return t.notDrained()
	}
	if c.Now {
		if r := newView(&t.State).guardProvenSite(c.change(SlotsOf(t.Fleet, c.Site, c.Service, c.Transport))); r != nil {
			return r
		}
		t.overrides(c.Override...)
	}
	t.decided = true
	t.Drains = deleted(t.Drains, ends)
	for _, d := range ending {
		t.endDrain(d, c.By, c.Reason, c.Now)
		t.event(EventUndrain, Event{
			Site: d.Site, Service: d.Service, Transport: d.Transport,
			Text: fmt.Sprintf("%s is no longer drained (was %s, by %s: %s); %s", d.Scope(), d.Stage, d.Owner, d.Reason, t.returns(d, c.Now)),
		})
	}
	return nil
}

func (t *transition) returns(d Drain, now bool) string {
	if d.Stage == StageAnnounce || now {
		return "back in the answers at once"
	}
	return "it comes back in steps of " + percents(t.Fleet.Policy.FailbackSteps)
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
	if slices.ContainsFunc(t.Outs, func(o Out) bool { return o.Site == c.Site }) && !t.comingBack(c.Site) {
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
		t.Outs = deleted(t.Outs, func(o Out) bool { return slices.Contains(slots, o.Slot) })
		t.cancelFailbacks(slots)
		return
	}
	if d.Stage == StageAnnounce {
		return
	}
	v := newView(&t.State)
	slots = deleted(slots, func(s Slot) bool { return v.drain(s) != nil })
	for _, s := range slots {
		if _, out := v.out(s); !out {
			t.Outs = inserted(t.Outs, Out{Slot: s, Since: d.GoneAt, By: d.Owner, Reason: "drained: " + d.Reason}, compareOuts)
		}
	}
	t.startFailback(d.Site, slots, d.GoneAt.Add(t.Fleet.Policy.RegistrationPeriod.D()), by, reason)
}

func compareOuts(a, b Out) int { return a.Slot.Compare(b.Slot) }

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
		c := change{site: d.Site, slots: SlotsOf(t.Fleet, d.Site, d.Service, d.Transport)}
		if r := v.guardNeverEmpty(c, t.Now); r != nil {
			return r
		}
	}
	t.enterStage(d, d.Stage+1)
	t.Drains = drains
	t.decided = true
	t.event(EventStage, Event{Site: d.Site, Service: d.Service, Transport: d.Transport, Reason: d.Reason, Word: d.Stage.String(), Text: d.Scope() + ": " + stageText(d.Stage)})
	return nil
}

func stageText(s DrainStage) string {
	switch s {
	case StageRegister:
		return "out of the answers; the gate refuses REGISTER and lets calls pass"
	case StageRefuse:
		return "the gate refuses all new work; dialogs and emergency calls pass"
	case StageDone:
		return "drained: every old answer has run out"
	}
	return s.String()
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
