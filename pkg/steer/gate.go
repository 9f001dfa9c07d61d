package steer

import (
	"fmt"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// GateMode is what a gate does with SIP requests.
type GateMode uint8

// The modes. The zero value is the safest: open.
const (
	GateOpen     GateMode = iota // not in the way
	GateDraining                 // new work refused; dialogs and emergency calls pass
	GateClosed                   // all refused
)

var gateNames = [...]string{"open", "draining", "closed"}

// String returns open, draining or closed.
func (m GateMode) String() string { return gateNames[m] }

// MarshalText implements encoding.TextMarshaler.
func (m GateMode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *GateMode) UnmarshalText(b []byte) error {
	for i, n := range gateNames {
		if n == string(b) {
			*m = GateMode(i)
			return nil
		}
	}
	return fmt.Errorf("unknown gate mode %q (one of open, draining, closed)", b)
}

// GateRule is what the gate does on one transport.
type GateRule struct {
	Transport fleet.Transport `json:"transport"`
	Mode      GateMode        `json:"mode"`
	// PassInvite lets calls through while REGISTER is refused: the second
	// phase of a planned drain.
	PassInvite bool   `json:"pass_invite,omitempty"`
	Reason     string `json:"reason,omitempty"`
	// Parts are those who are refused while the gate is open to all others.
	Parts []GatePart `json:"parts,omitempty"`
}

// GateState is what the gate of a site does, by decision of the fleet. The
// agent's local reflex may close a transport on top of it, and opens it again.
type GateState struct {
	Site  fleet.SiteID `json:"site"`
	Rules []GateRule   `json:"rules"` // one for each transport of the site, in order
}

// Mode sums the rules up: the mode that most transports have in common with
// the most open one winning, so that "draining" means that all refuse.
func (g GateState) Mode() GateMode {
	if len(g.Rules) == 0 {
		return GateOpen
	}
	mode := GateClosed
	for _, r := range g.Rules {
		mode = min(mode, r.Mode)
	}
	return mode
}

// Rule returns the rule for a transport; open when there is none.
func (g GateState) Rule(t fleet.Transport) GateRule {
	for _, r := range g.Rules {
		if r.Transport == t {
			return r
		}
	}
	return GateRule{Transport: t}
}

// GateStates derives what every gate does. A transport refuses when no service
// wants it at the site any more: every slot there is gone, by a drain past its
// announcement or by a removal. It is never closed by decision, since requests
// inside a dialog must pass while a softswitch can take them (calls-survive).
//
// Where only some services, or some tenants, have left the site, its gate is open
// and refuses those parts.
func GateStates(s State) map[fleet.SiteID]GateState { return newView(&s).gates(true) }

// gates is GateStates, with parts or without. The epoch goes by whole gates alone:
// a part comes and goes with the records that it is answered, and replicas of
// versions that know no parts must count the same epochs.
func (v *view) gates(parts bool) map[fleet.SiteID]GateState {
	if v.Fleet == nil {
		return nil
	}
	out := make(map[fleet.SiteID]GateState, len(v.Fleet.Sites))
	for i := range v.Fleet.Sites {
		site := &v.Fleet.Sites[i]
		g := GateState{Site: site.Name}
		for _, t := range site.Transports() {
			rule := v.gateRule(site.Name, t)
			if parts && rule.Mode == GateOpen {
				rule.Parts = v.gateParts(site.Name, t)
			}
			g.Rules = append(g.Rules, rule)
		}
		out[site.Name] = g
	}
	return out
}

func (v *view) gateRule(site fleet.SiteID, t fleet.Transport) GateRule {
	rule := GateRule{Transport: t}
	used, pass := false, false
	for i := range v.Fleet.Services {
		svc := &v.Fleet.Services[i]
		if !slices.Contains(svc.Transports, t) {
			continue
		}
		if v.answered(svc, t, site) {
			return GateRule{Transport: t} // still answered: still serving
		}
		slots := v.slots(svc, t)
		for i := range slots {
			st := &slots[i]
			if st.Site != site {
				continue
			}
			used = true
			if d := v.drainFor(st.Slot, fleet.OwnName); d != nil && d.Stage == StageRegister && st.Status != health.Down {
				pass = true
			}
			rule.Reason = v.gateReason(st, fleet.OwnName)
		}
	}
	if !used {
		return GateRule{Transport: t}
	}
	rule.Mode, rule.PassInvite = GateDraining, pass
	return rule
}

// gateReason says why those of a bucket are refused.
func (v *view) gateReason(st *Standing, bucket int) string {
	if v.drainFor(st.Slot, bucket) != nil {
		return "site drained"
	}
	if o := v.outFor(st.Slot, bucket); o != nil && o.Cause != health.CauseNone {
		return "softswitch down" // when it was taken out; does not change with each verdict
	}
	return "site out of service"
}
