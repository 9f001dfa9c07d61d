package agent

import (
	"context"
	"fmt"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// concernChange reads which concern a request is about.
func concernChange(c *steer.Command, req api.CommandRequest) {
	if c.Kind == steer.KindConcernAck || c.Kind == steer.KindConcernUnack {
		c.Concerns = []steer.Concern{{Key: req.Concern}}
	}
}

// addConcern has a command that acknowledges a concern bear what is acknowledged:
// as the last look found it, or, when that did not find it yet, as a look now does.
func (a *Agent) addConcern(ctx context.Context, s steer.State, cmd *steer.Command) error {
	if cmd.Kind != steer.KindConcernAck || s.Fleet == nil {
		return nil
	}
	name := steer.ShortKey(cmd.Concerns[0].Key)
	named := func(c steer.Concern) bool { return steer.ShortKey(c.Key) == name }
	list := s.Concerns.List
	i := slices.IndexFunc(list, named)
	if i < 0 && name != "" {
		list = plan.ConcernsOf(s, plan.Readiness(s, a.look(ctx, s), a.now()))
		i = slices.IndexFunc(list, named)
	}
	if i < 0 {
		return noConcern(name, list)
	}
	cmd.Concerns = []steer.Concern{list[i]}
	return nil
}

func noConcern(name string, list []steer.Concern) error {
	hint := "sipsteer readiness   # lists them; what is a note, or known from an incident or a drain, needs none"
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = steer.ShortKey(c.Key)
	}
	if near := fleet.Nearest(name, names); near != "" {
		hint = "did you mean " + near + "? " + hint
	}
	return &api.Error{Category: api.Invalid, Field: "concern", Message: fmt.Sprintf("no concern is called %q", name), Hint: hint}
}
