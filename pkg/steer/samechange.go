package steer

import (
	"fmt"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// sameChange: what fails in the same way at a second site is a common cause also
// outside of the window, when one change that reached both came before: sites take
// it up one after the other. The change is named, and how it is undone.
//
// It is asked where automation decides and not again where commands are applied:
// so agents of before, which do not know it, come to the same State.
func (v *view) sameChange(slot Slot) *Refusal {
	for verdict := range v.verdicts(slot) {
		if !verdict.Unexpected() {
			continue
		}
		e := v.changeBefore(verdict.Since)
		if e == nil {
			continue
		}
		sites := v.failingSince(e, verdict.Check)
		if len(sites) < 2 {
			continue
		}
		return &Refusal{
			Rule: RuleCommonCause, Hard: true,
			Text: fmt.Sprintf("common cause: %s over %s fails at %s since %s changed: %.120s; moving traffic would not cure it",
				verdict.Check.Kind, slot.Transport, joined(sites), e.By, e.Text),
			Value: plural(len(sites), "site"), Limit: fmt.Sprintf("1 site within %s of a change", suspectTime),
			Next: fmt.Sprintf("%s --reason …   # to move all the same: sipsteer failover %s", undoing(e), slot.Site),
		}
	}
	return nil
}

// failingSince lists the sites at which the same check went down after a change and
// is down, sorted.
func (v *view) failingSince(e *Event, c health.Check) []fleet.SiteID {
	var sites []fleet.SiteID
	for i := range v.Verdicts {
		x := &v.Verdicts[i]
		if x.Unexpected() && x.Check.Kind == c.Kind && x.Check.Transport == c.Transport &&
			x.Since.After(e.At) && !slices.Contains(sites, x.Check.Site) {
			sites = append(sites, x.Check.Site)
		}
	}
	slices.Sort(sites)
	return sites
}
