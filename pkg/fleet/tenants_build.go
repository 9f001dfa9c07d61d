package fleet

import (
	"maps"
	"slices"
	"strings"
)

// tenantBuilder makes a table out of tenants that come in order.
type tenantBuilder struct {
	out     Tenants
	waiting []TenantChange // of the next chunk
	// names are the services of the table: each is kept once, and not as a
	// piece of the text that it was read from.
	names map[ServiceID]ServiceID
	index map[ServiceID]uint16 // of the services of the chunk at hand; a buffer
}

func newTenantBuilder() *tenantBuilder {
	return &tenantBuilder{names: map[ServiceID]ServiceID{}, index: map[ServiceID]uint16{}}
}

func (b *tenantBuilder) add(d TenantID, s ServiceID) {
	if len(b.waiting) == chunkMost {
		b.cut(chunkMost / 2)
	}
	b.waiting = append(b.waiting, TenantChange{d, s})
}

// share takes a whole chunk of another table over, unless those that wait are
// too few to stand alone: then the chunk is dissolved among them.
func (b *tenantBuilder) share(c *TenantChunk) {
	if n := len(b.waiting); n > 0 && n < chunkLeast {
		for i := range c.Len() {
			b.add(c.At(i))
		}
		return
	}
	b.cut(len(b.waiting))
	b.take(c)
}

func (b *tenantBuilder) take(c *TenantChunk) {
	b.out.chunks = append(b.out.chunks, c)
	b.out.count += c.Len()
}

// cut makes a chunk of the first n that wait.
func (b *tenantBuilder) cut(n int) {
	if n == 0 {
		return
	}
	octets := 0
	for _, t := range b.waiting[:n] {
		octets += len(t.Domain)
	}
	var text strings.Builder
	text.Grow(octets)
	c := &TenantChunk{ends: make([]uint32, n), rows: make([]uint16, n)}
	clear(b.index)
	for i, t := range b.waiting[:n] {
		text.WriteString(string(t.Domain))
		c.ends[i] = uint32(text.Len())
		at, ok := b.index[t.Service]
		if !ok {
			at = uint16(len(c.services))
			b.index[t.Service] = at
			c.services = append(c.services, b.name(t.Service))
			c.counts = append(c.counts, 0)
		}
		c.rows[i] = at
		c.counts[at]++
	}
	c.text = text.String()
	b.take(c)
	b.waiting = b.waiting[:copy(b.waiting, b.waiting[n:])]
}

func (b *tenantBuilder) name(s ServiceID) ServiceID {
	own, ok := b.names[s]
	if !ok {
		own = ServiceID(strings.Clone(string(s)))
		b.names[own] = own
	}
	return own
}

// done returns the table, with its services counted.
func (b *tenantBuilder) done() *Tenants {
	b.cut(len(b.waiting))
	counts := map[ServiceID]int{}
	for _, c := range b.out.chunks {
		for i, s := range c.services {
			counts[s] += int(c.counts[i])
		}
	}
	for _, s := range slices.Sorted(maps.Keys(counts)) {
		b.out.services = append(b.out.services, ServiceTenants{s, counts[s]})
	}
	return &b.out
}
