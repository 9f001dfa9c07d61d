package agent

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestManyNamesNeedTheirNumber: where the policy asks for it; who says a number is
// taken by it everywhere; and it does not travel in the log.
func TestManyNamesNeedTheirNumber(t *testing.T) {
	free, asked := newCohortDay(t), newCohortDay(t)
	for _, d := range []*drillDay{free, asked} {
		d.tenants(298) // of the first of two services
	}
	f := *asked.state.Fleet
	f.Policy.TouchesAbove = 10
	asked.do(steer.Command{Kind: steer.KindSetFleet, By: "init", Reason: "limit", Fleet: &f})
	west, east := f.Services[0].Name, f.Services[1].Name
	drain := func(service fleet.ServiceID, cohort fleet.Cohort) steer.Command {
		return steer.Command{Kind: steer.KindDrain, By: "alice", Reason: "kernel", Site: "calgary", Service: service, Cohort: cohort, For: fleet.Duration(time.Hour)}
	}
	five := fleet.AllTenants().First(5)
	inFive := steer.TenantsOf(free.state, west, five)
	if inFive == 0 || inFive > 30 {
		t.Fatalf("%d tenants are in the cohort", inFive)
	}
	for name, c := range map[string]struct {
		day  *drillDay
		cmd  steer.Command
		said int
		want string
	}{
		"never asked":          {free, drain("", fleet.Cohort{}), 0, ""},
		"the number":           {free, drain("", fleet.Cohort{}), 300, ""},
		"another one":          {free, drain("", fleet.Cohort{}), 299, "300 of 300 services and tenants are answered in another way, limit 299, as --touches says"},
		"asked":                {asked, drain("", fleet.Cohort{}), 0, "this touches 100 % of the names (now 300 of 300 services and tenants are answered in another way, limit 10 % without --touches (policy.touches_above))"},
		"asked and said":       {asked, drain("", fleet.Cohort{}), 300, ""},
		"few names":            {asked, drain(east, fleet.Cohort{}), 0, ""},
		"few tenants":          {asked, drain("", five), 0, ""},
		"few, and another one": {asked, drain("", five), inFive + 1, "as --touches says"},
		"most tenants":         {asked, drain("", fleet.AllTenants()), 0, "298 of 300"},
		"an act of no reach":   {asked, steer.Command{Kind: steer.KindHold, By: "alice", Reason: "x", For: fleet.Duration(time.Hour)}, 0, ""},
		"refused as it is":     {asked, drain("nowhere", fleet.Cohort{}), 0, ""},
	} {
		c.cmd.At, c.cmd.Version = c.day.now, steer.CommandVersion
		if c.said != 0 {
			c.cmd.Tenants = &steer.TenantChange{Touches: c.said}
		}
		err := guardTouches(c.day.state, &c.cmd)
		var r *steer.Refusal
		switch {
		case c.want == "":
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case !errors.As(err, &r) || r.Rule != steer.RuleReach || !strings.Contains(err.Error(), c.want) || !strings.Contains(r.Next, "--touches "):
			t.Errorf("%s: %v", name, err)
		}
		if c.cmd.Kind.Reaches() && c.cmd.Tenants != nil {
			t.Errorf("%s: the number would be put into the log", name)
		}
	}
}
