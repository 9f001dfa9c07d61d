package steer

import (
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// VersionReasons is the first version of programs that keep the reason of a change
// of who is in the fleet and who may do what in the history: see Needs.
const VersionReasons = versionMaintenance

// Needs is the version of the encoding that a command needs: the oldest one
// whose programs apply it as it is meant. That is 5 for drains whose failures are
// maintenance, and for silences; 4 for the sources that flood
// failing sites and for a push; 3 for failovers that have an end, for a zone that is to be
// unsigned in order and for an import of tenants that is given up; 2 for keys of
// the zone, quarantines, looks at readiness, what is
// acknowledged of them and words of gates, for what names cohorts of tenants, a
// pace or failback windows, and for a fleet file or a runbook of which older
// programs would leave something out; 1 for all else. Commands travel with it,
// so that a fleet of several versions can still do what the oldest knows.
func (c Command) Needs() int {
	switch {
	case c.Maintenance, c.Kind == KindSilence, c.Kind == KindUnsilence, c.Kind == KindSilenceExpire, c.Past != nil && maintains(c.Past.Drains):
		return versionMaintenance
	case c.Kind == KindFloods, c.Kind == KindPush:
		return versionFloods
	case c.Kind == KindTenantStage && c.Tenants != nil && c.Tenants.Rows == "", c.Kind == KindKeyUnsign, c.Kind == KindKeyGone, c.Kind == KindOutExpire, c.Kind == KindFailover && c.For != 0, c.Past != nil && endsOuts(c.Past.Outs),
		c.Run != nil && c.Run.Procedure != nil && endsFailover(c.Run.Procedure):
		return versionEnds
	}
	switch c.Kind {
	case KindKeyAdd, KindKeyConfirm, KindKeyStep, KindKeyDrop,
		KindQuarantine, KindUnquarantine, KindQuarantineExpire, KindLook, KindConcernAck, KindConcernUnack, KindGateWord:
		return 2
	}
	switch {
	case !c.Cohort.IsZero(), c.Pace != "", c.Offset != 0, c.Fleet != nil && newPolicy(c.Fleet):
		return 2
	case c.Run != nil && c.Run.Procedure != nil && newSteps(c.Run.Procedure):
		return 2
	case c.Past != nil && (newPolicy(c.Past.Fleet) || namesCohorts(c.Past)):
		return 2
	}
	return 1
}

// newPolicy reports whether a fleet sets what older programs would leave out of
// their State.
func newPolicy(f *fleet.Fleet) bool {
	if f == nil {
		return false
	}
	p := f.Policy
	if !p.Failback.IsZero() || !p.Isolate.IsZero() || len(p.EmergencyCountries)+len(p.Drills) > 0 || p.RecoveryTarget != 0 || p.TouchesAbove != 0 {
		return true
	}
	old := []string{"tcp", "http", "dns", "exec", "storage"}
	return slices.ContainsFunc(f.Checks.Extra, func(e fleet.Extra) bool { return !slices.Contains(old, e.Kind) }) ||
		slices.ContainsFunc(f.Sites, func(s fleet.Site) bool {
			return slices.ContainsFunc(s.Softswitches, func(sw fleet.Softswitch) bool {
				return slices.ContainsFunc(sw.Listeners, func(l fleet.Listener) bool { return l.Path != "" })
			})
		})
}

func newSteps(p *Procedure) bool {
	old := []Act{
		ActDrain, ActUndrain, ActFailover, ActFailback, ActHold, ActRelease, ActNotify, ActWait, ActVerify, ActApprove, ActManual, ActWebhook, ActExec,
	}
	return slices.ContainsFunc(p.Steps, func(s Step) bool {
		return s.Role != "" || s.Cohort != "" || s.Pace != "" || s.Undo != nil && (s.Undo.Cohort != "" || s.Undo.Pace != "") || !slices.Contains(old, s.Do)
	})
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
