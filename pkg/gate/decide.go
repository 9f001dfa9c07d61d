package gate

import (
	"net/netip"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// Action is what a gate did with a message.
type Action uint8

// The actions.
const (
	Drop Action = iota // nothing is sent
	Relay
	Refuse   // 503, or the status that says what is wrong
	Redirect // 302 to a live site
	Silence  // refused by saying nothing
	HangUp   // refused by ending the connection
	Isolate  // dropped because its source is in quarantine
)

var actionNames = [...]string{Drop: "drop", Relay: "relay", Refuse: "refuse", Redirect: "redirect", Silence: "silence", HangUp: "hang-up", Isolate: "isolate"}

// String returns drop, relay, refuse, redirect, silence, hang-up or isolate.
func (a Action) String() string { return actionNames[a] }

// verdict is a decision about one request.
type verdict struct {
	action Action
	status int
	to     []contact // of a redirect
	// crowded: come back later, rather than elsewhere.
	crowded bool
}

var (
	pass          = verdict{action: Relay}
	drop          = verdict{action: Drop}
	unavailable   = verdict{action: Refuse, status: 503}
	noTransaction = verdict{action: Refuse, status: 481}
)

// decide says what becomes of a request from a phone without fault. New work
// that is not wanted is refused in the way that the rule table names. r are the
// rules that count for the request.
func (rs *ruleset) decide(r *transportRules, t fleet.Transport, m *sipwire.Message, src netip.Addr) verdict {
	v := rs.decideMode(r, m)
	if v.status == 503 && (m.To().Tag == nil || m.Is("REGISTER")) {
		return rs.refuse(t, m, src)
	}
	return v
}

func (rs *ruleset) decideMode(r *transportRules, m *sipwire.Message) verdict {
	if len(r.upstreams) == 0 {
		if len(rs.redirect) > 0 && m.Is("INVITE") && rs.emergencyURI(m.URI()) {
			return verdict{action: Redirect, status: 302, to: rs.redirect}
		}
		return nobodyBehind(m)
	}
	switch r.Mode {
	case Open:
		return pass
	case Draining:
		return rs.decideDraining(r, m)
	}
	return rs.decideClosed(m)
}

func (rs *ruleset) decideDraining(r *transportRules, m *sipwire.Message) verdict {
	switch {
	case m.Is("REGISTER"): // never inside a dialog, whatever its To says
		if deregisters(m) {
			return pass
		}
		return unavailable
	case m.To().Tag != nil, m.Is("ACK"), m.Is("CANCEL"):
		return pass
	case m.Is("SUBSCRIBE"):
		return unavailable
	case r.PassInvite:
		return pass
	case m.Is("INVITE") && rs.emergencyURI(m.URI()):
		return pass
	}
	return unavailable
}

// decideClosed: an ACK is never answered; it goes where its INVITE went, or
// nowhere. A CANCEL cannot match anything here, which is 481 (RFC 3261 §9.2).
func (rs *ruleset) decideClosed(m *sipwire.Message) verdict {
	emergency := rs.emergencyURI(m.URI())
	switch {
	case m.Is("ACK"):
		return pass
	case m.Is("INVITE") && emergency && m.To().Tag == nil && len(rs.redirect) > 0:
		return verdict{action: Redirect, status: 302, to: rs.redirect}
	case m.Is("INVITE") && emergency, m.Is("CANCEL") && emergency && len(rs.redirect) == 0:
		return pass
	case m.Is("CANCEL"):
		return noTransaction
	}
	return unavailable
}

// nobodyBehind is for a transport that has no softswitch: nothing can be passed.
func nobodyBehind(m *sipwire.Message) verdict {
	switch {
	case m.Is("ACK"):
		return drop
	case m.Is("CANCEL"):
		return noTransaction
	}
	return unavailable
}

// deregisters reports whether a REGISTER only takes bindings away: each contact
// expires at once, by its own parameter or by Expires (RFC 3261 §10.2.2).
func deregisters(m *sipwire.Message) bool {
	expires, _ := m.Value(sipwire.HeaderExpires)
	any := false
	contacts := m.Contacts()
	for {
		c, ok := contacts.Next()
		if !ok {
			return any && !contacts.Bad
		}
		any = true
		e := expires
		if c.Expires != nil {
			e = c.Expires
		}
		if !zero(e) {
			return false
		}
	}
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != '0' {
			return false
		}
	}
	return len(b) > 0
}
