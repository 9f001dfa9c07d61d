package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// drillTick is how often it is looked whether a drill is due. One that is refused
// is tried again while its window is open.
const drillTick = time.Minute

// scheduleOwner is whose name drills bear that begin by themselves.
const scheduleOwner = "schedule"

// leadDrills begins the drills of the fleet file while this agent leads.
func (a *Agent) leadDrills(ctx context.Context, since time.Time) {
	pause(ctx, time.Until(since.Add(a.window())))
	told := ""
	for ctx.Err() == nil {
		if d, due := runbook.DueDrill(a.machine.State(), a.now()); due && a.pub.frozen() == "" {
			reason := ""
			if err := a.beginDrill(ctx, d); err != nil {
				reason = err.Error()
			}
			if reason != "" && reason != told {
				a.log.Warn().Str("site", string(d.Site)).Str("reason", reason).Msg("a drill is due and does not begin")
			}
			told = reason
		}
		pause(ctx, drillTick)
	}
}

// beginDrill starts it as a person would. Its ID is the same all day, so that two
// leaders begin it once.
func (a *Agent) beginDrill(ctx context.Context, d fleet.Drill) error {
	drill := runbook.Drill{Lasts: d.Lasts(), Cohort: d.Cohort}
	req := api.RunRequest{Book: string(drill.Text()), Values: drill.Values(d.Site)}
	p, err := procedure(req, a.machine.State().Fleet)
	if err != nil {
		return err
	}
	now := a.now()
	_, err = a.doHere(ctx, steer.Command{
		Version: steer.CommandVersion, ID: fmt.Sprintf("drill-%s-%s", d.Site, now.UTC().Format(time.DateOnly)), Kind: steer.KindRunStart, By: scheduleOwner,
		Reason: fmt.Sprintf("drills of the fleet file: %s, every %d days", d.When, int(d.Every().Hours()/24)), Run: &steer.RunChange{Procedure: p},
	}, time.Now())
	return err
}
