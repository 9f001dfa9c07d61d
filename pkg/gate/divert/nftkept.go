package divert

import (
	"net/netip"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/gate"
)

// boundary is where a range of sources in quarantine begins, or the first address
// after it: what the kernel's sets of ranges are made of.
type boundary struct {
	addr netip.Addr
	end  bool
}

// String names a boundary; equal ones have equal names, and no step has one.
func (b boundary) String() string {
	if b.end {
		return "kept before " + b.addr.String()
	}
	return "kept from " + b.addr.String()
}

// boundaries are those of the sources that are in quarantine now, in order. What
// lies inside another network is left out: ranges of a set must not overlap.
func boundaries(all []gate.Quarantined, now time.Time) []boundary {
	var networks []netip.Prefix
	for _, q := range all {
		if q.Prefix.IsValid() && q.Until.After(now) {
			networks = append(networks, q.Prefix.Masked())
		}
	}
	slices.SortFunc(networks, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	var out []boundary
	var last netip.Prefix
	for _, n := range networks {
		if last.IsValid() && last.Overlaps(n) {
			continue // it is the same, or inside
		}
		last = n
		out = append(out, boundary{addr: n.Addr()})
		if after := lastOf(n).Next(); after.IsValid() {
			out = append(out, boundary{addr: after, end: true})
		}
	}
	return out
}

// lastOf is the last address of a network.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < p.Addr().BitLen(); i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// ofFamily are the boundaries of a set: those of the other family have their own.
func ofFamily(all []boundary, is4 bool) []boundary {
	var out []boundary
	for _, b := range all {
		if b.addr.Is4() == is4 {
			out = append(out, b)
		}
	}
	return out
}
