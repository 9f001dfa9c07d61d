package fleet

import (
	"cmp"
	"iter"
	"slices"
)

// TenantID is a customer's SIP domain in lower case and without the trailing
// dot, for example "acme.voice.example.net".
type TenantID string

// Tenants says which service each tenant belongs to. It is made for a million
// tenants and more: an immutable table in order of the domains, cut into chunks
// that the next table shares where nothing changed. The nil table is empty and
// can be used.
type Tenants struct {
	chunks   []*TenantChunk
	count    int
	services []ServiceTenants
}

// ServiceTenants is how many tenants a service has.
type ServiceTenants struct {
	Service ServiceID
	Tenants int
}

// Len returns the number of tenants.
func (t *Tenants) Len() int {
	if t == nil {
		return 0
	}
	return t.count
}

// Service returns the service that the tenant belongs to; ok is false if there
// is no such tenant.
func (t *Tenants) Service(domain TenantID) (service ServiceID, ok bool) {
	if t == nil {
		return "", false
	}
	// The chunk is the last one that does not begin behind the domain.
	at, first := slices.BinarySearchFunc(t.chunks, domain, func(c *TenantChunk, d TenantID) int {
		return cmp.Compare(c.domain(0), d)
	})
	if first {
		return t.chunks[at].service(0), true
	}
	if at == 0 {
		return "", false
	}
	return t.chunks[at-1].find(domain)
}

// Find is Service for a name that need not outlive the call. It allocates
// nothing, which code that served both kinds of name would: the compiler takes a
// name for one that escapes there.
func (t *Tenants) Find(domain []byte) (service ServiceID, ok bool) {
	if t == nil {
		return "", false
	}
	low, high := 0, len(t.chunks) // the first chunk that begins behind the domain
	for low < high {
		if mid := int(uint(low+high) / 2); string(t.chunks[mid].domain(0)) <= string(domain) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == 0 {
		return "", false
	}
	return t.chunks[low-1].findText(domain)
}

// All yields every tenant with its service, in order of the domains.
func (t *Tenants) All() iter.Seq2[TenantID, ServiceID] {
	return func(yield func(TenantID, ServiceID) bool) {
		for _, c := range t.Chunks() {
			for i := range c.Len() {
				if !yield(c.At(i)) {
					return
				}
			}
		}
	}
}

// Chunks returns the parts of the table, in order, for those who keep
// something for each of them: a chunk that two tables have in common is the
// same pointer in both.
func (t *Tenants) Chunks() []*TenantChunk {
	if t == nil {
		return nil
	}
	return slices.Clone(t.chunks)
}

// Services returns the services that have tenants, in order of their names.
func (t *Tenants) Services() []ServiceTenants {
	if t == nil {
		return nil
	}
	return slices.Clone(t.services)
}

// Equal reports whether both tables hold the same tenants. It is quick where
// they share chunks.
func (t *Tenants) Equal(o *Tenants) bool {
	if t == o {
		return true
	}
	if t.Len() != o.Len() {
		return false
	}
	for range t.Diff(o) {
		return false
	}
	return true
}

// TenantChunk is a run of neighbouring tenants. It is never changed and never
// empty.
type TenantChunk struct {
	text     string      // the domains, one behind the other
	ends     []uint32    // where each domain ends in text
	rows     []uint16    // of each tenant, an index into services
	services []ServiceID // those that occur, in order of appearance
	counts   []uint16    // how often each occurs
}

// Chunks grow to chunkMost tenants and are then cut; chunkLeast is the least
// that one is left with, except the last of a table.
const (
	chunkMost  = 1024
	chunkLeast = chunkMost / 4
)

// Len returns the number of tenants in the chunk.
func (c *TenantChunk) Len() int { return len(c.ends) }

// At returns the i-th tenant of the chunk with its service.
func (c *TenantChunk) At(i int) (TenantID, ServiceID) { return c.domain(i), c.service(i) }

func (c *TenantChunk) domain(i int) TenantID {
	start := uint32(0)
	if i > 0 {
		start = c.ends[i-1]
	}
	return TenantID(c.text[start:c.ends[i]])
}

func (c *TenantChunk) service(i int) ServiceID { return c.services[c.rows[i]] }

func (c *TenantChunk) find(domain TenantID) (ServiceID, bool) {
	low, high := 0, c.Len()
	for low < high {
		mid := int(uint(low+high) / 2)
		switch d := cmp.Compare(c.domain(mid), domain); {
		case d == 0:
			return c.service(mid), true
		case d < 0:
			low = mid + 1
		default:
			high = mid
		}
	}
	return "", false
}

func (c *TenantChunk) findText(domain []byte) (ServiceID, bool) {
	low, high := 0, c.Len() // the first tenant that is not before the domain
	for low < high {
		if mid := int(uint(low+high) / 2); string(c.domain(mid)) < string(domain) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < c.Len() && string(c.domain(low)) == string(domain) {
		return c.service(low), true
	}
	return "", false
}
