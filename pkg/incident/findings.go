package incident

import (
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Finding is something that went well or badly as measured, or that should be
// done. Which fields count depends on Key.
type Finding struct {
	Key  string         `json:"key"`
	Took fleet.Duration `json:"took,omitzero"`
	N    int            `json:"n,omitempty"`
	Name string         `json:"name,omitempty"` // a site, a rule, a person
	Text string         `json:"text,omitempty"` // an operator's or the core's words
}

// Targets that a measured time is held against. They are the times that a
// caller's patience sets, not the program's promises.
const (
	goodDetect  = 2 * time.Minute
	goodMove    = 5 * time.Minute
	goodRestore = 15 * time.Minute
)

func findings(in steer.Incident, r Report) (well, badly []Finding) {
	well, badly = []Finding{}, []Finding{}
	judge := func(m Measure, limit time.Duration) {
		f := Finding{Key: string(m.Step), Took: m.Took}
		switch {
		case m.At.IsZero():
		case m.Took.D() <= limit:
			f.Key += "-fast"
			well = append(well, f)
		default:
			f.Key += "-slow"
			badly = append(badly, f)
		}
	}
	judge(r.measure(Detect), goodDetect)
	judge(r.measure(Move), goodMove)
	judge(r.measure(Restore), goodRestore)
	if in.MovedBy == steer.AutomationOwner {
		well = append(well, Finding{Key: "moved-by-itself"})
	}
	if in.OpenedBy != steer.AutomationOwner {
		badly = append(badly, Finding{Key: "not-seen-by-checks", Name: in.OpenedBy})
	}
	if common(in) {
		well = append(well, Finding{Key: "common-cause"})
	}
	for _, e := range heldBack(in) {
		if e.Rule != steer.RuleCommonCause {
			badly = append(badly, Finding{Key: "held-back", Name: string(e.Rule), Text: e.Text})
		}
	}
	if n := count(in, steer.EventStepBack); n > 0 {
		well = append(well, Finding{Key: "step-back", N: n})
	}
	if n := relapses(in); n > 0 {
		badly = append(badly, Finding{Key: "relapsed", N: n})
	}
	if n := count(in, steer.EventRefused); n > 0 {
		badly = append(badly, Finding{Key: "refused", N: n})
	}
	if in.Cause == "" {
		badly = append(badly, Finding{Key: "no-cause"})
	}
	return well, badly
}

// common reports whether the same fault was seen at several sites. The advice
// of that rule alone says less: automation waits a moment for other sites.
func common(in steer.Incident) bool {
	return slices.ContainsFunc(in.Timeline, func(e *steer.Event) bool { return e.Kind == steer.EventBrake && e.Word == "set" })
}

// heldBack lists the rules that kept automation from moving, once each.
func heldBack(in steer.Incident) []*steer.Event {
	var out []*steer.Event
	for _, e := range in.Timeline {
		if e.Kind == steer.EventAdvice && !slices.ContainsFunc(out, func(o *steer.Event) bool { return o.Rule == e.Rule }) {
			out = append(out, e)
		}
	}
	return out
}

func count(in steer.Incident, kind steer.EventKind) int {
	n := 0
	for _, e := range in.Timeline {
		if e.Kind == kind && !e.At.Before(in.StartedAt) {
			n++
		}
	}
	return n
}

// relapses counts how often it was thought to be over and was not.
func relapses(in steer.Incident) int {
	n, quiet := 0, false
	for _, e := range in.Timeline {
		if e.Kind != steer.EventIncident || e.Incident != in.ID {
			continue
		}
		switch steer.IncidentState(e.Word) {
		case steer.Monitoring:
			quiet = true
		case steer.Investigating, steer.Identified:
			if quiet {
				n++
			}
			quiet = false
		}
	}
	return n
}

// followUps are what the record itself asks for.
func followUps(in steer.Incident, r Report) []Finding {
	out := []Finding{}
	if in.Cause == "" {
		out = append(out, Finding{Key: "name-cause", Name: in.ID})
	}
	for _, e := range in.Timeline {
		if e.Kind == steer.EventFleet && e.At.Before(in.OpenedAt) {
			out = append(out, Finding{Key: "review-change", Name: e.By, Text: e.Reason})
		}
	}
	held := heldBack(in)
	if common(in) {
		out = append(out, Finding{Key: "separate-fate"})
	}
	if slices.ContainsFunc(held, func(e *steer.Event) bool { return e.Rule == steer.RuleAdvise }) {
		out = append(out, Finding{Key: "consider-act"})
	}
	if strings.HasPrefix(string(in.Failure), "cert-") {
		out = append(out, Finding{Key: "check-certificates"})
	}
	if in.Failure == health.CauseAuth || in.Failure == health.CauseBinding {
		out = append(out, Finding{Key: "canary-login"})
	}
	if count(in, steer.EventStepBack) > 0 {
		out = append(out, Finding{Key: "test-under-load"})
	}
	if in.OpenedBy != steer.AutomationOwner {
		out = append(out, Finding{Key: "add-check"})
	}
	for _, site := range r.Impact.Unstated {
		out = append(out, Finding{Key: "state-capacity", Name: string(site)})
	}
	if m := r.measure(Move); !m.At.IsZero() && m.Took.D() > goodMove {
		out = append(out, Finding{Key: "drill"})
	}
	return out
}
