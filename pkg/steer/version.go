package steer

import (
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Needs is the version of the encoding that a command needs: the oldest one
// whose programs apply it as it is meant. That is 2 for keys of the zone,
// quarantines and looks at readiness, for what names cohorts of tenants, a pace, failback windows or a policy of them,
// and for a runbook whose steps older programs do not know; 1 for all else.
// Commands travel with it, so that a fleet of several versions can still do what
// the oldest knows.
func (c Command) Needs() int {
	switch c.Kind {
	case KindKeyAdd, KindKeyConfirm, KindKeyStep, KindKeyDrop,
		KindQuarantine, KindUnquarantine, KindQuarantineExpire, KindLook:
		return 2
	}
	switch {
	case !c.Cohort.IsZero(), c.Pace != "", c.Offset != 0, c.Fleet != nil && newPolicy(c.Fleet):
		return 2
	case c.Run != nil && c.Run.Procedure != nil && newSteps(c.Run.Procedure):
		return 2
	case c.Past != nil && (newPolicy(c.Past.Fleet) || namesCohorts(c.Past)):
		return 2
	case KindSetFleet:
		if c.Fleet != nil && len(c.Fleet.Policy.EmergencyCountries) > 0 {
			return 2
		}
	case KindRollback:
		if c.Past != nil && c.Past.Fleet != nil && len(c.Past.Fleet.Policy.EmergencyCountries) > 0 {
			return 2
		}
	}
	return 1
}

func newPolicy(f *fleet.Fleet) bool { return f != nil && !f.Policy.Failback.IsZero() }

func newSteps(p *Procedure) bool {
	old := []Act{
		ActDrain, ActUndrain, ActFailover, ActFailback, ActHold, ActRelease, ActNotify, ActWait, ActVerify, ActApprove, ActManual, ActWebhook, ActExec,
	}
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Role != "" || !slices.Contains(old, s.Do) })
}

func namesCohorts(p *Past) bool {
	for _, d := range p.Drains {
		if !d.Cohort.IsZero() {
			return true
		}
	}
	for _, o := range p.Outs {
		if !o.Cohort.IsZero() {
			return true
		}
	}
	for _, f := range p.Failbacks {
		if !f.Cohort.IsZero() || f.Pace != "" || f.AnyTime {
			return true
		}
	}
	return false
}
