package incident

import (
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Impact is an estimate, with the words that say how it was made.
type Impact struct {
	// Phones and Calls are upper bounds: the stated capacities of the failing
	// sites that a service prefers.
	Phones  int `json:"phones"`
	Calls   int `json:"calls"`
	Minutes int `json:"minutes"` // begun ones, from the start until callers had a working site
	// Lasting is true while that time is not over: Minutes run until the report.
	Lasting      bool           `json:"lasting,omitempty"`
	PhoneMinutes int            `json:"phone_minutes"`
	Unstated     []fleet.SiteID `json:"unstated,omitempty"` // sites that count as nothing: no capacity in the fleet file
	Gates        []GateCounts   `json:"gates,omitempty"`
	Method       []Method       `json:"method"`
}

// Method is one sentence on how the estimate was made.
type Method string

// The methods.
const (
	MethodCapacity  Method = "capacity"
	MethodStart     Method = "start"        // the start is bounded by the checks' settings
	MethodStated    Method = "start-stated" // a person stated the start
	MethodRestored  Method = "restored"
	MethodUnstated  Method = "unstated"
	MethodGates     Method = "gates"
	MethodNoOutages Method = "no-exposure" // no service preferred what failed
)

// GateCounts is what one site's gate has counted since its agent started.
type GateCounts struct {
	Site     fleet.SiteID `json:"site"`
	Refused  uint64       `json:"refused"`
	Relayed  uint64       `json:"relayed"`
	Redirect uint64       `json:"redirected"`
}

func impact(in steer.Incident, restored time.Time, from Input) Impact {
	out := Impact{Phones: in.Exposure.Registrations, Calls: in.Exposure.Calls, Unstated: in.Exposure.Unstated}
	end := restored
	if end.IsZero() {
		end, out.Lasting = from.Now, true
	}
	out.Minutes = int((max(0, end.Sub(in.StartedAt)) + time.Minute - 1) / time.Minute)
	out.PhoneMinutes = out.Phones * out.Minutes
	for _, g := range from.Gates {
		if slices.Contains(in.Sites, g.Site) {
			out.Gates = append(out.Gates, g)
		}
	}
	if len(in.Services) == 0 {
		out.Method = append(out.Method, MethodNoOutages)
	} else {
		out.Method = append(out.Method, MethodCapacity)
	}
	if in.DetectWithin > 0 {
		out.Method = append(out.Method, MethodStart)
	} else {
		out.Method = append(out.Method, MethodStated)
	}
	out.Method = append(out.Method, MethodRestored)
	if len(out.Unstated) > 0 {
		out.Method = append(out.Method, MethodUnstated)
	}
	if len(out.Gates) > 0 {
		out.Method = append(out.Method, MethodGates)
	}
	return out
}
