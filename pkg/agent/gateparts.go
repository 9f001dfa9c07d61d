package agent

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate/meter"
	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// partsLeft sums the registrations that a gate has left, by the service and the
// bucket of those whose they are. A gate knows domains; the State knows tenants.
func partsLeft(domains []meter.Tenant, s steer.State) []api.PartLeft {
	if s.Fleet == nil {
		return nil
	}
	type part struct {
		service fleet.ServiceID
		bucket  int
	}
	left := map[part]int{}
	for _, d := range domains {
		if svc, bucket, ok := placeOf(d.Domain, s); ok {
			left[part{svc, bucket}] += d.Left
		}
	}
	out := make([]api.PartLeft, 0, len(left))
	for p, n := range left { // any order: sorted below
		out = append(out, api.PartLeft{Service: string(p.service), Bucket: p.bucket, Left: n})
	}
	slices.SortFunc(out, func(a, b api.PartLeft) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), cmp.Compare(a.Bucket, b.Bucket))
	})
	return out
}

// placeOf is the service and the bucket of a domain that devices register at; false
// for one that is none of the fleet's.
func placeOf(domain string, s steer.State) (fleet.ServiceID, int, bool) {
	if s.Fleet == nil {
		return "", 0, false
	}
	domain = strings.TrimSuffix(strings.ToLower(domain), ".")
	if svc := s.Fleet.Service(fleet.ServiceID(domain)); svc != nil {
		return svc.Name, fleet.OwnName, true
	}
	svc, ok := s.Tenants.Names().Service(fleet.TenantID(domain))
	return svc, fleet.BucketOf(fleet.TenantID(domain)), ok
}

// partsOf are the parts of a gate's report as conditions are asked of them.
func partsOf(g api.GateReport) []runbook.Part {
	out := make([]runbook.Part, len(g.Parts))
	for i, p := range g.Parts {
		out[i] = runbook.Part{Service: fleet.ServiceID(p.Service), Bucket: p.Bucket, Left: p.Left}
	}
	return out
}
