package dnsserver

import (
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// tenantIndex finds the service of a tenant by the wire form of its name. It
// is never changed: the index of the next table of tenants shares the shards
// where nothing is different, and while the tenants stay as they are, however
// their services change, it is the same one.
type tenantIndex struct {
	of       *fleet.Tenants
	origin   []byte // wire form of the zone's
	seed     maphash.Seed
	shards   []*shard // a power of two; by the upper bits of the hash
	services []fleet.ServiceID
}

// shardSize is how many tenants a shard has when the shards are laid out. They
// are laid out anew when there are four times as many or as few.
const shardSize = 256

func (x *tenantIndex) shard(hash uint64) *shard {
	return x.shards[hash>>32&uint64(len(x.shards)-1)]
}

// find returns the number of the tenant's service, counted from 1; 0 if the
// name is no tenant. Exists says whether it is one or has one below it.
func (x *tenantIndex) find(name []byte, hash uint64) (service uint32, exists bool) {
	s := x.shard(hash)
	at := s.find(name, hash)
	if at == 0 || !s.alive(at) {
		return 0, false
	}
	return s.service(at), true
}

// indexTenants returns the index of a table; old is the one of the table before, or
// nil. A tenant that is not inside the zone is an error.
func indexTenants(t *fleet.Tenants, origin []byte, seed maphash.Seed, old *tenantIndex) (*tenantIndex, error) {
	if t.Len() == 0 {
		return nil, nil
	}
	if old != nil && old.of == t {
		return old, nil
	}
	n := max(t.Len()/shardSize, 1)
	if old == nil || n > 4*len(old.shards) || 4*n < len(old.shards) {
		old = &tenantIndex{origin: origin, seed: seed, shards: make([]*shard, 1)}
		for len(old.shards) < n {
			old.shards = make([]*shard, 2*len(old.shards))
		}
		for i := range old.shards {
			old.shards[i] = &shard{}
		}
	}
	b := &tenantIndexer{
		out:   &tenantIndex{of: t, origin: origin, seed: seed, shards: slices.Clone(old.shards), services: slices.Clone(old.services)},
		edits: make([]edits, len(old.shards)), numbers: map[fleet.ServiceID]uint32{},
	}
	for i, s := range old.services {
		b.numbers[s] = uint32(i + 1)
	}
	for change := range t.Diff(old.of) {
		if err := b.change(change, old); err != nil {
			return nil, err
		}
	}
	for i, e := range b.edits {
		if e.count > 0 {
			b.out.shards[i] = old.shards[i].apply(seed, e)
		}
	}
	return b.out, nil
}

// tenantIndexer collects the edits of all shards.
type tenantIndexer struct {
	out     *tenantIndex
	edits   []edits
	numbers map[fleet.ServiceID]uint32 // of services, from 1
	wire    [maxName]byte
}

func (b *tenantIndexer) change(c fleet.TenantChange, old *tenantIndex) error {
	name, ok := wireOf(&b.wire, string(c.Domain))
	if !ok || len(name) <= len(b.out.origin) || !covers(b.out.origin, name) {
		return fmt.Errorf("tenant %q is not inside the zone", c.Domain)
	}
	number := uint32(0)
	if c.Service != "" {
		number = b.number(c.Service)
	}
	hash := maphash.Bytes(b.out.seed, name)
	was, _ := old.find(name, hash)
	b.edit(name, hash, number, 0)
	switch {
	case was == 0 && number != 0:
		b.above(name, 1)
	case was != 0 && number == 0:
		b.above(name, 1<<32-1) // one less
	}
	return nil
}

func (b *tenantIndexer) number(s fleet.ServiceID) uint32 {
	n, ok := b.numbers[s]
	if !ok {
		b.out.services = append(b.out.services, s)
		n = uint32(len(b.out.services))
		b.numbers[s] = n
	}
	return n
}

// above counts a tenant at every name between it and the zone: those names
// exist because of it (RFC 8020).
func (b *tenantIndexer) above(name []byte, n uint32) {
	for name = name[1+int(name[0]):]; len(name) > len(b.out.origin); name = name[1+int(name[0]):] {
		b.edit(name, maphash.Bytes(b.out.seed, name), keepService, n)
	}
}

func (b *tenantIndexer) edit(name []byte, hash uint64, service, below uint32) {
	b.edits[hash>>32&uint64(len(b.edits)-1)].add(name, service, below)
}

// wireOf writes a host name, which has no escapes, in wire form.
func wireOf(buf *[maxName]byte, name string) ([]byte, bool) {
	if len(name) > maxName-2 {
		return nil, false
	}
	length := 0 // where the length of the label at hand stands
	for i := range len(name) {
		if name[i] == '.' {
			buf[length] = byte(i - length)
			length = i + 1
			continue
		}
		buf[i+1] = name[i]
	}
	buf[length] = byte(len(name) - length)
	buf[len(name)+1] = 0
	return buf[:len(name)+2], true
}
