package steer

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// Evidence is what one agent saw when a check failed last: what a verdict rests
// on. It is no part of the State: the agents keep it, and lose it with a restart.
type Evidence struct {
	Check  health.Check  `json:"check"`
	Agent  fleet.AgentID `json:"agent"`
	At     time.Time     `json:"at"`
	Cause  health.Cause  `json:"cause,omitempty"`
	Detail string        `json:"detail,omitempty"`
	// Wire is what went over the wire, shortened: of each message its first line.
	Wire []string `json:"wire,omitempty"`
}

// ChooseEvidence picks what is wanted of all that the agents have: of each check
// what was seen by an agent at its own site, else by the first one. The order is
// by check.
func ChooseEvidence(all []Evidence, at map[fleet.AgentID]fleet.SiteID, wanted func(Evidence) bool) []Evidence {
	var out []Evidence
	for _, e := range all {
		if wanted(e) {
			out = append(out, e)
		}
	}
	far := func(e Evidence) int {
		if at[e.Agent] == e.Check.Site {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(out, func(a, b Evidence) int {
		return cmp.Or(a.Check.Compare(b.Check), cmp.Compare(far(a), far(b)), cmp.Compare(a.Agent, b.Agent))
	})
	return slices.CompactFunc(out, func(a, b Evidence) bool { return a.Check == b.Check })
}

// About reports whether the evidence is of a place that the explanation names.
func (e *Explanation) About(x Evidence) bool {
	for _, t := range fleet.Transports {
		if t != x.Check.Transport && strings.HasPrefix(e.Name, t.Label()+".") {
			return false // the name is of another transport
		}
	}
	return slices.ContainsFunc(e.Records, func(r ExplainedRecord) bool { return r.Site == x.Check.Site && r.failing }) ||
		slices.ContainsFunc(e.LeftOut, func(l ExplainedSlot) bool { return l.Site == x.Check.Site && l.Transport == x.Check.Transport })
}
