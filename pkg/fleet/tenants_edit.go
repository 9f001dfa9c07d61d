package fleet

import (
	"errors"
	"fmt"
)

// TenantChange puts a tenant to a service, whether it is new or moves; an empty
// Service removes it.
type TenantChange struct {
	Domain  TenantID
	Service ServiceID
}

// TenantCounts says what an edit did.
type TenantCounts struct {
	// Added are new, Moved had another service before, Removed are gone.
	Added, Moved, Removed int
	// Same are changes without effect: to the service that the tenant has, or
	// a removal of what is not there.
	Same int
}

// Changed returns how many tenants are not as they were.
func (c TenantCounts) Changed() int { return c.Added + c.Moved + c.Removed }

// ErrTenantOrder is returned when the changes of an edit are not in order of
// their domains, or one domain stands twice.
var ErrTenantOrder = errors.New("tenant changes out of order or twice")

// Edit returns the table with the changes made, which must be in order of
// their domains, each domain once. Chunks without a change are shared with the
// new table. A domain that cannot be a tenant is an error, and t stays as it
// was in any case.
func (t *Tenants) Edit(changes []TenantChange) (*Tenants, TenantCounts, error) {
	e := tenantEdit{changes: changes, out: newTenantBuilder()}
	good := map[ServiceID]bool{"": true}
	for i, c := range changes {
		if i > 0 && changes[i-1].Domain >= c.Domain {
			return nil, TenantCounts{}, fmt.Errorf("%w: %q after %q", ErrTenantOrder, c.Domain, changes[i-1].Domain)
		}
		if why := tenantProblem(string(c.Domain)); why != "" {
			return nil, TenantCounts{}, fmt.Errorf("tenant %q %s", c.Domain, why)
		}
		if !good[c.Service] {
			if why := nameProblem(string(c.Service)); why != "" {
				return nil, TenantCounts{}, fmt.Errorf("service %q of tenant %q %s", c.Service, c.Domain, why)
			}
			good[c.Service] = true
		}
	}
	chunks := t.Chunks()
	for i, chunk := range chunks {
		upTo := TenantID("") // changes below it belong to this chunk
		if i+1 < len(chunks) {
			upTo = chunks[i+1].domain(0)
		}
		e.chunk(chunk, upTo)
	}
	e.addBelow("")
	return e.out.done(), e.counts, nil
}

// tenantEdit merges changes, the first of which is the next to make, into
// chunks.
type tenantEdit struct {
	changes []TenantChange
	out     *tenantBuilder
	counts  TenantCounts
}

// chunk merges the changes below upTo into a chunk; "" means all.
func (e *tenantEdit) chunk(c *TenantChunk, upTo TenantID) {
	if !e.touches(c, upTo) {
		e.out.share(c)
		return
	}
	for i := range c.Len() {
		domain, service := c.At(i)
		e.addBelow(domain)
		if len(e.changes) > 0 && e.changes[0].Domain == domain {
			service = e.replace(service)
		}
		if service != "" {
			e.out.add(domain, service)
		}
	}
	if upTo != "" {
		e.addBelow(upTo)
	}
}

// touches reports whether any change below upTo has an effect on the chunk, and
// passes over those that have none.
func (e *tenantEdit) touches(c *TenantChunk, upTo TenantID) bool {
	for i, change := range e.changes {
		if upTo != "" && change.Domain >= upTo {
			e.pass(i)
			return false
		}
		if was, _ := c.find(change.Domain); was != change.Service {
			return true
		}
	}
	e.pass(len(e.changes))
	return false
}

// pass leaves the first n changes out, which change nothing.
func (e *tenantEdit) pass(n int) {
	e.counts.Same += n
	e.changes = e.changes[n:]
}

// addBelow adds the tenants of changes below a domain that is there; "" means
// all that are left.
func (e *tenantEdit) addBelow(domain TenantID) {
	for ; len(e.changes) > 0 && (domain == "" || e.changes[0].Domain < domain); e.changes = e.changes[1:] {
		if e.changes[0].Service == "" {
			e.counts.Same++
			continue
		}
		e.counts.Added++
		e.out.add(e.changes[0].Domain, e.changes[0].Service)
	}
}

// replace makes the next change on a tenant that has a service, and returns
// the one that it has then.
func (e *tenantEdit) replace(was ServiceID) ServiceID {
	now := e.changes[0].Service
	e.changes = e.changes[1:]
	switch now {
	case was:
		e.counts.Same++
	case "":
		e.counts.Removed++
	default:
		e.counts.Moved++
	}
	return now
}
