package runbook

import (
	"fmt"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Nobody refuses a bound runbook that has a step about a cohort in which there is
// no tenant, or in the pace of cohorts where there are none: it would move nobody,
// or everyone in another way than it says. nil when there is none.
func Nobody(p *steer.Procedure, s steer.State) error {
	for i := range p.Steps {
		step := &p.Steps[i]
		if err := nobody(p, s, step, step.Cohort, step.Pace); err != nil {
			return err
		}
		if u := step.Undo; u != nil {
			if err := nobody(p, s, step, u.Cohort, u.Pace); err != nil {
				return err
			}
		}
	}
	return nil
}

func nobody(p *steer.Procedure, s steer.State, step *steer.Step, cohort, pace string) error {
	who, err := steer.ParseWhom(cohort)
	if err != nil {
		return nil // refused when it was bound
	}
	what := "runbook " + p.Book
	if p.Book == steer.DrillBook {
		what = "the drill"
	}
	at := fmt.Sprintf("%s, step %s", what, step.ID)
	if why := steer.Nobody(s, fleet.SiteID(step.Site), fleet.ServiceID(step.Service), 0, who); why != "" {
		return &steer.Invalid{Field: "cohort", Message: fmt.Sprintf("%s: cohort %s: %s", at, cohort, why), Hint: forEveryone(p, "cohort", steer.Whole)}
	}
	if pace == string(fleet.PaceCohorts) && s.Tenants.Names().Len() == 0 {
		return &steer.Invalid{Field: "pace", Message: at + ": pace cohorts: this fleet has no tenants, so there are no cohorts to go by", Hint: forEveryone(p, "pace", string(fleet.PaceWeights))}
	}
	return nil
}

// forEveryone is what to type for the same runbook without cohorts.
func forEveryone(p *steer.Procedure, value, is string) string {
	const first = "; or first: sipsteer tenant import FILE"
	if p.Book == steer.DrillBook && len(p.Sites) > 0 {
		return fmt.Sprintf("sipsteer drill %s --reason \"…\"   # without --cohort: everyone leaves%s", p.Sites[0], first)
	}
	return fmt.Sprintf("sipsteer runbook run %s --set %s=%s …   # or in its file%s", p.Book, value, is, first)
}
