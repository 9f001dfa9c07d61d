package steer_test

import (
	"errors"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestRolesOfSteps: who approves, ticks off or leaves out a step has the role
// that it needs; what a step does by itself needs it of the starter. An approval
// by two people is left out by nobody.
func TestRolesOfSteps(t *testing.T) {
	steps := []steer.Step{
		{ID: "agree", Do: steer.ActApprove, Text: "go?", People: 2, Role: steer.RoleAdmin},
		{ID: "look", Do: steer.ActManual, Text: "look", Role: steer.RoleAdmin},
		{ID: "nod", Do: steer.ActApprove, Text: "go?"},
	}
	for name, c := range map[string]struct {
		kind steer.Kind
		step string
		role steer.Role
		rule steer.Rule // "" is allowed
	}{
		"an operator approves for an admin":       {steer.KindRunApprove, "agree", steer.RoleOperator, steer.RuleRole},
		"an older agent says no role":             {steer.KindRunApprove, "agree", "", steer.RuleRole},
		"an admin approves":                       {steer.KindRunApprove, "agree", steer.RoleAdmin, ""},
		"an operator ticks off for an admin":      {steer.KindRunApprove, "look", steer.RoleOperator, steer.RuleRole},
		"a viewer ticks off":                      {steer.KindRunApprove, "nod", "viewer", steer.RuleRole},
		"an operator approves":                    {steer.KindRunApprove, "nod", steer.RoleOperator, ""},
		"an operator leaves out an admin's step":  {steer.KindRunSkip, "look", steer.RoleOperator, steer.RuleRole},
		"an admin leaves out an admin's step":     {steer.KindRunSkip, "look", steer.RoleAdmin, ""},
		"an admin leaves out a two-person one":    {steer.KindRunSkip, "agree", steer.RoleAdmin, steer.RuleApproval},
		"an operator leaves out a one-person one": {steer.KindRunSkip, "nod", steer.RoleOperator, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t, nil)
			p := &steer.Procedure{Book: "ask", Sites: []fleet.SiteID{"calgary"}, Steps: steps}
			g.must(steer.Command{Kind: steer.KindRunStart, Role: steer.RoleOperator, Run: &steer.RunChange{Procedure: p}})
			id := g.s.Runs[0].ID
			for _, s := range steps {
				g.must(steer.Command{Kind: steer.KindRunMove, By: steer.AutomationOwner, Run: &steer.RunChange{ID: id, Step: s.ID, To: steer.MoveBegin}})
			}
			err := g.apply(steer.Command{Kind: c.kind, Role: c.role, Reason: "r", Run: &steer.RunChange{ID: id, Step: c.step}})
			var r *steer.Refusal
			switch {
			case c.rule == "" && err != nil:
				t.Fatal(err)
			case c.rule != "" && (!errors.As(err, &r) || r.Rule != c.rule || r.Next == ""):
				t.Fatalf("%v, want a refusal by %s with a next command", err, c.rule)
			}
		})
	}
}
