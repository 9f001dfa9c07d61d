package meter

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Straggler is a device or trunk that still comes to a drained site after every
// answer of before must have run out, although it was told to go.
type Straggler struct {
	AoR       string // user@domain, or what the From of a trunk's first call said
	Trunk     bool   // it sends calls and never registered
	Source    netip.AddrPort
	Transport fleet.Transport
	Agent     string // User-Agent
	First     time.Time
	Last      time.Time
	Refusals  int
	Every     time.Duration // between its last two attempts
	Reason    Reason
	Step      string
	// Local is the gate's address that it came to, Contact the URI of its last
	// REGISTER, "" without a plain one. Known says that the softswitch has taken a
	// registration from its address through this gate.
	Local   netip.AddrPort
	Contact string
	Known   bool
}

// Reason is the likely cause why a device does not move.
type Reason string

// The reasons.
const (
	PinnedAddress Reason = "pinned address"
	NoSRV         Reason = "no SRV"
	IgnoresAnswer Reason = "does not move on this answer"
	LongCache     Reason = "long cache"
)

// Stragglers lists them, the longest there first.
func (m *Meter) Stragglers(now time.Time) []Straggler {
	d := *m.current.Load()
	var out []Straggler
	m.each(func(x *device) {
		if !x.straggles(now, d, m.cfg.Settle) {
			return
		}
		s := Straggler{
			AoR: x.aor, Trunk: x.peer, Source: x.source, Transport: x.transport, Agent: x.agent,
			First: x.first, Last: x.last, Refusals: x.refusals, Every: x.every.Round(time.Second),
		}
		s.Reason, s.Step = x.diagnosis()
		s.Known = x.granted > 0
		if x.reach != nil {
			s.Local, s.Contact = x.reach.local, x.reach.contact
		}
		out = append(out, s)
	})
	slices.SortFunc(out, func(a, b Straggler) int {
		return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.AoR, b.AoR), a.Source.Compare(b.Source))
	})
	return out
}

// hasty is how soon a device comes back that did not take the answer for a sign
// to go: one that refreshes comes later.
const hasty = 90 * time.Second

// diagnosis guesses from the device's own requests why it stays, and says what to
// try.
func (x *device) diagnosis() (Reason, string) {
	switch {
	case x.how == byAddress:
		return PinnedAddress, "it is configured with an IP address: have the customer set the service's name; until then answer 302: " + x.row(Redirected)
	case x.how == byPort:
		return NoSRV, "it is configured with a port, so it asks for an address record only: have the port removed, or steer the name's A record; until then answer 302: " + x.row(Redirected)
	case x.every > 0 && x.every < hasty && x.refusals > 2 && x.outcome == Unavailable:
		return IgnoresAnswer, "503 does not move it: try silence, or close over TCP and TLS, for it and then for its User-Agent: " + x.row(Silenced)
	case x.every > 0 && x.every < hasty && x.refusals > 2:
		return IgnoresAnswer, x.outcome.String() + " does not move it: try another answer, then call the customer: " + x.row(Redirected)
	}
	return LongCache, "its resolver keeps an old answer, or it asks for no SRV: wait for one more of its rounds, then call the customer"
}

// row is the line of the rule table to try, for this device alone.
func (x *device) row(o Outcome) string {
	addr := x.source.Addr()
	return fmt.Sprintf(`gate.refusals: {sources: ["%s/%d"], answer: "%s"}`, addr, addr.BitLen(), o)
}
