package meter

import (
	"time"

	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// Gone reports whether a call to the URI is better refused in the first phase of
// a drain, because whom it is for is registered elsewhere by now: all of its
// devices were told to go, and went or have no registration here any more. Of
// somebody who never registered here nothing is known; then it is so once the
// whole tenant has moved.
func (m *Meter) Gone(now time.Time, uri []byte) bool {
	if gone, known := m.calleeGone(now, uri); known {
		return gone
	}
	host, _ := sipwire.HostOf(uri)
	return m.Moved(host)
}

func (m *Meter) calleeGone(now time.Time, uri []byte) (gone, known bool) {
	d := *m.current.Load()
	s, key := m.locked(uri)
	defer s.mu.Unlock()
	for _, x := range s.devices[key] {
		switch {
		case !x.registered:
			continue
		case !x.handedOver(now, d, m.cfg.Settle):
			return false, true
		}
		known = true
	}
	return known, known
}

const (
	// arrives is how long a device may take to register elsewhere after it was
	// refused: the best ones need a millisecond.
	arrives = 250 * time.Millisecond
	// runsOut is how long before its end a registration is not counted upon:
	// the softswitch's clock counts whole seconds.
	runsOut = 2 * time.Second
)

// handedOver reports whether the device can be reached elsewhere and not here.
// Between its refusal and the end of its registration here it can be reached at
// both.
func (x *device) handedOver(now time.Time, d drain, settle time.Duration) bool {
	switch x.standing(now, d, settle) {
	case moved, stuck:
		return true
	case telling:
		return now.Sub(x.first) >= arrives && x.expires.Sub(now) < runsOut
	}
	return false
}

// Known reports whether the address of record has a registration here.
func (m *Meter) Known(uri []byte, now time.Time) bool {
	s, key := m.locked(uri)
	defer s.mu.Unlock()
	for _, x := range s.devices[key] {
		if x.registered && now.Before(x.expires) {
			return true
		}
	}
	return false
}
