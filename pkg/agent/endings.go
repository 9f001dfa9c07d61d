package agent

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/plan"
)

// listenersOf says when the certificates end that softswitches show, as any agent saw
// it: of each listener and check the one that ends first.
func listenersOf(f *fleet.Fleet, agents []api.AgentChecks) []plan.Listener {
	addresses := map[health.Target]string{}
	for _, s := range specsOf(f, nil) {
		addresses[s.Check.Target] = s.Address.String()
	}
	first := map[health.Check]plan.Listener{}
	for _, ag := range agents {
		for _, c := range ag.Checks {
			address, known := addresses[c.Check.Target]
			if c.CertificateEnds == nil || !known {
				continue
			}
			old, seen := first[c.Check]
			if !seen || c.CertificateEnds.Before(old.Until) {
				first[c.Check] = plan.Listener{
					Site: c.Check.Site, Place: fmt.Sprintf("%s/%s", c.Check.Switch, c.Check.Transport), Check: c.Check.Kind, Address: address,
					Of: printable(c.CertificateOf), Until: *c.CertificateEnds,
				}
			}
		}
	}
	out := make([]plan.Listener, 0, len(first))
	for _, l := range first { // any order: sorted below
		out = append(out, l)
	}
	slices.SortFunc(out, func(x, y plan.Listener) int {
		return cmp.Or(cmp.Compare(x.Site, y.Site), cmp.Compare(x.Place, y.Place), cmp.Compare(x.Check, y.Check))
	})
	return out
}
