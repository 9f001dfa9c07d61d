package agent

import (
	"fmt"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// refusedParts are the parts that a gate refuses over transports that are open to
// all others, in order.
func refusedParts(p gate.Policy) []api.GatePart {
	var out []api.GatePart
	for _, t := range fleet.Transports {
		if p.Rules[t].Mode != gate.Open {
			continue
		}
		for _, x := range p.Parts[t] {
			part := api.GatePart{Transport: t.String(), Service: string(x.Service), Refuses: "new work", Reason: x.Reason}
			if x.Cohort != fleet.Everyone() {
				part.Cohort = x.Cohort.String()
			}
			if x.PassInvite {
				part.Refuses = "REGISTER"
			}
			out = append(out, part)
		}
	}
	return out
}

// unparted says why the parts that have left the site are not refused; "" where
// they are, or there are none. Whoever refuses in place of a gate of ours closes a
// transport for everyone or not at all: it knows no tenants; and to bring
// everyone's traffic to the gate for a part would have the softswitch learn the
// gate's address for phones that are to stay.
func (a *Agent) unparted() string {
	if a.divert == nil {
		return ""
	}
	parts := refusedParts(a.divert.Policy())
	if len(parts) == 0 {
		return ""
	}
	more := ""
	if n := len(parts) - 1; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("not everyone has left this site, and its driver refuses everyone or nobody: %s%s leaves by the name servers' answers alone", partText(parts[0]), more)
}

// partText names a part.
func partText(p api.GatePart) string {
	text := p.Service + " over " + p.Transport
	if p.Cohort != "" {
		text = p.Service + " (cohort " + p.Cohort + ") over " + p.Transport
	}
	return text
}
