package incident

import (
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Step is what a measure is about.
type Step string

// The steps of an incident, each measured from its start.
const (
	Detect   Step = "detect"   // until the program or a person opened it
	Declare  Step = "declare"  // until customers could know
	Identify Step = "identify" // until the cause was named
	Move     Step = "move"     // until traffic was led away
	Restore  Step = "restore"  // until callers had a working site again
	Resolve  Step = "resolve"  // until all was as before
)

// Measure is how long one step took.
type Measure struct {
	Step Step           `json:"step"`
	At   time.Time      `json:"at,omitzero"` // zero: it did not happen
	Took fleet.Duration `json:"took"`
	By   string         `json:"by,omitempty"`
	// AtMost is true when the start is the earliest that the checks allow, so
	// the real time is shorter.
	AtMost bool `json:"at_most,omitempty"`
}

func measures(in steer.Incident, restored time.Time) []Measure {
	out := []Measure{
		{Step: Detect, At: in.OpenedAt, By: in.OpenedBy},
		{Step: Declare, At: in.DeclaredAt, By: in.DeclaredBy},
		{Step: Identify, At: in.IdentifiedAt},
		{Step: Move, At: in.MovedAt, By: in.MovedBy},
		{Step: Restore, At: restored},
		{Step: Resolve, At: in.ResolvedAt, By: in.ResolvedBy},
	}
	for i := range out {
		if out[i].At.IsZero() {
			continue
		}
		out[i].Took = fleet.Duration(max(0, out[i].At.Sub(in.StartedAt)))
		out[i].AtMost = in.DetectWithin > 0 && out[i].Step != Identify && out[i].Step != Resolve
	}
	return out
}

// measure returns the one of a step.
func (r *Report) measure(s Step) Measure {
	for _, m := range r.Measures {
		if m.Step == s {
			return m
		}
	}
	return Measure{Step: s}
}
