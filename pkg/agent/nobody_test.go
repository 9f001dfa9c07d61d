package agent

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestACohortOfNobodyIsRefused: by what it lacks and what to type, not by a
// condition that is not true; who is left out of DNS can always come back.
func TestACohortOfNobodyIsRefused(t *testing.T) {
	empty, one, many := newCohortDay(t), newCohortDay(t), newCohortDay(t)
	one.tenants(1)
	many.tenants(300)
	five := fleet.AllTenants().First(5)
	east := empty.state.Fleet.Services[1].Name
	drill := func(d *drillDay, x runbook.Drill) steer.Command {
		return steer.Command{Kind: steer.KindRunStart, Run: &steer.RunChange{Procedure: d.bind(x)}}
	}
	back := steer.Command{Kind: steer.KindRunStart, Run: &steer.RunChange{Procedure: &steer.Procedure{Book: "mine", Steps: []steer.Step{
		{ID: "back", Do: steer.ActFailback, Site: "calgary", Undo: &steer.Undo{Do: steer.ActUndrain, Pace: "cohorts"}},
	}}}}
	const none, bucket = "this fleet has no tenants, so a cohort holds nobody", "none in the buckets 0-4: the cohort holds nobody"
	for name, c := range map[string]struct {
		day        *drillDay
		cmd        steer.Command
		want, hint string
	}{
		"drill":                 {empty, drill(empty, runbook.Drill{Lasts: time.Minute, Cohort: "5%"}), "the drill, step leave: cohort 5%: " + none, "sipsteer drill calgary --reason"},
		"drill, other buckets":  {one, drill(one, runbook.Drill{Lasts: time.Minute, Cohort: "5%"}), "this covers 1 tenant at calgary, and " + bucket, "sipsteer drill calgary --reason"},
		"drill, other service":  {many, drill(many, runbook.Drill{Lasts: time.Minute, Cohort: "5%", Service: east}), "no service that this covers at calgary has tenants", "sipsteer drill calgary"},
		"drill of some":         {many, drill(many, runbook.Drill{Lasts: time.Minute, Cohort: "5%"}), "", ""},
		"drill of everyone":     {empty, drill(empty, runbook.Drill{Lasts: time.Minute}), "", ""},
		"runbook":               {empty, back, "runbook mine, step back: pace cohorts: this fleet has no tenants", "sipsteer runbook run mine --set pace=weights"},
		"drain":                 {empty, steer.Command{Kind: steer.KindDrain, Site: "calgary", Cohort: five, Now: true, Reason: "x"}, "cohort 0-4: " + none, `sipsteer drain calgary --now --reason "x"   # for everyone; or first: sipsteer tenant import FILE`},
		"drain, other buckets":  {one, steer.Command{Kind: steer.KindDrain, Site: "calgary", Cohort: five}, bucket, "sipsteer drain calgary   # for everyone"},
		"drain of some":         {many, steer.Command{Kind: steer.KindDrain, Site: "calgary", Cohort: five}, "", ""},
		"drain without tenant":  {many, steer.Command{Kind: steer.KindDrain, Site: "calgary", Cohort: fleet.CohortOf(fleet.OwnName)}, "", ""},
		"failback":              {empty, steer.Command{Kind: steer.KindFailback, Site: "calgary", Cohort: five}, none, "sipsteer failback calgary   # for everyone"},
		"failback by cohorts":   {empty, steer.Command{Kind: steer.KindFailback, Site: "calgary", Pace: fleet.PaceCohorts}, "pace cohorts: this fleet has no tenants", "sipsteer failback calgary   #"},
		"failback by weights":   {empty, steer.Command{Kind: steer.KindFailback, Site: "calgary", Pace: fleet.PaceWeights}, "", ""},
		"undrain of who is not": {one, steer.Command{Kind: steer.KindUndrain, Site: "calgary", Cohort: five}, "", ""},
	} {
		err := refuseNobody(c.cmd, c.day.state)
		var invalid *steer.Invalid
		switch {
		case c.want == "":
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case !errors.As(err, &invalid) || !strings.Contains(invalid.Message, c.want) || !strings.Contains(invalid.Hint, c.hint):
			t.Errorf("%s: %v, hint %q", name, err, invalid.Hint)
		}
	}
}
