package agent

import (
	"fmt"

	"github.com/sipsteer/sipsteer/pkg/steer"
)

// guardTouches is rule reach for what a person does to many names at once: who does
// it says how many they are where the policy asks for it, and who says a number is
// taken by it. The number is for this look alone and does not travel in the log.
func guardTouches(s steer.State, cmd *steer.Command) error {
	if !cmd.Kind.Reaches() || s.Fleet == nil {
		return nil
	}
	said := 0
	if cmd.Tenants != nil {
		said, cmd.Tenants = cmd.Tenants.Touches, nil
	}
	if said == 0 && s.Fleet.Policy.TouchesAbove == 0 {
		return nil
	}
	after, _, err := steer.Apply(s, *cmd)
	if err != nil {
		return nil // refused as what it is
	}
	r := steer.ActReach(s, after, *cmd)
	limit := fmt.Sprintf("%d, as --touches says", said)
	switch {
	case said == r.Touched, said == 0 && !r.Asked(s.Fleet.Policy):
		return nil
	case said == 0:
		limit = fmt.Sprintf("%d %% without --touches (policy.touches_above)", s.Fleet.Policy.TouchesAbove)
	}
	return &steer.Refusal{
		Rule: steer.RuleReach, Hard: true, Text: fmt.Sprintf("this touches %d %% of the names", r.Percent()),
		Value: fmt.Sprintf("%d of %d services and tenants are answered in another way", r.Touched, r.Of), Limit: limit,
		Next: fmt.Sprintf("sipsteer plan %s …   # to look; then the same with --touches %d", cmd.Kind, r.Touched),
	}
}
