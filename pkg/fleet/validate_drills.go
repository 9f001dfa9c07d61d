package fleet

import (
	"fmt"
	"slices"
)

// drills checks those that begin by themselves, and what else people practise and
// confirm.
func (v *validation) drills(p Policy) {
	if p.RecoveryTarget < 0 || p.RecoveryTarget > maxWait {
		v.add("$.policy.recovery_target", "for example 5m", "recovery_target is %s", p.RecoveryTarget)
	}
	if p.TouchesAbove < 0 || p.TouchesAbove > 99 {
		v.add("$.policy.touches_above", "for example 30; leave it out to be never asked", "touches_above is %d per cent", p.TouchesAbove)
	}
	for i, d := range p.Drills {
		path := fmt.Sprintf("$.policy.drills[%d]", i)
		if v.fleet.Site(d.Site) == nil {
			v.add(path+".site", "the name of one of the sites", "no site is called %q", d.Site)
		}
		if _, err := ParseWindow(d.When); err != nil {
			v.add(path+".when", "sun 03:00-04:00", "%v", err)
		}
		if d.Minutes < 0 || d.Minutes > 720 {
			v.add(path+".minutes", "1 to 720", "%d minutes", d.Minutes)
		}
		if d.Cohort != "" {
			if _, err := ParseCohort(d.Cohort); err != nil {
				v.add(path+".cohort", "5%, or the buckets 0-4,17", "%v", err)
			}
		}
		if d.EveryDays < 0 || d.EveryDays > 365 {
			v.add(path+".every_days", "1 to 365", "every %d days", d.EveryDays)
		}
		if slices.IndexFunc(p.Drills, func(o Drill) bool { return o.Site == d.Site }) != i {
			v.add(path+".site", "one drill for a site", "%s is there twice", d.Site)
		}
	}
}
