package dnsserver

import (
	"strings"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// shelf keeps packed sections for the zones of one origin that follow one
// another, by the content of their sets. It belongs to who packs, one zone after
// the other; answering does not know it. A zone that is refused after it was
// packed leaves its sections here, which are as good as any.
type shelf struct {
	sections map[string]*section
	// hosts are those whose addresses are in sections, by their names as they
	// are written in data.
	hosts map[string]*host
}

// host is a host with its addresses in the zone.
type host struct {
	name string // lower-cased
	sets []srv.RRset
}

// forZone returns the shelf to pack a zone with; stays is false if it is a new
// one, because there was none or a host has other addresses now.
func (s *shelf) forZone(z *srv.Zone) (next *shelf, stays bool) {
	if s == nil || !s.fits(z) {
		return &shelf{sections: map[string]*section{}, hosts: map[string]*host{}}, false
	}
	if len(s.sections) > 2*len(z.Sets)+64 { // mostly of zones long gone
		return &shelf{sections: map[string]*section{}, hosts: s.hosts}, true
	}
	return s, true
}

// fits reports whether all hosts have the addresses that they have in the zone.
func (s *shelf) fits(z *srv.Zone) bool {
	var now []srv.RRset
	for _, h := range s.hosts {
		now = addressesOf(z, h.name, now[:0])
		if len(now) != len(h.sets) {
			return false
		}
		for i := range now {
			if !now[i].Equal(&h.sets[i]) {
				return false
			}
		}
	}
	return true
}

// host finds the addresses of a host, once for all sets.
func (s *shelf) host(z *srv.Zone, written string) *host {
	if h := s.hosts[written]; h != nil {
		return h
	}
	var h *host
	if name := strings.ToLower(written); name != written {
		h = s.host(z, name)
	} else {
		h = &host{name: name, sets: addressesOf(z, name, nil)}
	}
	s.hosts[written] = h
	return h
}

func addressesOf(z *srv.Zone, name string, sets []srv.RRset) []srv.RRset {
	for _, t := range []srv.Type{srv.TypeA, srv.TypeAAAA} {
		if set, ok := z.Lookup(name, t); ok {
			sets = append(sets, set)
		}
	}
	return sets
}
