package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// TenantStatus is what one customer may be told now.
type TenantStatus struct {
	Domain  string    `json:"domain"`
	Service string    `json:"service"`
	State   string    `json:"state" enum:"operational,degraded,outage"`
	MovedBy time.Time `json:"moved_by,omitzero" doc:"When its phones have registered again by themselves; absent when none are on their way."`
	Says    []string  `json:"says" doc:"Whole sentences, without the name of a site or a machine."`
}

// TenantStatusBackend is the part of a Backend that tells customers.
type TenantStatusBackend interface {
	TenantStatus(ctx context.Context, domain, lang, zone string) (TenantStatus, error)
}

func (s *server) tenantStatus(a huma.API) {
	huma.Register(a, op("tenant-status", http.MethodGet, "/v1/tenants/status", "What a customer may be told now"),
		func(ctx context.Context, in *struct {
			Domain   string `query:"domain" required:"true" maxLength:"253"`
			Lang     string `query:"lang" enum:"en,fr" default:"en"`
			Timezone string `query:"timezone" maxLength:"64"`
		},
		) (*body[TenantStatus], error) {
			return answer(s.backend.TenantStatus(ctx, in.Domain, in.Lang, in.Timezone))
		})
}

// TenantStatus asks what a customer may be told now.
func (c *Client) TenantStatus(ctx context.Context, domain, lang, zone string) (t TenantStatus, err error) {
	q := url.Values{"domain": {domain}, "lang": {lang}, "timezone": {zone}}
	return t, c.call(ctx, http.MethodGet, "/v1/tenants/status?"+q.Encode(), nil, &t, false)
}
