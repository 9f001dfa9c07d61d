package steer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// Rule names a guard. Operators see it in refusals and give it to --override.
type Rule string

// The guards. RuleDocs says what each one is for.
const (
	RuleNeverEmpty   Rule = "never-empty"
	RuleMinSites     Rule = "min-sites"
	RuleOneAtATime   Rule = "one-at-a-time"
	RuleBlock        Rule = "block"
	RuleCommonCause  Rule = "common-cause"
	RuleTargetProven Rule = "target-proven"
	RuleManualBack   Rule = "manual-back"
	RuleFailbackTime Rule = "failback-window"
	RuleExpires      Rule = "expires"
	RuleStalePlan    Rule = "stale-plan"
	RuleHold         Rule = "hold"
	RuleAdvise       Rule = "advise"
	RuleStillDown    Rule = "still-down"
	RuleCapacity     Rule = "capacity"
	RuleFateGroup    Rule = "fate-group"
	RuleMoveLimit    Rule = "move-limit"
	RuleOneRun       Rule = "one-run"
	RuleApproval     Rule = "approval"
	RuleRole         Rule = "role"
	RuleDrillWindow  Rule = "drill-window"
	RuleRequire      Rule = "require" // asked by the leader before a runbook starts: its conditions may be about gates
	RuleReach        Rule = "reach"
	RuleKeyWait      Rule = "key-wait"
	RuleKeyTrust     Rule = "key-trust"
	RuleOwnSites     Rule = "own-sites"
	RuleIsolate      Rule = "isolate"
	RuleCallsSurvive Rule = "calls-survive"
	RuleHeard        Rule = "heard"
)

// RuleDoc is a guard as the documentation and the CLI show it.
type RuleDoc struct {
	Rule     Rule   `json:"rule"`
	Sentence string `json:"sentence"`
	Hard     bool   `json:"hard"` // cannot be overridden
}

// RuleDocs lists every guard in the order in which they are asked.
func RuleDocs() []RuleDoc {
	return []RuleDoc{
		{RuleStalePlan, "A plan is applied only at the epoch that it was made at.", true},
		{RuleExpires, "Every drain, hold and silence has an owner, a reason and an end, 72 hours away at most; a failover may have one.", true},
		{RuleNeverEmpty, "No steered name is ever left without a site.", true},
		{RuleMinSites, "At least min_sites sites stay in the answers of a service.", false},
		{RuleTargetProven, "Traffic moves only to where at least one site is known to be up on that transport.", false},
		{RuleFateGroup, "Traffic flees from a failure only to where at least one site that is up shares no fate group with the failing one.", false},
		{RuleOneAtATime, "No more than max_sites_out sites are drained or out at once.", false},
		{RuleCapacity, "What leaves a site must fit into the capacity of those to which it goes, by the loads that the fleet file states.", false},
		{RuleManualBack, "Traffic comes back by a person, to a site that is up, and not twice inside one registration period.", false},
		{RuleFailbackTime, "Traffic comes back only in the failback windows of the policy, if it has any; a return in steps waits for the next one.", false},
		{RuleHold, "Automation does nothing while it is held.", true},
		{RuleAdvise, "Automation only proposes where a service is not set to act.", true},
		{RuleBlock, "After automation moved a service it leaves it alone until the block ends or is acknowledged.", true},
		{RuleMoveLimit, "Automation takes sites out at most max_moves_per_hour times an hour.", true},
		{RuleCommonCause, "The same failure at two sites inside the window is not cured by moving traffic. One that comes from what sites share, a login, a certificate, data, is first looked for at all of them. One certificate, or one source that floods both, is the same failure whenever it is; so is what fails at both since a change of the fleet file or of the tenants, in the hour after it.", true},
		{RuleReach, "An import that moves or removes more than a tenth of the tenants, or a fleet file that answers more than a tenth of the names in another way, is taken only from who says how many they are, with --touches; up to a hundred always may be. With policy.touches_above, so is what a person does to the answers of more names than that.", true},
		{RuleKeyWait, "A key signs the zone only when no cache can hold the zone without it.", false},
		{RuleKeyTrust, "No key is taken away that the zone above or a cache may still name.", false},
		{RuleStillDown, "An incident is resolved when nothing at its sites is down any more.", true},
		{RuleOneRun, "At most one runbook works at a site at a time.", true},
		{RuleApproval, "A step that needs two people is approved by two different people, and nobody leaves it out.", true},
		{RuleRole, "A step of a runbook is done for who has the role that it needs.", true},
		{RuleOwnSites, "A quarantine holds no address of the fleet's own sites, softswitches and agents, and is a /16 (IPv6: /32) at most.", true},
		{RuleIsolate, "Automation keeps out single sources only, where policy.isolate says act, at most max_sources at one time, and none that a person let in again before the block is over.", true},
		{RuleCallsSurvive, "Devices are asked to look again only when no call is up through their gate: some restart on it.", false},
		{RuleHeard, "Of every service, over every transport, one site at least is neither silenced nor drained: people are told when it fails.", false},
		{RuleDrillWindow, "No drill begins in the hours that the fleet file blocks.", false},
	}
}

// change is what a command wants to take out, as the guards see it.
type change struct {
	site   fleet.SiteID
	slots  []Slot // that would leave the answers, now or later
	cohort fleet.Cohort
	stays  []stay // what would stay, worked out once for all guards
	failed bool   // the site fails: it is not a healthy one that is drained
	// together: this is one slot of many that leave together, for all of which
	// the capacity is looked at once.
	together bool
	override []Rule
	actor    string
	retry    string // the command line, to which an override is added
}

func (c change) overridden(r Rule) bool { return slices.Contains(c.override, r) }

// removalGuards are asked, in this order, before slots leave the answers.
func (v *view) removalGuards(c change, now time.Time) *Refusal {
	c.stays = v.staysOf(c)
	for _, g := range [...]func(change, time.Time) *Refusal{
		v.guardNeverEmpty, v.guardMinSites, v.guardTargetProven, v.guardFateGroup, v.guardOneAtATime, v.guardCapacity,
	} {
		if r := g(c, now); r != nil && (r.Hard || !c.overridden(r.Rule)) {
			return r
		}
	}
	return nil
}

// each asks about every answer that the change takes something out of, until
// there is a refusal: rest is what would stay in it.
func (v *view) each(c change, ask func(slot Slot, rest []*Standing) *Refusal) *Refusal {
	if c.stays == nil {
		c.stays = v.staysOf(c)
	}
	for i := range c.stays {
		s := &c.stays[i]
		if r := ask(s.slot, v.rests[s.from:s.to]); r != nil {
			if s.bucket != fleet.OwnName {
				r.Text += fmt.Sprintf(", for tenants of bucket %d", s.bucket)
			}
			return r
		}
	}
	return nil
}

// stay is what would stay in one answer that a change takes a slot out of: a
// part of the view's rests.
type stay struct {
	slot     Slot
	bucket   int
	from, to int
}

// staysOf works out what would stay in every answer that the change takes
// something out of. It is good until the next change is looked at.
func (v *view) staysOf(c change) []stay {
	v.stays, v.rests = v.stays[:0], v.rests[:0]
	for _, slot := range c.slots {
		svc := v.service(slot.Service)
		for _, part := range v.cohorts(svc) {
			if part.And(everyoneIfNone(c.cohort)).IsZero() {
				continue
			}
			bucket, from := bucketOf(part), len(v.rests)
			slots := v.slotsFor(svc, slot.Transport, bucket)
			for i := range slots {
				if s := &slots[i]; s.Place != Gone && s.Place != Leaving && (s.Site != c.site || !slices.Contains(c.slots, s.Slot)) {
					v.rests = append(v.rests, s)
				}
			}
			v.stays = append(v.stays, stay{slot, bucket, from, len(v.rests)})
		}
	}
	return v.stays
}

func (v *view) guardNeverEmpty(c change, _ time.Time) *Refusal {
	return v.each(c, func(slot Slot, rest []*Standing) *Refusal {
		if len(rest) > 0 {
			return nil
		}
		return &Refusal{
			Rule: RuleNeverEmpty, Hard: true,
			Text:  fmt.Sprintf("%s.%s would have no site left without %s", slot.Transport.Label(), slot.Service, c.site),
			Value: "0 sites left", Limit: "at least 1",
			Next: "sipsteer status   # then bring another site back first: sipsteer undrain SITE, or sipsteer failback SITE",
		}
	})
}

func (v *view) guardMinSites(c change, _ time.Time) *Refusal {
	return v.each(c, func(slot Slot, rest []*Standing) *Refusal {
		least := v.Fleet.ServiceMinSites(v.service(slot.Service))
		if len(rest) >= least {
			return nil
		}
		return &Refusal{
			Rule:  RuleMinSites,
			Text:  fmt.Sprintf("%s.%s would keep too few sites without %s", slot.Transport.Label(), slot.Service, c.site),
			Value: plural(len(rest), "site") + " left", Limit: "min_sites " + fmt.Sprint(least),
			Next: c.retry + " --override min-sites",
		}
	})
}

func (v *view) guardTargetProven(c change, _ time.Time) *Refusal {
	return v.each(c, func(slot Slot, rest []*Standing) *Refusal {
		if slices.ContainsFunc(rest, func(s *Standing) bool { return s.Status == health.Up }) {
			return nil
		}
		states := make([]string, len(rest))
		for i, s := range rest {
			states[i] = string(s.Site) + " " + s.Status.String()
		}
		return &Refusal{
			Rule:  RuleTargetProven,
			Text:  fmt.Sprintf("no site that would stay in %s.%s is known to be up", slot.Transport.Label(), slot.Service),
			Value: strings.Join(states, ", "), Limit: "at least 1 up",
			Next: c.retry + " --override target-proven",
		}
	})
}

// guardOneAtATime counts the other sites from which anything is taken away.
func (v *view) guardOneAtATime(c change, _ time.Time) *Refusal {
	others := v.sitesOut(c.site)
	if limit := v.Fleet.Policy.MaxSitesOut; len(others) >= limit {
		return &Refusal{
			Rule:  RuleOneAtATime,
			Text:  fmt.Sprintf("%s cannot leave while %s", c.site, v.whyOut(others)),
			Value: plural(len(others), "other site") + " out", Limit: "max_sites_out " + fmt.Sprint(limit),
			Next: c.retry + " --override one-at-a-time   # or first: " + v.wayBack(others[0]),
		}
	}
	return nil
}

// sitesOut lists the sites, other than except, from which a drain or a removal
// takes anything away.
func (v *view) sitesOut(except fleet.SiteID) []fleet.SiteID {
	if v.away == nil {
		v.away = []fleet.SiteID{}
		add := func(s fleet.SiteID) {
			if !slices.Contains(v.away, s) {
				v.away = append(v.away, s)
			}
		}
		for i := range v.Drains {
			add(v.Drains[i].Site)
		}
		for i := range v.Outs {
			add(v.Outs[i].Site)
		}
		slices.Sort(v.away)
	}
	return deleted(v.away, func(s fleet.SiteID) bool { return s == except })
}

func (v *view) whyOut(sites []fleet.SiteID) string {
	var why []string
	for _, site := range sites {
		switch {
		case slices.ContainsFunc(v.Drains, func(d Drain) bool { return d.Site == site }):
			d := v.Drains[slices.IndexFunc(v.Drains, func(d Drain) bool { return d.Site == site })]
			why = append(why, fmt.Sprintf("%s is drained by %s (%s)", d.Scope(), d.Owner, d.Reason))
		default:
			o := v.Outs[slices.IndexFunc(v.Outs, func(o Out) bool { return o.Site == site })]
			why = append(why, fmt.Sprintf("%s is out by %s (%s)", site, o.By, o.Reason))
		}
	}
	return strings.Join(why, " and ")
}

func (v *view) wayBack(site fleet.SiteID) string {
	if slices.ContainsFunc(v.Drains, func(d Drain) bool { return d.Site == site }) {
		return "sipsteer undrain " + string(site)
	}
	return "sipsteer failback " + string(site)
}

// guardIntent is rule expires.
func guardIntent(c Command, maxFor time.Duration) error {
	switch {
	case strings.TrimSpace(c.By) == "":
		return &Invalid{Field: "by", Message: "nobody is named as the owner", Hint: "give --owner NAME"}
	case strings.TrimSpace(c.Reason) == "":
		return &Invalid{Field: "reason", Message: "a reason is required", Hint: `add --reason "why, for the next shift to read"`}
	case c.For <= 0:
		return &Invalid{Field: "for", Message: "an end is required", Hint: "add --for 2h (at most " + maxFor.String() + ")"}
	case c.For.D() > maxFor:
		return &Refusal{
			Rule: RuleExpires, Hard: true, Text: "an intent may not last so long; it can be renewed",
			Value: c.For.String(), Limit: maxFor.String(), Next: "repeat with --for " + maxFor.String() + " or less",
		}
	}
	return nil
}

// guardProvenSite is asked before traffic comes back to a site: the site must
// be up on every transport that comes back.
func (v *view) guardProvenSite(c change) *Refusal {
	if c.overridden(RuleManualBack) {
		return nil
	}
	for _, slot := range c.slots {
		if st := v.at(slot.Site, slot.Transport); st != health.Up {
			return &Refusal{
				Rule:  RuleManualBack,
				Text:  fmt.Sprintf("%s is not known to be up over %s", slot.Site, slot.Transport),
				Value: st.String(), Limit: "up",
				Next: "sipsteer status --watch   # until it is up; or: " + c.retry + " --override manual-back",
			}
		}
	}
	return nil
}

// guardBounce refuses to move phones twice inside one registration period.
func (v *view) guardBounce(c change, now time.Time) *Refusal {
	period := v.Fleet.Policy.RegistrationPeriod.D()
	moved := v.lastMove(c)
	if since := now.Sub(moved); !moved.IsZero() && since < period && !c.overridden(RuleManualBack) {
		return &Refusal{
			Rule:  RuleManualBack,
			Text:  fmt.Sprintf("phones left %s too short a while ago and would be moved twice", c.site),
			Value: since.Round(time.Second).String() + " since they left", Limit: "registration_period " + period.String(),
			Next: fmt.Sprintf("wait %s, then: %s", (period - since).Round(time.Second), c.retry),
		}
	}
	return nil
}

// lastMove is when the latest of the slots went out.
func (v *view) lastMove(c change) time.Time {
	var last time.Time
	for _, slot := range c.slots {
		for i := v.firstOut(slot); i < len(v.Outs) && v.Outs[i].Slot == slot; i++ {
			o := &v.Outs[i]
			if !everyoneIfNone(o.Cohort).And(everyoneIfNone(c.cohort)).IsZero() && o.Since.After(last) {
				last = o.Since
			}
		}
	}
	return last
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
