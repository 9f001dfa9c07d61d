package agent

import (
	"context"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// versionPatience is how long a drain waits for the word of voters that have not
// said yet which commands they know.
const versionPatience = time.Second

// markMaintenance lets drains say that what begins to fail where all have left is
// expected, once every voter knows what that means. In a fleet that is being
// upgraded they stay what they were: such a failure is an incident.
func (a *Agent) markMaintenance(ctx context.Context, cmds []steer.Command) {
	if !slices.ContainsFunc(cmds, func(c steer.Command) bool { return c.Drains() }) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, versionPatience)
	defer cancel()
	for i := range cmds {
		if c := &cmds[i]; c.Drains() {
			marked := *c
			marked.Maintenance = true
			marked.Version = marked.Needs()
			if who, _ := a.whoLacks(ctx, marked.Version); who == "" {
				c.Maintenance = true
			}
		}
	}
}

// maintained lists the transports of a site that fail only as they may in the
// maintenance that they are in.
func maintained(s steer.State, site *fleet.Site) []string {
	var out []string
	for _, t := range site.Transports() {
		if s.Quiet(site.Name, t) {
			out = append(out, t.String())
		}
	}
	return out
}

// withoutMaintained leaves out what begins to fail where that is expected. What
// people were told of before stays, and what is left when the maintenance ends is
// told then.
func withoutMaintained(bad map[health.Check]health.Opinion, told map[health.Check]bool, s steer.State) {
	for c := range bad {
		if !told[c] && s.Maintained(c) {
			delete(bad, c)
		}
	}
}

// quietChecks counts the checks that fail in maintenance.
func quietChecks(s steer.State) (n int) {
	for i := range s.Verdicts {
		if s.Verdicts[i].Quiet() {
			n++
		}
	}
	return n
}
