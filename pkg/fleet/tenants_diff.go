package fleet

import (
	"iter"
	"slices"
)

// Diff yields the changes that make t out of old, in order. Chunks that both
// have are not looked at.
func (t *Tenants) Diff(old *Tenants) iter.Seq[TenantChange] {
	return func(yield func(TenantChange) bool) {
		now, was := t.without(old), old.without(t)
		for now.left() || was.left() {
			var change TenantChange
			switch {
			case !was.left() || now.left() && now.domain() < was.domain():
				change = TenantChange{now.domain(), now.service()}
				now.next()
			case !now.left() || was.domain() < now.domain():
				change = TenantChange{Domain: was.domain()}
				was.next()
			default:
				change = TenantChange{now.domain(), now.service()}
				same := now.service() == was.service()
				now.next()
				was.next()
				if same {
					continue
				}
			}
			if !yield(change) {
				return
			}
		}
	}
}

// without is at the first tenant of the chunks that o does not have.
func (t *Tenants) without(o *Tenants) tenantCursor {
	shared := map[*TenantChunk]bool{}
	for _, c := range o.Chunks() {
		shared[c] = true
	}
	return tenantCursor{chunks: slices.DeleteFunc(t.Chunks(), func(c *TenantChunk) bool { return shared[c] })}
}

// tenantCursor walks over chunks.
type tenantCursor struct {
	chunks []*TenantChunk
	at     int // in the first chunk
}

func (c *tenantCursor) left() bool         { return len(c.chunks) > 0 }
func (c *tenantCursor) domain() TenantID   { return c.chunks[0].domain(c.at) }
func (c *tenantCursor) service() ServiceID { return c.chunks[0].service(c.at) }

func (c *tenantCursor) next() {
	if c.at++; c.at == c.chunks[0].Len() {
		c.chunks, c.at = c.chunks[1:], 0
	}
}
