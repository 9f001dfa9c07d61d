package api

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// TenantSummary says how many tenants there are, and what is needed to check a
// file of them.
type TenantSummary struct {
	Epoch    uint64           `json:"epoch"`
	Tenants  int              `json:"tenants"`
	Services []ServiceTenants `json:"services"`
	// Before is how many there were before the last import; absent when there
	// is nothing to roll back to.
	Before int          `json:"before,omitempty" doc:"How many there were before the last import."`
	Fleet  *fleet.Fleet `json:"fleet" doc:"With whose names tenants must not clash."`
}

// ServiceTenants is how many tenants a service has.
type ServiceTenants struct {
	Service string `json:"service"`
	Tenants int    `json:"tenants"`
}

// TenantPage is a part of the table, in order of the domains.
type TenantPage struct {
	// Rows are "domain service" with a comma behind each.
	Rows string `json:"rows"`
	// After is where the next page begins; "" at the end.
	After string `json:"after,omitempty"`
}

// TenantChange is the part of a command that is about tenants.
type TenantChange struct {
	Upload  string `json:"upload,omitempty" maxLength:"64" doc:"Names the import."`
	Part    int    `json:"part,omitempty" minimum:"0" maximum:"4096" doc:"Number of the part, from 0; for tenant-commit how many there are."`
	Rows    string `json:"rows,omitempty" maxLength:"1000000" doc:"domain service, with a comma behind each, in order of the domains; a service of - removes."`
	Replace bool   `json:"replace,omitempty" doc:"Drop the tenants that the import does not name."`
	Touches int    `json:"touches,omitempty" minimum:"0" doc:"How many tenants that are there, or names that are answered in another way, are known to be changed."`
}

// TenantBackend is the part of a Backend that knows tenants.
type TenantBackend interface {
	TenantSummary(ctx context.Context) (TenantSummary, error)
	// TenantPage returns the tenants behind a domain, at most limit.
	TenantPage(ctx context.Context, after string, limit int) (TenantPage, error)
	// PastTenantPage is TenantPage of an earlier epoch. asked says that another
	// agent asks, which has them not.
	PastTenantPage(ctx context.Context, epoch uint64, after string, limit int, asked bool) (TenantPage, error)
	// PastTenant is Tenant of an earlier epoch.
	PastTenant(ctx context.Context, epoch uint64, domain string, asked bool) (TenantPage, error)
	// Tenant returns the one of a domain, or none.
	Tenant(ctx context.Context, domain string) (TenantPage, error)
}

func (s *server) tenants(a huma.API, b TenantBackend) {
	huma.Register(a, op("tenants", http.MethodGet, "/v1/tenants", "How many tenants each service has"),
		func(ctx context.Context, _ *struct{}) (*body[TenantSummary], error) {
			return answer(b.TenantSummary(ctx))
		})
	huma.Register(a, op("tenant-rows", http.MethodGet, "/v1/tenants/rows", "The tenants, in order"),
		func(ctx context.Context, in *struct {
			After  string `query:"after" maxLength:"253"`
			Limit  int    `query:"limit" default:"10000" minimum:"1" maximum:"100000"`
			Domain string `query:"domain" maxLength:"253" doc:"Only the tenant of this domain."`
		},
		) (*body[TenantPage], error) {
			if in.Domain != "" {
				return answer(b.Tenant(ctx, in.Domain))
			}
			return answer(b.TenantPage(ctx, in.After, in.Limit))
		})
	huma.Register(a, op("past-tenant-rows", http.MethodGet, "/v1/epochs/{epoch}/tenants", "The tenants of an earlier epoch, in order"),
		func(ctx context.Context, in *struct {
			Epoch     uint64 `path:"epoch"`
			After     string `query:"after" maxLength:"253"`
			Limit     int    `query:"limit" default:"10000" minimum:"1" maximum:"100000"`
			Domain    string `query:"domain" maxLength:"253" doc:"Only the tenant of this domain."`
			Forwarded string `header:"X-Sipsteer-Forwarded"`
		},
		) (*body[TenantPage], error) {
			if in.Domain != "" {
				return answer(b.PastTenant(ctx, in.Epoch, in.Domain, in.Forwarded != ""))
			}
			return answer(b.PastTenantPage(ctx, in.Epoch, in.After, in.Limit, in.Forwarded != ""))
		})
}

// TenantSummary asks how many tenants there are.
func (c *Client) TenantSummary(ctx context.Context) (s TenantSummary, err error) {
	return s, c.call(ctx, http.MethodGet, "/v1/tenants", nil, &s, false)
}

// TenantPage asks for a part of the table.
func (c *Client) TenantPage(ctx context.Context, after string, limit int) (p TenantPage, err error) {
	q := url.Values{"after": {after}, "limit": {strconv.Itoa(limit)}}
	return p, c.call(ctx, http.MethodGet, "/v1/tenants/rows?"+q.Encode(), nil, &p, false)
}

// PastTenantPage asks for a part of the table of an earlier epoch. asked says
// that an agent asks.
func (c *Client) PastTenantPage(ctx context.Context, epoch uint64, after string, limit int, asked bool) (p TenantPage, err error) {
	q := url.Values{"after": {after}, "limit": {strconv.Itoa(limit)}}
	return p, c.call(ctx, http.MethodGet, fmt.Sprintf("/v1/epochs/%d/tenants?%s", epoch, q.Encode()), nil, &p, asked)
}

// PastTenant asks for the tenant of a domain at an earlier epoch, as Tenant.
func (c *Client) PastTenant(ctx context.Context, epoch uint64, domain string, asked bool) (p TenantPage, err error) {
	return p, c.call(ctx, http.MethodGet, fmt.Sprintf("/v1/epochs/%d/tenants?%s", epoch, url.Values{"domain": {domain}}.Encode()), nil, &p, asked)
}

// Tenant asks for the tenant of a domain; the page is empty if there is none.
func (c *Client) Tenant(ctx context.Context, domain string) (p TenantPage, err error) {
	return p, c.call(ctx, http.MethodGet, "/v1/tenants/rows?"+url.Values{"domain": {domain}}.Encode(), nil, &p, false)
}

// Each yields the tenants of a page with their services.
func (p TenantPage) Each() iter.Seq2[string, string] {
	return func(yield func(domain, service string) bool) {
		for row := range strings.SplitSeq(strings.TrimSuffix(p.Rows, ","), ",") {
			if domain, service, ok := strings.Cut(row, " "); ok && !yield(domain, service) {
				return
			}
		}
	}
}
