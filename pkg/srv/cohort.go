package srv

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Cohort is a slice of a service's tenants with sets of their own: those at and
// below Owner in the place of those at and below the service's name. However
// many tenants are in it, it is one more name.
type Cohort struct {
	Service fleet.ServiceID
	Buckets fleet.Cohort
	Owner   string // absolute; its sets are among Sets
}

// CohortOwner is the name whose sets answer for a bucket of a service's
// tenants. No host, service or tenant can have it, since it begins with an
// underscore.
func CohortOwner(s fleet.ServiceID, bucket int) string {
	return fmt.Sprintf("_c%d.%s", bucket, ServiceOwner(s))
}

// CohortOf returns the index of the cohort that a tenant is in; -1 for none.
func (z *Zone) CohortOf(service fleet.ServiceID, tenant fleet.TenantID) int {
	if len(z.Cohorts) == 0 {
		return -1
	}
	return z.cohortOf(service, fleet.BucketOf(tenant))
}

func (z *Zone) cohortOf(service fleet.ServiceID, bucket int) int {
	for i := range z.Cohorts {
		if c := &z.Cohorts[i]; c.Service == service && c.Buckets.Has(bucket) {
			return i
		}
	}
	return -1
}

// OwnerOf returns the absolute name whose sets the tenant shares.
func (z *Zone) OwnerOf(service fleet.ServiceID, tenant fleet.TenantID) string {
	if i := z.CohortOf(service, tenant); i >= 0 {
		return z.Cohorts[i].Owner
	}
	return ServiceOwner(service)
}

// SharedOwner returns the name of the service or cohort that a name lies at or
// below, under labels that begin with an underscore.
func SharedOwner(name string) string {
	for rest := name; strings.HasPrefix(rest, "_"); rest = parentOf(rest) {
		if isCohortLabel(rest) {
			return rest
		}
	}
	return withoutUnderscores(name)
}

// isCohortLabel reports whether the first label is one that CohortOwner makes.
func isCohortLabel(name string) bool {
	label, _, _ := strings.Cut(name, ".")
	digits, ok := strings.CutPrefix(label, "_c")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// checkCohorts reports a cohort without steered sets, a tenant in two, and ones
// out of order.
func (z *Zone) checkCohorts() error {
	for i := range z.Cohorts {
		c := &z.Cohorts[i]
		if i > 0 && z.Cohorts[i-1].compare(c) >= 0 {
			return fmt.Errorf("%w: cohort %s out of order or twice", ErrMalformed, c.Owner)
		}
		steered := false
		for _, k := range z.Steered {
			steered = steered || strings.HasSuffix(k.Name, "."+c.Owner)
		}
		if !steered {
			return fmt.Errorf("%w: cohort %s has no steered set", ErrEmptySet, c.Owner)
		}
		for j := range z.Cohorts[:i] {
			if o := &z.Cohorts[j]; o.Service == c.Service && !o.Buckets.And(c.Buckets).IsZero() {
				return fmt.Errorf("%w: cohorts %s and %s have tenants in common", ErrMalformed, o.Owner, c.Owner)
			}
		}
	}
	return nil
}

// SortCohorts brings the cohorts into the order that Check demands.
func (z *Zone) SortCohorts() {
	slices.SortFunc(z.Cohorts, func(a, b Cohort) int { return a.compare(&b) })
}

func (c *Cohort) compare(o *Cohort) int {
	return cmp.Or(cmp.Compare(c.Service, o.Service), cmp.Compare(c.Owner, o.Owner))
}
