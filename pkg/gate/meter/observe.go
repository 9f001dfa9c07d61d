package meter

import (
	"hash/maphash"
	"net/netip"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// Flow is the way between a device and the gate.
type Flow struct {
	Source    netip.AddrPort
	Local     netip.AddrPort // the gate's address
	Transport fleet.Transport
}

// Request notes a request of a phone or trunk and what became of it.
func (m *Meter) Request(now time.Time, r *sipwire.Message, at Flow, o Outcome) {
	src := at.Source
	if r.To().Tag != nil && !r.Is("REGISTER") || r.Is("ACK") || r.Is("CANCEL") {
		if o == Passed {
			m.InDialog(now, r)
		}
		return
	}
	d := *m.current.Load()
	if o == Passed && !r.Is("REGISTER") || o != Passed && d.since.IsZero() {
		return
	}
	who := r.From().URI
	if r.Is("REGISTER") {
		who = r.To().URI
	}
	s, key := m.locked(who)
	x := s.find(key, src.Addr())
	if x == nil && !r.Is("REGISTER") { // a trunk has another From in each call
		s.mu.Unlock()
		s, key = m.lockedPeer(src.Addr())
		x = s.find(key, src.Addr())
	}
	if x == nil {
		x = m.learn(s, key, who, r, src, at.Transport)
	}
	if x != nil {
		x.note(now, r, at, o, d)
	}
	s.mu.Unlock()
}

func (x *device) note(now time.Time, r *sipwire.Message, at Flow, o Outcome, d drain) {
	x.seen, x.source = now, at.Source
	if o != Passed {
		x.enter(d)
		x.how = howFound(r)
		x.refused(now, r.CSeq(), o)
		if x.refusals > 1 && !d.horizon.IsZero() && now.After(d.horizon) {
			x.reachable(r, at)
		}
	}
}

// InDialog notes a request inside a dialog, in either direction.
func (m *Meter) InDialog(now time.Time, r *sipwire.Message) {
	key := maphash.Bytes(m.seed, r.CallID())
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, up := s.calls[key]; !up {
		return
	}
	if r.Is("BYE") {
		delete(s.calls, key)
		return
	}
	s.calls[key] = now
}

// Response notes a response of the softswitch that was passed on to a phone.
func (m *Meter) Response(now time.Time, r *sipwire.Message, to netip.AddrPort) {
	if r.Status() < 200 || r.Status() > 299 {
		return
	}
	switch {
	case r.Is("INVITE"):
		key := maphash.Bytes(m.seed, r.CallID())
		s := m.shard(key)
		s.mu.Lock()
		if len(s.calls) < m.cfg.MaxCalls/shards+1 {
			s.calls[key] = now
		}
		s.mu.Unlock()
	case r.Is("REGISTER"):
		m.registered(now, r, to.Addr())
	}
}

// registered notes how long the softswitch keeps the registration.
func (m *Meter) registered(now time.Time, r *sipwire.Message, addr netip.Addr) {
	s, key := m.locked(r.To().URI)
	defer s.mu.Unlock()
	if x := s.find(key, addr); x != nil {
		granted := grantedFor(r)
		x.registered, x.expires, x.granted = granted > 0, now.Add(granted), granted
	}
}

// grantedFor is the longest time of the bindings in a 200 (RFC 3261 §10.3 step
// 8). Without a binding nothing is left of the registration.
func grantedFor(r *sipwire.Message) time.Duration {
	general, _ := r.Value(sipwire.HeaderExpires)
	var most time.Duration
	contacts := r.Contacts()
	for {
		c, ok := contacts.Next()
		if !ok {
			return most
		}
		e := c.Expires
		if e == nil {
			e = general
		}
		most = max(most, seconds(e))
	}
}

// seconds reads a number of seconds, a day at most: longer registrations do not
// make sense, and 2^32-1 means "for ever" to those who write it.
func seconds(b []byte) time.Duration {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0
		}
		if n = n*10 + int(c-'0'); n > 86400 {
			n = 86400
		}
	}
	return time.Duration(n) * time.Second
}

// howFound tells how the device found the site: where a Route stands, as with
// an outbound proxy, that is what it was configured with.
func howFound(r *sipwire.Message) target {
	uri := r.Route(0)
	if uri == nil {
		uri = r.URI()
	}
	if _, ok := sipwire.Host(uri); ok {
		return byAddress
	}
	if _, port := sipwire.HostOf(uri); port != 0 {
		return byPort
	}
	return byService
}
