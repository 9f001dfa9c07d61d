package runbook

import (
	"slices"

	"github.com/sipsteer/sipsteer/pkg/steer"
)

var (
	byCohort = []steer.Act{steer.ActDrain, steer.ActUndrain, steer.ActFailback, steer.ActStragglers}
	byPace   = []steer.Act{steer.ActUndrain, steer.ActFailback}
)

// whom checks of a step, and of what takes it back, for whom it is done and by
// what it goes.
func (c *checker) whom(s *steer.Step, path string) {
	c.cohort(path, s.Do, s.Cohort)
	c.pace(path, s.Do, s.Pace)
	u := s.Undo
	if u == nil {
		return
	}
	c.cohort(path+".undo", u.Do, u.Cohort)
	c.pace(path+".undo", u.Do, u.Pace)
	if u.Do == steer.ActFailover && u.Cohort == "" && s.Cohort != "" && s.Cohort != steer.Whole {
		c.bad(path+".undo.do", "undo: {do: drain, now: true}", "the step is about a cohort, and failover is about everyone")
	}
}

func (c *checker) cohort(path string, do steer.Act, text string) {
	switch {
	case text == "":
	case do == steer.ActFailover:
		c.bad(path+".cohort", "do: drain with now: true takes a cohort away at once", "a site that fails is taken out for everyone")
	case !slices.Contains(byCohort, do):
		c.bad(path+".cohort", "take it out", "only %s have a cohort", words(byCohort))
	case blank.MatchString(text): // checked when it is filled in
	default:
		if _, err := steer.ParseWhom(text); err != nil {
			c.bad(path+".cohort", "cohort: 5%, or the buckets 0-4,17; for all of them everyone", "%v", err)
		}
	}
}

func (c *checker) pace(path string, do steer.Act, text string) {
	switch {
	case text == "":
	case !slices.Contains(byPace, do):
		c.bad(path+".pace", "take it out", "only %s have a pace", words(byPace))
	case blank.MatchString(text): // checked when it is filled in
	default:
		if _, err := steer.ParsePace(text); err != nil {
			c.bad(path+".pace", "pace: cohorts", "%v", err)
		}
	}
}
