package dnsserver

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// members are the nodes of a service: its own and those below it that the
// labels in front of a tenant's name choose from.
type members []member

type member struct {
	prefix []byte // of labels in wire form; empty for the service itself
	node   uint32
}

// find returns the node that a prefix chooses.
func (m members) find(prefix []byte) (uint32, bool) {
	for i := range m {
		if bytes.Equal(m[i].prefix, prefix) {
			return m[i].node, true
		}
	}
	return 0, false
}

// tenant returns the place of a name at, below or above a tenant. Below a
// tenant are names under labels that begin with an underscore.
func (z *zone) tenant(name []byte, hash uint64) place {
	prefix := underscores(name)
	if prefix > 0 {
		hash = z.names.hash(name[prefix:])
	}
	service, exists := z.tenants.find(name[prefix:], hash)
	if service == 0 {
		if exists && prefix == 0 {
			return place{kind: atNothing}
		}
		return place{}
	}
	m := z.members[service-1]
	if z.cohorts != nil && z.cohorts[service-1] != nil {
		m = z.cohorts[service-1].of(name[prefix:], m)
	}
	i, ok := m.find(name[:prefix])
	switch {
	case !ok:
		return place{}
	case z.byCNAME:
		return place{atAlias, i}
	}
	return place{atNode, i}
}

// underscores returns the length of the labels in front of a wire name that
// begin with an underscore.
func underscores(name []byte) int {
	n := 0
	for name[n] > 0 && name[n+1] == '_' {
		n += 1 + int(name[n])
	}
	return n
}

// shareWithTenants lets tenants be answered by the nodes of their services.
func (b *builder) shareWithTenants() (err error) {
	z := b.out
	z.byCNAME = b.src.TenantAnswers == fleet.TenantsCNAME
	if z.tenants, err = indexTenants(b.src.Tenants, z.origin, z.names.seed, b.old.tenants); err != nil || z.tenants == nil {
		return err
	}
	if z.names == b.old.names && z.tenants == b.old.tenants && slices.Equal(b.src.Cohorts, b.old.source.Cohorts) {
		z.members, z.cohorts = b.old.members, b.old.cohorts
		return nil
	}
	return b.members()
}

// members lists the nodes of services, and refuses a tenant whose name would
// hide behind a record set, or in a delegated part of the zone.
func (b *builder) members() error {
	z := b.out
	lists := b.layOutCohorts()
	if lists == nil {
		lists = map[string]*members{}
	}
	z.members = make([]members, len(z.tenants.services))
	for i, s := range z.tenants.services {
		lists[srv.ServiceOwner(s)] = &z.members[i]
	}
	for i, owner := range z.owners {
		w, err := packName(owner)
		if err != nil {
			return err
		}
		service, exists := z.tenants.find(w, z.names.hash(w))
		if service != 0 {
			return fmt.Errorf("tenant %s has the name of a record set, or lies above one", owner)
		}
		if _, cut := b.src.Lookup(owner, srv.TypeNS); cut && exists && owner != b.src.Origin {
			return fmt.Errorf("a tenant lies in %s, which is delegated", owner)
		}
		shared := srv.SharedOwner(owner)
		if list := lists[shared]; list != nil {
			prefix := len(w) - len(shared) - 1 // a host name is one octet longer in wire form
			*list = append(*list, member{prefix: w[:prefix], node: uint32(i)})
		}
	}
	return nil
}

// eachMember yields the members of all services, those of their cohorts
// included.
func (z *zone) eachMember(yield func(member) bool) {
	for _, m := range z.members {
		for _, x := range m {
			if !yield(x) {
				return
			}
		}
	}
	for _, c := range z.cohorts {
		if c == nil {
			continue
		}
		for _, m := range c.lists {
			for _, x := range m {
				if !yield(x) {
					return
				}
			}
		}
	}
}

// aliasTenants makes the nodes that answer for tenants with a CNAME.
func (b *builder) aliasTenants() error {
	z := b.out
	if z.tenants == nil || !z.byCNAME {
		return nil
	}
	z.aliases = make([]node, len(z.nodes))
	for x := range z.eachMember {
		sets := b.setsOf(int(x.node))
		if len(sets) == 0 {
			continue // an empty non-terminal below a service is one below its tenants
		}
		var err error
		z.aliases[x.node], err = b.alias(srv.RRset{
			Type: srv.TypeCNAME, TTL: sets[0].TTL, Data: []srv.Data{srv.CNAME{Target: z.owners[x.node]}},
		})
		if err != nil {
			return fmt.Errorf("pack alias of %s: %w", z.owners[x.node], err)
		}
	}
	return nil
}
