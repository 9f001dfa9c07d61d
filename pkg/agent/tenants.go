package agent

import (
	"context"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TenantSummary implements api.TenantBackend.
func (a *Agent) TenantSummary(context.Context) (api.TenantSummary, error) {
	s := a.state()
	names := s.Tenants.Names()
	out := api.TenantSummary{Epoch: s.Epoch, Tenants: names.Len(), Before: s.TenantsBefore.Names().Len(), Services: []api.ServiceTenants{}, Fleet: s.Fleet}
	for _, x := range names.Services() {
		out.Services = append(out.Services, api.ServiceTenants{Service: string(x.Service), Tenants: x.Tenants})
	}
	return out, nil
}

// Tenant implements api.TenantBackend.
func (a *Agent) Tenant(_ context.Context, domain string) (api.TenantPage, error) {
	return oneTenant(a.state().Tenants.Names(), domain), nil
}

// oneTenant is the page of one tenant, empty if there is none of that domain.
func oneTenant(names *fleet.Tenants, domain string) api.TenantPage {
	s, ok := names.Service(fleet.TenantID(domain))
	if !ok {
		return api.TenantPage{}
	}
	return api.TenantPage{Rows: domain + " " + string(s) + ","}
}

// TenantPage implements api.TenantBackend.
func (a *Agent) TenantPage(_ context.Context, after string, limit int) (api.TenantPage, error) {
	return tenantPage(a.state().Tenants.Names(), after, limit), nil
}

func tenantPage(names *fleet.Tenants, after string, limit int) api.TenantPage {
	var b strings.Builder
	var last fleet.TenantID
	n := 0
	more := false
	for _, c := range names.Chunks() {
		if more {
			break
		}
		if d, _ := c.At(c.Len() - 1); string(d) <= after {
			continue
		}
		for i := range c.Len() {
			d, s := c.At(i)
			if string(d) <= after {
				continue
			}
			if n == limit {
				more = true
				break
			}
			b.WriteString(string(d) + " " + string(s) + ",")
			last = d
			n++
		}
	}
	p := api.TenantPage{Rows: b.String()}
	if more {
		p.After = string(last)
	}
	return p
}

// tenantChange reads the part of a request that is about tenants.
func tenantChange(c *steer.Command, req api.CommandRequest) {
	if t := req.Tenants; t != nil {
		c.Tenants = &steer.TenantChange{Upload: t.Upload, Part: t.Part, Rows: t.Rows, Replace: t.Replace, Touches: t.Touches}
	}
}
