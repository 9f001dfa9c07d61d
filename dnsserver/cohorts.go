package dnsserver

import "github.com/sipsteer/sipsteer/pkg/fleet"

// cohorts are the nodes of the parts of a service's tenants that are answered
// otherwise than the rest.
type cohorts struct {
	at    [fleet.Cohorts]uint8 // by bucket: an index into lists, plus one; 0 is the rest
	lists []members
}

// of returns the members that a tenant is answered by; rest are those of its
// service. The tenant is a lower-cased wire name.
func (c *cohorts) of(tenant []byte, rest members) members {
	if i := c.at[bucketOf(tenant)]; i > 0 {
		return c.lists[i-1]
	}
	return rest
}

// bucketOf is fleet.BucketOf of a wire name.
func bucketOf(name []byte) int {
	sum := fleet.NewBucketSum()
	for off := 0; name[off] != 0; off += 1 + int(name[off]) {
		if off > 0 {
			sum = sum.Add('.')
		}
		for _, octet := range name[off+1 : off+1+int(name[off])] {
			sum = sum.Add(octet)
		}
	}
	return sum.Bucket()
}

// layOutCohorts makes the empty cohorts of each service, and returns where the
// members of each cohort's owner go.
func (b *builder) layOutCohorts() map[string]*members {
	z := b.out
	if len(b.src.Cohorts) == 0 {
		return nil
	}
	z.cohorts = make([]*cohorts, len(z.tenants.services))
	lists := map[string]*members{}
	for i, s := range z.tenants.services {
		c := &cohorts{}
		for k := range b.src.Cohorts {
			src := &b.src.Cohorts[k]
			if src.Service != s {
				continue
			}
			c.lists = append(c.lists, nil)
			for bucket := range c.at {
				if src.Buckets.Has(bucket) {
					c.at[bucket] = uint8(len(c.lists))
				}
			}
		}
		if len(c.lists) == 0 {
			continue
		}
		z.cohorts[i] = c
		n := 0
		for k := range b.src.Cohorts {
			if b.src.Cohorts[k].Service == s {
				lists[b.src.Cohorts[k].Owner] = &c.lists[n]
				n++
			}
		}
	}
	return lists
}
