package agent

import (
	"fmt"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// refuseNobody refuses what names a cohort in which there is nobody, before it is
// proposed. Apply takes it: whoever it is about may come with the next import, and
// the replicas of a mixed fleet must agree.
func refuseNobody(cmd steer.Command, s steer.State) error {
	switch {
	case cmd.Kind == steer.KindRunStart && cmd.Run != nil && cmd.Run.Procedure != nil:
		return runbook.Nobody(cmd.Run.Procedure, s)
	case cmd.Kind != steer.KindDrain && cmd.Kind != steer.KindFailback && cmd.Kind != steer.KindUndrain:
		return nil
	case s.Fleet == nil || s.Fleet.Site(cmd.Site) == nil:
		return nil // refused as what it is
	}
	hint := cmd.Retry() + "   # for everyone; or first: sipsteer tenant import FILE"
	// The way back is not refused to those of a drain whose tenants are gone.
	if cmd.Kind != steer.KindUndrain {
		if why := steer.Nobody(s, cmd.Site, cmd.Service, cmd.Transport, cmd.Cohort); why != "" {
			return &steer.Invalid{Field: "cohort", Message: fmt.Sprintf("cohort %s: %s", cmd.Cohort, why), Hint: hint}
		}
	}
	if cmd.Pace == fleet.PaceCohorts && s.Tenants.Names().Len() == 0 {
		return &steer.Invalid{Field: "pace", Message: "pace cohorts: this fleet has no tenants, so there are no cohorts to go by", Hint: hint}
	}
	return nil
}
