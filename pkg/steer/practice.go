package steer

import (
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// DrillBook is the name of the runbook that a drill is.
const DrillBook = "drill"

// DrillVerdict says how a drill ended.
type DrillVerdict string

// The verdicts.
const (
	DrillSucceeded   DrillVerdict = "succeeded"
	DrillFailed      DrillVerdict = "failed"      // a step did not do what it promises
	DrillInterrupted DrillVerdict = "interrupted" // a person, or an incident, ended it
	DrillCapacity    DrillVerdict = "capacity"    // the other sites did not bear the traffic
)

// Practice is the last drill of a site, and when the last good one was.
type Practice struct {
	Site    fleet.SiteID   `json:"site"`
	Run     string         `json:"run"`
	At      time.Time      `json:"at"`
	Verdict DrillVerdict   `json:"verdict"`
	Cohort  fleet.Cohort   `json:"cohort,omitzero"` // who left; empty = everyone
	Why     string         `json:"why,omitempty"`
	Leave   fleet.Duration `json:"leave"`  // from its begin until the site was out of the answers
	Return  fleet.Duration `json:"return"` // from the undrain until the site took all of its traffic again
	// Recovery is from its begin until no phone was left at the site, or none of
	// the cohort, as its gate counts them; 0 when some were left. Target is what it
	// should be; 0 is none. It is not asked of a cohort: nobody refuses its phones.
	Recovery   fleet.Duration `json:"recovery,omitzero"`
	Target     fleet.Duration `json:"target,omitzero"`
	Stragglers string         `json:"stragglers,omitempty"` // who still came, in words
	GoodAt     time.Time      `json:"good_at,omitzero"`     // the last good one that everyone left in
	PartAt     time.Time      `json:"part_at,omitzero"`     // the last good one of a cohort
}

// DrillDue is how long a good drill counts: after it the site is due again.
const DrillDue = 30 * 24 * time.Hour

// practised records how a drill ended.
func (t *transition) practised(r *Run) {
	if r.Book != DrillBook || len(r.Sites) == 0 || r.Live() && r.State != RunStopped {
		return
	}
	p := Practice{Site: r.Sites[0], Run: r.ID, At: t.Now, Why: r.Why, Verdict: verdictOf(r), Leave: r.took("leave"), Return: r.took("return"), Recovery: r.recovery(), Target: t.Fleet.Policy.RecoveryTarget}
	if p.Cohort = r.whom(); !p.Cohort.IsZero() {
		p.Target = 0
	}
	if i := r.Step("who"); i >= 0 {
		p.Stragglers = r.Progress[i].Detail
	}
	if p.Verdict == DrillSucceeded && p.Target > 0 && (p.Recovery == 0 || p.Recovery > p.Target) {
		p.Verdict, p.Why = DrillFailed, "the recovery took "+p.recoveryText()+", the target is "+p.Target.String()
	}
	if i := slices.IndexFunc(t.Practice, func(o Practice) bool { return o.Site == p.Site }); i >= 0 {
		if t.Practice[i].Run == r.ID && t.Practice[i].Verdict == p.Verdict {
			return // told already
		}
		p.GoodAt, p.PartAt = t.Practice[i].GoodAt, t.Practice[i].PartAt
	}
	switch {
	case p.Verdict != DrillSucceeded:
	case p.Cohort.IsZero():
		p.GoodAt = t.Now
	default:
		p.PartAt = t.Now
	}
	t.Practice = inserted(t.Practice, p, func(a, b Practice) int { return strings.Compare(string(a.Site), string(b.Site)) })
	t.runEvent(r, "verdict", r.ID+": drill of "+string(p.Site)+forCohort(p.Cohort)+" "+string(p.Verdict)+", out of the answers in "+p.Leave.String()+", empty in "+p.recoveryText()+", back in "+p.Return.String())
}

// recoveryText is the measured recovery in words.
func (p *Practice) recoveryText() string {
	if p.Recovery == 0 {
		return "more than was waited for: some phones were left"
	}
	return p.Recovery.String()
}

// recovery is from when the site began to leave until its gate had no
// registration left; 0 when that did not happen in time.
func (r *Run) recovery() fleet.Duration {
	leave, moved := r.Step("leave"), r.Step("moved")
	if leave < 0 || moved < 0 || r.Progress[moved].State != StepDone {
		return 0
	}
	return max(fleet.Duration(time.Second), fleet.Duration(r.Progress[moved].EndedAt.Sub(r.Progress[leave].StartedAt).Round(time.Second)))
}

func verdictOf(r *Run) DrillVerdict {
	switch {
	case r.State == RunDone:
		return DrillSucceeded
	case r.EndedBy != "", strings.HasPrefix(r.Why, "abort_if incidents"):
		return DrillInterrupted
	case strings.HasPrefix(r.Why, "abort_if not others_well"), strings.HasPrefix(r.Why, "bears: "):
		return DrillCapacity
	}
	return DrillFailed
}

// took is how long a step lasted; 0 when it did not end well.
func (r *Run) took(step string) fleet.Duration {
	i := r.Step(step)
	if i < 0 || r.Progress[i].State != StepDone && r.Progress[i].State != StepUndone {
		return 0
	}
	return fleet.Duration(r.Progress[i].EndedAt.Sub(r.Progress[i].StartedAt))
}

// guardDrill refuses a drill in the hours in which the fleet file forbids it.
func (t *transition) guardDrill(p *Procedure) error {
	if p.Book != DrillBook || slices.Contains(t.cmd.Override, RuleDrillWindow) {
		return nil
	}
	for _, text := range t.Fleet.Policy.DrillBlocked {
		w, err := fleet.ParseWindow(text)
		if err == nil && w.Contains(t.Now) {
			return &Refusal{
				Rule: RuleDrillWindow, Text: "no drill is wanted at this time of the week", Value: strings.ToLower(t.Now.UTC().Format("Mon 15:04")) + " UTC",
				Limit: "outside of " + text, Next: "wait until the window is over, or add --override " + string(RuleDrillWindow),
			}
		}
	}
	return nil
}
