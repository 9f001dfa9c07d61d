package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// maxDifferences is how many differences a failed parity step names.
const maxDifferences = 3

// parityErrand asks all softswitches the same and fails where they differ.
func (a *Agent) parityErrand(ctx context.Context, x runbook.Errand) (steer.RunMove, string) {
	t, err := a.Parity(ctx, cmp.Or(x.What.Transport, "udp"))
	if err != nil {
		return again(x, err.Error())
	}
	var differ []string
	for _, q := range t.Questions {
		for _, d := range q.Differences {
			differ = append(differ, fmt.Sprintf("%s of %s", d.Field, q.Question))
		}
	}
	if len(differ) == 0 {
		return steer.MoveDone, fmt.Sprintf("%d softswitches answer the same", len(t.Places))
	}
	more := ""
	if n := len(differ) - maxDifferences; n > 0 {
		differ, more = differ[:maxDifferences], fmt.Sprintf(" and %d more", n)
	}
	return steer.MoveFail, fmt.Sprintf("softswitches differ in %s%s; sipsteer parity --transport %s shows all", strings.Join(differ, ", "), more, t.Transport)
}

// maxNamed is how many stragglers a step names.
const maxNamed = 5

// stragglersErrand puts on record who still comes to a site, those who only ask
// there first left out. It is done also when there are some: it judges nothing.
func (a *Agent) stragglersErrand(ctx context.Context, x runbook.Errand) (steer.RunMove, string) {
	if who, err := steer.ParseWhom(x.What.Cohort); err == nil && !who.IsZero() {
		return a.cohortErrand(ctx, x, who)
	}
	list, err := a.Stragglers(ctx, x.What.Site)
	if err != nil {
		return again(x, err.Error())
	}
	return steer.MoveDone, stragglersText(list)
}

// cohortErrand puts on record how many of a cohort are still registered at a
// site. A gate lists its stragglers as a whole, whomever it refuses.
func (a *Agent) cohortErrand(ctx context.Context, x runbook.Errand, who fleet.Cohort) (steer.RunMove, string) {
	condition := fmt.Sprintf("left(%q, %q, %q)", x.What.Site, x.What.Service, x.What.Cohort)
	n, err := a.facts(ctx, a.machine.State(), []string{condition}).LeftOf(x.What.Site, x.What.Service, x.What.Cohort)
	if err != nil {
		return again(x, err.Error())
	}
	return steer.MoveDone, fmt.Sprintf("%d registrations of %s are left", n, who.Words())
}

func stragglersText(list api.StragglerList) string {
	var named []string
	n, trunks := 0, 0
	for _, s := range list.Items {
		if s.RegisteredAt != "" {
			continue
		}
		n++
		if s.Trunk {
			trunks++
		}
		if len(named) < maxNamed {
			named = append(named, fmt.Sprintf("%.80q from %s over %s (%.60q)", s.AoR, s.Source, s.Transport, s.UserAgent))
		}
	}
	if n == 0 {
		return "no stragglers"
	}
	more := ""
	if n > len(named) {
		more = fmt.Sprintf(" and %d more", n-len(named))
	}
	return fmt.Sprintf("%d stragglers, %d of them trunks: %s%s", n, trunks, strings.Join(named, "; "), more)
}

// edgeErrand has the agent of the site tell its edge. It is never repeated by
// itself: what an edge does twice is not known here.
func (a *Agent) edgeErrand(ctx context.Context, x runbook.Errand) (steer.RunMove, string) {
	site := fleet.SiteID(x.What.Site)
	req := api.EdgeCommand{Run: x.Run, Step: x.Step, Words: x.What.Command}
	var problems []string
	for _, p := range a.peers() {
		if p.Site != site {
			continue
		}
		var err error
		if p.Name == a.cfg.Name {
			_, err = a.TellEdge(ctx, req)
		} else {
			_, err = a.clientOf(p).TellEdge(ctx, req)
		}
		if err == nil {
			return steer.MoveDone, ""
		}
		problems = append(problems, fmt.Sprintf("agent %s: %v", p.Name, err))
		if e := (*api.Error)(nil); !errors.As(err, &e) || e.Category != api.Invalid {
			break // it may have been done
		}
	}
	if len(problems) == 0 {
		return steer.MoveFail, fmt.Sprintf("site %s has no agent", site)
	}
	return steer.MoveFail, strings.Join(problems, "; ")
}

// TellEdge implements api.GateBackend: this agent's own edge does something.
func (a *Agent) TellEdge(ctx context.Context, req api.EdgeCommand) (api.EdgeAnswer, error) {
	switch {
	case a.divert == nil:
		return api.EdgeAnswer{}, &api.Error{Category: api.Invalid, Field: "site", Message: "no edge stands in front of this site", Hint: "gate.driver: edge, in the agent's file"}
	case len(req.Words) == 0 || !slices.Contains(a.cfg.Outward.Edge, req.Words[0]):
		return api.EdgeAnswer{}, &api.Error{Category: api.Invalid, Field: "command", Message: fmt.Sprintf("this agent may not have its edge do %q", strings.Join(req.Words, " ")), Hint: "add its method to outward.edge of the agent's file"}
	}
	said, err := a.divert.Command(ctx, req.Words)
	a.log.Info().Str("run", req.Run).Str("step", req.Step).Strs("edge", req.Words).Err(err).Msg("edge command")
	return api.EdgeAnswer{Said: fmt.Sprintf("%.*s", maxSaid, said)}, err
}
