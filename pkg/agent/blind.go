package agent

import (
	"cmp"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/plan"
)

// blindAfter is how many results without data in a row make an agent blind, as they
// make its opinion unknown.
const blindAfter = 3

// blindOf says which checks that count are not seen: of each site and kind, who has no
// data.
func blindOf(agents []api.AgentChecks) []plan.Blind {
	type siteKind struct {
		site fleet.SiteID
		kind health.Kind
	}
	known := map[health.Check]bool{}
	for _, ag := range agents {
		for _, c := range ag.Checks {
			known[c.Check] = known[c.Check] || !withoutData(c)
		}
	}
	found := map[siteKind]*plan.Blind{}
	for _, ag := range agents {
		for _, c := range ag.Checks {
			own := ag.Site == string(c.Check.Site)
			if c.Verdict == "" || !withoutData(c) || known[c.Check] && !own {
				continue
			}
			key := siteKind{c.Check.Site, c.Check.Kind}
			b := found[key]
			if b == nil {
				b = &plan.Blind{Site: key.site, Check: key.kind}
				found[key] = b
			}
			b.Nobody = b.Nobody || !known[c.Check]
			b.Why = cmp.Or(b.Why, printable(c.Recent[len(c.Recent)-1].Detail))
			b.Agents = added(b.Agents, ag.Agent)
			b.Transports = added(b.Transports, c.Check.Transport.String())
		}
	}
	out := make([]plan.Blind, 0, len(found))
	for _, b := range found { // any order: sorted below
		out = append(out, *b)
	}
	slices.SortFunc(out, func(x, y plan.Blind) int { return cmp.Or(cmp.Compare(x.Site, y.Site), cmp.Compare(x.Check, y.Check)) })
	return out
}

// withoutData reports whether an agent asks and learns nothing.
func withoutData(c api.CheckSeen) bool {
	if len(c.Recent) < blindAfter {
		return false // it has only begun
	}
	return !slices.ContainsFunc(c.Recent[len(c.Recent)-blindAfter:], func(s api.Sample) bool { return s.Outcome != outcomeWords[health.NoData] })
}

// added puts a word into a sorted list, once.
func added(list []string, word string) []string {
	i, there := slices.BinarySearch(list, word)
	if there {
		return list
	}
	return slices.Insert(list, i, word)
}
