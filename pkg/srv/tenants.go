package srv

import (
	"fmt"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// ServiceOwner returns the absolute name whose sets the tenants of a service
// share.
func ServiceOwner(s fleet.ServiceID) string { return string(s) + "." }

// Tenant returns which tenant a name belongs to: the name itself, or what is
// left of it without the labels in front that begin with an underscore, as
// _sip._udp does. Prefix is those labels, with their dots. The name is absolute
// and in lower case.
func (z *Zone) Tenant(name string) (prefix string, tenant fleet.TenantID, service fleet.ServiceID, ok bool) {
	rest := name
	for strings.HasPrefix(rest, "_") {
		_, rest, _ = strings.Cut(rest, ".")
	}
	tenant = fleet.TenantID(strings.TrimSuffix(rest, "."))
	service, ok = z.Tenants.Service(tenant)
	return name[:len(name)-len(rest)], tenant, service, ok
}

// checkTenants reports tenants of a service without any steered set: they would
// be answered with nothing.
func (z *Zone) checkTenants() error {
	services := z.Tenants.Services()
	if len(services) == 0 {
		return nil
	}
	steered := map[string]bool{}
	for _, k := range z.Steered {
		for name := k.Name; name != z.Origin && name != ""; _, name, _ = strings.Cut(name, ".") {
			steered[name] = true
		}
	}
	for _, s := range services {
		if !steered[ServiceOwner(s.Service)] {
			return fmt.Errorf("%w: service %s of %d tenants has no steered set", ErrEmptySet, s.Service, s.Tenants)
		}
	}
	return nil
}
