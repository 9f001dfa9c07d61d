package steer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// guardFateGroup: traffic flees from a failure only to where the failure does
// not reach: at least one site that is up shares no fate group with the one
// that fails. A drain of a healthy site is no flight.
func (v *view) guardFateGroup(c change, _ time.Time) *Refusal {
	groups := v.Fleet.Site(c.site).FateGroups
	if !c.failed || len(groups) == 0 {
		return nil
	}
	return v.each(c, func(slot Slot, rest []*Standing) *Refusal {
		var sharing []string
		free := false
		for _, st := range rest {
			shared := sharedGroups(groups, v.Fleet.Site(st.Site).FateGroups)
			switch {
			case st.Status != health.Up:
			case len(shared) == 0:
				free = true
			default:
				sharing = append(sharing, fmt.Sprintf("%s by %s", st.Site, strings.Join(shared, ", ")))
			}
		}
		if free || len(sharing) == 0 {
			return nil
		}
		return &Refusal{
			Rule: RuleFateGroup, Text: fmt.Sprintf("every site that would stay in %s.%s shares the fate of %s", slot.Transport.Label(), slot.Service, c.site),
			Value: strings.Join(sharing, "; "), Limit: "1 site that is up outside of its fate groups",
			Next: c.retry + " --override fate-group",
		}
	})
}

func sharedGroups(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(g string) bool { return !slices.Contains(b, g) })
}

// Move is one automatic removal of a site, for the limit of moves an hour.
type Move struct {
	At   time.Time    `json:"at"`
	Site fleet.SiteID `json:"site"`
}

// moveWindow is what max_moves_per_hour counts in.
const moveWindow = time.Hour

// guardMoveLimit: in a wide outage automation stops after some moves, instead
// of chasing it around. A site that grows worse is the same move.
func (v *view) guardMoveLimit(slot Slot, now time.Time) *Refusal {
	recent := v.movesSince(now.Add(-moveWindow))
	if limit := v.Fleet.Policy.MaxMovesPerHour; len(recent) >= limit {
		for i := range v.Outs {
			if o := &v.Outs[i]; o.Site == slot.Site && o.By == AutomationOwner {
				return nil // it grows worse
			}
		}
		return &Refusal{
			Rule: RuleMoveLimit, Hard: true, Text: fmt.Sprintf("automation has moved enough in the last hour: %s should leave too", slot.Site),
			Value: plural(len(recent), "move"), Limit: fmt.Sprintf("max_moves_per_hour %d", limit),
			Next: "sipsteer status   # then, if it is right: sipsteer failover " + string(slot.Site),
		}
	}
	return nil
}

func (v *view) movesSince(t time.Time) []Move {
	return slices.DeleteFunc(slices.Clone(v.Moves), func(m Move) bool { return !m.At.After(t) })
}

// noteMove remembers an automatic removal of a site, and forgets old ones.
func (t *transition) noteMove(site fleet.SiteID, known bool) {
	if known {
		return
	}
	v := view{State: &t.State}
	t.Moves = append(v.movesSince(t.Now.Add(-moveWindow)), Move{At: t.Now, Site: site})
}
