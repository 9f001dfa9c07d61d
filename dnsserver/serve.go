package dnsserver

import (
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// Serve checks and packs the steered zone, then answers from it alone: every
// answer begun after Serve returns is the new zone's. A zone that fails its
// checks, is older than the one served, or differs under the same epoch is
// refused, and the old one stays. The zone must not be changed afterwards.
func (s *Server) Serve(z *srv.Zone) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.zones.Load()
	next, err := admit(z, now.steered, s.seed)
	if err == nil && now.other(next.origin) != nil {
		err = fmt.Errorf("serve zone %s: %w", z.Origin, ErrTwice)
	}
	if err != nil {
		s.refused++
		s.lastRefusal, s.lastRefusalAt = err.Error(), time.Now()
		return err
	}
	if next != now.steered {
		s.prepareToSign(next, now.steered)
		next.keep(now.steered)
		s.zones.Store(&zones{steered: next, others: now.others})
		s.swaps++
		s.notifier.tell()
	}
	s.lastRefusal, s.lastRefusalAt = "", time.Time{}
	return nil
}

// ServeOthers replaces the zones that are served beside the steered one: all,
// or none if one of them cannot be served. A zone that says something else than
// before has a higher serial (RFC 1982): else secondaries would not take it.
func (s *Server) ServeOthers(list []*srv.Zone) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.zones.Load()
	next := &zones{steered: now.steered}
	for _, z := range list {
		packed, err := s.admitOther(z, now)
		if err != nil {
			return fmt.Errorf("serve zone %s: %w", z.Origin, err)
		}
		if next.other(packed.origin) != nil || next.steered != nil && string(next.steered.origin) == string(packed.origin) {
			return fmt.Errorf("serve zone %s: %w", z.Origin, ErrTwice)
		}
		next.add(packed)
	}
	s.zones.Store(next)
	s.notifier.tell()
	return nil
}

func (s *Server) admitOther(z *srv.Zone, now *zones) (*zone, error) {
	if err := z.Check(); err != nil {
		return nil, err
	}
	origin, err := packName(z.Origin)
	if err != nil {
		return nil, err
	}
	old := now.other(origin)
	if old != nil {
		if z.Equal(old.source) {
			return old, nil
		}
		if was := old.source.SOA.Serial; int32(z.SOA.Serial-was) <= 0 {
			return nil, fmt.Errorf("%w: serial %d, serving %d", ErrSerialBack, z.SOA.Serial, was)
		}
	}
	packed, err := pack(z, old, s.seed)
	if err != nil {
		return nil, errors.Join(ErrUnservable, err)
	}
	packed.keep(old)
	return packed, nil
}

// admit returns the packed zone to serve from now on.
func admit(z *srv.Zone, old *zone, seed maphash.Seed) (*zone, error) {
	if z == nil {
		return nil, ErrNoZone
	}
	var served *srv.Zone // which has passed the check
	if old != nil {
		served = old.source
	}
	changes := z.ChangesSince(served)
	if err := z.CheckChanges(served, changes); err != nil {
		return nil, fmt.Errorf("check zone of epoch %d: %w", z.Epoch, err)
	}
	if old != nil {
		switch was := old.source.Epoch; {
		case z.Epoch < was:
			return nil, fmt.Errorf("%w: epoch %d, serving %d", ErrEpochBack, z.Epoch, was)
		case z.Epoch == was && !z.Equal(old.source):
			return nil, fmt.Errorf("%w: epoch %d", ErrEpochConflict, was)
		case z.Epoch == was:
			return old, nil
		}
	}
	next, err := packChanges(z, old, changes, seed)
	if err != nil {
		return nil, fmt.Errorf("pack zone of epoch %d: %w: %w", z.Epoch, ErrUnservable, err)
	}
	return next, nil
}

// Epoch returns the epoch of the zone served now; 0 before the first.
func (s *Server) Epoch() uint64 {
	if z := s.zones.Load().steered; z != nil {
		return z.source.Epoch
	}
	return 0
}
