package meter

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// device is a phone, known by its address of record and the address that it
// comes from; or, when it never registers, a peer such as a trunk, known by its
// address alone.
type device struct {
	aor       string // user@domain; of a peer what its first From said
	peer      bool   // known by its address only
	domain    string
	agent     string // User-Agent, cleaned
	family    string
	source    netip.AddrPort
	transport fleet.Transport

	registered bool      // the softswitch said 200 once, and no de-registration came since
	expires    time.Time // when its registration here runs out
	granted    time.Duration
	seen       time.Time // last request

	told  uint32 // which of the drain's parts among is about
	among bool   // whether it is among those who are refused

	// What follows counts for one drain.
	drain    uint32
	first    time.Time     // first refusal
	last     time.Time     // last refusal
	every    time.Duration // between the last two refusals
	refusals int
	cseq     uint32
	outcome  Outcome // of the last refusal
	how      target
	reach    *reach // of a straggler
}

// reach is how a device can be asked something.
type reach struct {
	local   netip.AddrPort // the gate's address that it came to
	contact string         // of its last REGISTER; "" when that is no plain URI
}

// reachable notes how the device can be reached. It allocates for stragglers only,
// and again only when one has another contact.
func (x *device) reachable(r *sipwire.Message, at Flow) {
	if x.reach == nil {
		x.reach = &reach{}
	}
	x.reach.local, x.transport = at.Local, at.Transport
	contacts := r.Contacts()
	if c, ok := contacts.Next(); ok && r.Is("REGISTER") && plainURI(c.URI) && string(c.URI) != x.reach.contact {
		x.reach.contact = string(c.URI)
	}
}

// maxContact bounds, in octets, what is kept of a contact.
const maxContact = 200

// plainURI reports whether a SIP URI can be written into a request line as it is.
func plainURI(b []byte) bool {
	if len(b) < 5 || len(b) > maxContact || !bytes.EqualFold(b[:4], []byte("sip:")) && !bytes.EqualFold(b[:5], []byte("sips:")) {
		return false
	}
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || c == '<' || c == '>' || c == '"' {
			return false
		}
	}
	return true
}

// target is how a device finds the site, as far as its requests tell.
type target uint8

const (
	byService target = iota // the name of a service, or nothing that tells
	byAddress               // an IP address in Request-URI or Route
	byPort                  // a name with a port: no SRV is asked for (RFC 3263 §4.2)
)

// enter begins to count for a drain.
func (x *device) enter(d drain) {
	if x.drain != d.number {
		x.drain, x.first, x.last, x.every, x.refusals, x.cseq = d.number, time.Time{}, time.Time{}, 0, 0, 0
	}
}

// burst is how close together requests are taken for one attempt: a trunk sends
// many calls at once, and what gets no answer is sent again for 32 s.
const burst = 2 * time.Second

// refused counts a refusal. A retransmission after silence is no new attempt.
func (x *device) refused(now time.Time, seq uint32, o Outcome) {
	x.outcome = o
	if x.refusals == 0 {
		x.first = now
	} else if gap := now.Sub(x.last); gap > burst && (seq != x.cseq || gap > 32*time.Second) {
		x.every = gap
	} else {
		x.last, x.cseq = now, seq
		return
	}
	x.refusals++
	x.last, x.cseq = now, seq
}

// standing is where a device stands in a drain.
type standing uint8

const (
	staying standing = iota // registered here, not refused yet
	telling                 // refused, and not yet silent for long enough
	stuck                   // as telling, and its registration here has run out
	moved                   // refused, and silent since, or back in its rhythm
	lapsed                  // its registration ran out, or it took it away, unasked
)

// left reports whether the device's registration is still to go.
func (s standing) left() bool { return s == staying || s == telling }

func (x *device) standing(now time.Time, d drain, settle time.Duration) standing {
	here := x.registered && now.Before(x.expires)
	switch {
	case d.since.IsZero() || x.drain != d.number || x.refusals == 0:
		if here {
			return staying
		}
		return lapsed
	case now.Sub(x.last) >= x.settle(settle):
		return moved
	case here || !x.registered:
		return telling
	case x.rhythm() && (d.horizon.IsZero() || !x.last.After(d.horizon)):
		return moved
	}
	return stuck
}

// rhythm reports whether the device comes back as for its usual refresh: it is
// content with where it is, and asks here first because the name servers still
// name this site first. One without a registration would be back sooner.
func (x *device) rhythm() bool { return x.every > 0 && x.every >= x.granted*4/5 }

// settle is how long the device must be silent to be taken for moved: one that
// came back after a pause may do so again after the same pause.
func (x *device) settle(least time.Duration) time.Duration { return max(least, x.every*3/2) }

// straggles reports whether the device still comes after nobody should, though
// it was told before.
func (x *device) straggles(now time.Time, d drain, settle time.Duration) bool {
	return !d.since.IsZero() && x.drain == d.number && x.refusals > 1 && !d.horizon.IsZero() && x.last.After(d.horizon) &&
		now.Sub(x.last) < x.settle(settle)
}

// strangerFor is how long a device is remembered that never registered.
const strangerFor = 2 * time.Minute

// forgotten reports whether nothing is to be known of the device any more.
func (x *device) forgotten(now time.Time, d drain) bool {
	if !d.since.IsZero() && x.drain == d.number && x.refusals > 0 {
		return false // the drain's record; bounded by MaxDevices
	}
	return !now.Before(x.expires) && now.Sub(x.seen) > strangerFor
}
