package srv

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Zone is everything that the name servers answer at one epoch. It is a value
// that is never changed after it was built; a new epoch is a new Zone.
type Zone struct {
	// Origin is the zone's name: absolute, lower case, trailing dot.
	Origin string
	// Epoch of the decision that the zone follows. SOA.Serial is its low 32
	// bits.
	Epoch uint64
	SOA   SOA
	// Sets are ordered by (Name, Type) and hold no SOA. The apex NS set is
	// among them.
	Sets []RRset
	// Steered lists the owners and types that must never be empty.
	Steered []Key
	// Tenants are names that are answered with the sets of their service: what
	// stands at the service's own name stands at the tenant's, and what stands
	// below it, under labels such as _sip._udp, below the tenant's. They are not
	// among Sets, since there may be a million.
	Tenants *fleet.Tenants
	// TenantAnswers says whether that is the records or a CNAME to them.
	TenantAnswers fleet.TenantAnswers
	// Keys sign the answers. A zone without any is not signed. Their DNSKEY set
	// is among Sets; signatures and NSEC records are made by who answers.
	Keys []SigningKey
	// Cohorts are slices of the tenants that are answered with other sets than
	// the rest of their service, in the order of (Service, Owner).
	Cohorts []Cohort
}

// Key names an RRset.
type Key struct {
	Name string
	Type Type
}

func (k Key) String() string { return k.Name + " " + k.Type.String() }

// Compare orders keys by name, then type.
func (k Key) Compare(o Key) int {
	if c := strings.Compare(k.Name, o.Name); c != 0 {
		return c
	}
	return cmp.Compare(k.Type, o.Type)
}

// Errors of Check.
var (
	// ErrEmptySet is returned when a steered name would answer with nothing.
	ErrEmptySet = errors.New("never-empty: steered set is empty")
	// ErrDanglingTarget is returned when a target inside the zone has no
	// address.
	ErrDanglingTarget = errors.New("never-empty: target has no address")
	// ErrMalformed is returned when the zone breaks its own form.
	ErrMalformed = errors.New("malformed zone")
)

// Key returns the set's key.
func (s RRset) Key() Key { return Key{s.Name, s.Type} }

// Lookup returns the set with that owner and type. Names compare as stored:
// lower case with a trailing dot.
func (z *Zone) Lookup(name string, t Type) (RRset, bool) {
	if i := z.find(name, t); i >= 0 {
		return z.Sets[i], true
	}
	return RRset{}, false
}

// SetsOf returns the sets of an owner, ordered by type.
func (z *Zone) SetsOf(name string) []RRset {
	first := sort.Search(len(z.Sets), func(i int) bool { return z.Sets[i].Name >= name })
	end := first
	for end < len(z.Sets) && z.Sets[end].Name == name {
		end++
	}
	return z.Sets[first:end]
}

// find returns the index of a set, or -1. It is asked often by each check, so
// it copies no set.
func (z *Zone) find(name string, t Type) int {
	low, high := 0, len(z.Sets)
	for low < high {
		mid := int(uint(low+high) / 2)
		s := &z.Sets[mid]
		switch c := strings.Compare(s.Name, name); {
		case c == 0 && s.Type == t:
			return mid
		case c < 0 || c == 0 && s.Type < t:
			low = mid + 1
		default:
			high = mid
		}
	}
	return -1
}

// InZone reports whether name is the origin or below it.
func (z *Zone) InZone(name string) bool {
	return name == z.Origin || strings.HasSuffix(name, "."+z.Origin)
}

// Check reports the first reason why the zone must not be served: a steered
// set without records, a target inside the zone without an address, sets out
// of order or twice, a serial that is not the epoch's. Every name server calls
// it again before a swap (rule never-empty).
func (z *Zone) Check() error {
	if err := z.checkHead(); err != nil {
		return err
	}
	if len(z.Sets) == 0 {
		return fmt.Errorf("%w: no record sets", ErrMalformed)
	}
	hosts := map[string]bool{} // targets that have addresses: few, and asked for by every set
	for i := range z.Sets {
		s := &z.Sets[i]
		if i > 0 && z.Sets[i-1].Key().Compare(s.Key()) >= 0 {
			return fmt.Errorf("%w: %s out of order or twice", ErrMalformed, s.Key())
		}
		if err := z.checkSet(s, hosts); err != nil {
			return err
		}
	}
	if _, ok := z.Lookup(z.Origin, TypeNS); !ok {
		return fmt.Errorf("%w: no NS set at %s", ErrMalformed, z.Origin)
	}
	for _, k := range z.Steered {
		if i := z.find(k.Name, k.Type); i < 0 || len(z.Sets[i].Data) == 0 {
			return fmt.Errorf("%w: %s", ErrEmptySet, k)
		}
	}
	return z.checkRest()
}

func (z *Zone) checkHead() error {
	if z.Origin == "" || !strings.HasSuffix(z.Origin, ".") {
		return fmt.Errorf("%w: origin %q has no trailing dot", ErrMalformed, z.Origin)
	}
	if z.SOA.Serial != uint32(z.Epoch) {
		return fmt.Errorf("%w: serial %d is not epoch %d", ErrMalformed, z.SOA.Serial, z.Epoch)
	}
	return nil
}

// Equal reports whether both zones say the same.
func (z *Zone) Equal(o *Zone) bool {
	sameSet := func(a, b RRset) bool { return a.Name == b.Name && a.Equal(&b) }
	return z.Origin == o.Origin && z.Epoch == o.Epoch && z.SOA == o.SOA && slices.EqualFunc(z.Sets, o.Sets, sameSet) &&
		slices.Equal(z.Steered, o.Steered) && slices.Equal(z.Keys, o.Keys) && slices.Equal(z.Cohorts, o.Cohorts) && z.TenantAnswers == o.TenantAnswers && z.Tenants.Equal(o.Tenants)
}

func (z *Zone) checkSet(s *RRset, hosts map[string]bool) error {
	if !z.InZone(s.Name) || s.Name != strings.ToLower(s.Name) {
		return fmt.Errorf("%w: %s is not a lower-case name in %s", ErrMalformed, s.Key(), z.Origin)
	}
	return z.checkData(s, nil, hosts)
}

// checkData checks what a set says. Targets among was, those of the same set in
// a zone of the same form that passed, have an address here too; so have those
// in hosts.
func (z *Zone) checkData(s *RRset, was []Data, hosts map[string]bool) error {
	if len(s.Data) == 0 {
		return fmt.Errorf("%w: %s", ErrEmptySet, s.Key())
	}
	for i, d := range s.Data {
		if d == nil || d.Type() != s.Type {
			return fmt.Errorf("%w: %s holds a record of another type", ErrMalformed, s.Key())
		}
		var host string
		switch d := d.(type) {
		case SRV:
			host = d.Target
		case NS:
			host = d.Host
		case NAPTR:
			if z.find(d.Replacement, TypeSRV) < 0 && z.InZone(d.Replacement) && strings.EqualFold(d.Flags, "s") {
				return fmt.Errorf("%w: %s points to %s, which has no SRV set", ErrDanglingTarget, s.Key(), d.Replacement)
			}
			continue
		default:
			continue
		}
		if i < len(was) && pointsTo(was[i:i+1], host) || pointsTo(was, host) || hosts[host] || !z.InZone(host) {
			continue
		}
		if hosts[host] = z.find(host, TypeA) >= 0 || z.find(host, TypeAAAA) >= 0; !hosts[host] {
			return fmt.Errorf("%w: %s points to %s", ErrDanglingTarget, s.Key(), host)
		}
	}
	return nil
}

// pointsTo reports whether one of the SRV records leads to the host.
func pointsTo(data []Data, host string) bool {
	for _, d := range data {
		if s, ok := d.(SRV); ok && s.Target == host {
			return true
		}
	}
	return false
}

// Sort brings the sets into the order that Check demands.
func (z *Zone) Sort() {
	order := make([]int32, len(z.Sets)) // lighter to move about than sets
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return z.Sets[a].Key().Compare(z.Sets[b].Key()) })
	sets := make([]RRset, len(z.Sets))
	for i, at := range order {
		sets[i] = z.Sets[at]
	}
	z.Sets = sets
}

// String prints the zone in master file format (RFC 1035 §5), with the epoch
// in a comment.
func (z *Zone) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "; epoch %d\n%s %d IN SOA %s %s %d %d %d %d %d\n", z.Epoch, z.Origin, z.SOA.TTL,
		z.SOA.MName, z.SOA.RName, z.SOA.Serial, z.SOA.Refresh, z.SOA.Retry, z.SOA.Expire, z.SOA.Minimum)
	for _, s := range z.Sets {
		for _, d := range s.Data {
			fmt.Fprintf(&b, "%s %d IN %s %s\n", s.Name, s.TTL, s.Type, d)
		}
	}
	return b.String()
}
