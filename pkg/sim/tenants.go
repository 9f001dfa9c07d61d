package sim

import (
	"fmt"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// maxTenants bounds the tenants of one group: buckets are what counts, and
// there are a hundred.
const maxTenants = 100_000

// tenant is the domain of the n-th tenant of a group.
func (w *World) tenant(group, n int) fleet.TenantID {
	return fleet.TenantID(fmt.Sprintf("t%d-g%d.%s", n, group, w.fleet.Zone))
}

// withTenants imports the tenants of all groups, as an operator would.
func (w *World) withTenants(s steer.State) steer.State {
	var changes []fleet.TenantChange
	for g, p := range w.sc.Phones {
		for n := range p.Tenants {
			changes = append(changes, fleet.TenantChange{Domain: w.tenant(g, n), Service: p.Service})
		}
	}
	if len(changes) == 0 {
		return s
	}
	slices.SortFunc(changes, func(a, b fleet.TenantChange) int { return compareTenants(a.Domain, b.Domain) })
	rows := steer.TenantRows(changes, 1<<20)
	do := func(k steer.Kind, c steer.TenantChange) {
		c.Upload = "scenario"
		s, _, _ = steer.Apply(s, steer.Command{Version: 1, Kind: k, At: w.time(), By: "scenario", Reason: "start", Tenants: &c})
	}
	for i, part := range rows {
		do(steer.KindTenantStage, steer.TenantChange{Part: i, Rows: part})
	}
	do(steer.KindTenantCommit, steer.TenantChange{Part: len(rows)})
	return s
}

func compareTenants(a, b fleet.TenantID) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// askByTenants adds the questions that phones of tenants ask: one for each
// bucket that has any, since all tenants of a bucket are answered alike.
// Resolvers keep them together, too; with many phones of each tenant behind a
// resolver that makes no difference.
func (w *World) askByTenants() {
	for g, p := range w.sc.Phones {
		for n := range p.Tenants {
			for _, t := range []fleet.Transport{0, p.Transport} {
				if q := (question{p.Service, t, fleet.BucketOf(w.tenant(g, n))}); !slices.Contains(w.names.keys, q) {
					w.names.keys = append(w.names.keys, q)
				}
			}
		}
	}
}

// tenantKeys are what the phones of each tenant of a group ask.
func (w *World) tenantKeys(group int, key int) []int32 {
	var out []int32
	for n := range w.sc.Phones[group].Tenants {
		q := w.names.keys[key]
		q.bucket = fleet.BucketOf(w.tenant(group, n))
		out = append(out, int32(slices.Index(w.names.keys, q)))
	}
	return out
}

// keyOf is what the n-th phone of a group asks.
func (g *group) keyOf(n int) int32 {
	if len(g.tenantKeys) == 0 {
		return int32(g.key)
	}
	return g.tenantKeys[n%len(g.tenantKeys)]
}

// ownerOf is the name whose sets answer a question.
func (w *World) ownerOf(z *srv.Zone, k question) string {
	if k.bucket != fleet.OwnName {
		for _, c := range z.Cohorts {
			if c.Service == k.service && c.Buckets.Has(k.bucket) {
				return c.Owner
			}
		}
	}
	return srv.ServiceOwner(k.service)
}
