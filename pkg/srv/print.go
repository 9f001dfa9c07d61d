package srv

import (
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// All yields every set that is answered: those of the zone, in order, and then
// those of the tenants, written out.
func (z *Zone) All() iter.Seq[RRset] {
	return func(yield func(RRset) bool) {
		shared := map[string][]RRset{} // sets at and below a name that tenants have too
		for _, s := range z.Sets {
			if !yield(s) {
				return
			}
			owner := SharedOwner(s.Name)
			shared[owner] = append(shared[owner], s)
		}
		for domain, service := range z.Tenants.All() {
			owner, last := z.OwnerOf(service, domain), ""
			for _, s := range shared[owner] {
				set := s
				set.Name = strings.TrimSuffix(s.Name, owner) + string(domain) + "."
				if z.TenantAnswers == fleet.TenantsCNAME {
					if s.Name == last { // of all sets there is one CNAME
						continue
					}
					last = s.Name
					set.Type, set.Data = TypeCNAME, []Data{CNAME{Target: s.Name}}
				}
				if !yield(set) {
					return
				}
			}
		}
	}
}

// Print writes the zone in master file format (RFC 1035 §5), tenants written
// out, with the epoch in a comment.
func (z *Zone) Print(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "; epoch %d\n%s %d IN SOA %s %s %d %d %d %d %d\n", z.Epoch, z.Origin, z.SOA.TTL,
		z.SOA.MName, z.SOA.RName, z.SOA.Serial, z.SOA.Refresh, z.SOA.Retry, z.SOA.Expire, z.SOA.Minimum); err != nil {
		return fmt.Errorf("print zone: %w", err)
	}
	for s := range z.All() {
		for _, d := range s.Data {
			if _, err := fmt.Fprintf(w, "%s %d IN %s %s\n", s.Name, s.TTL, s.Type, d); err != nil {
				return fmt.Errorf("print zone: %w", err)
			}
		}
	}
	return nil
}
