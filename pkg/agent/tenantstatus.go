package agent

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/incident"
)

// TenantStatus implements api.Backend. A service may be named too, for a fleet
// without a table of tenants.
func (a *Agent) TenantStatus(_ context.Context, domain, lang, zone string) (api.TenantStatus, error) {
	s := a.state()
	none := &api.Error{Category: api.Invalid, Field: "domain", Message: fmt.Sprintf("no tenant or service is called %q", domain), Hint: "sipsteer tenant list " + domain}
	if s.Fleet == nil {
		return api.TenantStatus{}, none
	}
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	where, err := time.LoadLocation(zone)
	if err != nil {
		return api.TenantStatus{}, &api.Error{Category: api.Invalid, Field: "timezone", Message: fmt.Sprintf("no zone is called %q", zone), Hint: "America/Edmonton"}
	}
	service, ok := s.Tenants.Names().Service(fleet.TenantID(domain))
	if !ok {
		service = fleet.ServiceID(domain)
	}
	h, ok := incident.ServiceOf(s, service, a.now())
	if !ok {
		return api.TenantStatus{}, none
	}
	says, err := h.Says(incident.Options{Lang: incident.Lang(lang), Zone: where})
	if err != nil {
		return api.TenantStatus{}, &api.Error{Category: api.Invalid, Field: "lang", Message: err.Error()}
	}
	return api.TenantStatus{Domain: domain, Service: h.Name, State: string(h.State), MovedBy: h.MovedBy, Says: says}, nil
}
