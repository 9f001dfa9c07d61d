package fleet

import (
	"fmt"
	"strings"
)

// tenantProblem says why a domain can be no tenant of any fleet, or "".
func tenantProblem(domain string) string {
	switch {
	case strings.HasSuffix(domain, "."):
		return "ends with a dot"
	case len(domain) > maxName-prefixRoom:
		return fmt.Sprintf("is too long for the names below it (%d octets, at most %d)", len(domain), maxName-prefixRoom)
	}
	return nameProblem(domain)
}

// TenantNames tells which domains can be tenants beside what else has a name in
// the zone. It is made once for many domains.
type TenantNames struct {
	zone string
	// taken are the names of the fleet's parts, and what each is.
	taken map[string]string
	// above are names that have one of those below them.
	above map[string]string
}

// NewTenantNames collects the names of a valid fleet.
func NewTenantNames(f *Fleet) *TenantNames {
	n := &TenantNames{zone: f.Zone, taken: map[string]string{}, above: map[string]string{}}
	for _, ns := range f.NameServers {
		n.take(f.FQDN(ns.Name), "name server "+ns.Name)
	}
	for i := range f.Sites {
		n.take(f.HostName(&f.Sites[i]), "host of site "+string(f.Sites[i].Name))
	}
	for _, s := range f.Services {
		n.take(string(s.Name), "service "+string(s.Name))
	}
	return n
}

func (n *TenantNames) take(name, what string) {
	name = strings.TrimSuffix(name, ".")
	n.taken[name] = what
	for up := parentName(name); n.inside(up); up = parentName(up) {
		n.above[up] = what
	}
}

func (n *TenantNames) inside(name string) bool { return strings.HasSuffix(name, "."+n.zone) }

func parentName(name string) string {
	_, parent, _ := strings.Cut(name, ".")
	return parent
}

// Problem says why the domain cannot be a tenant: words to put behind it, or
// "". Tenants lie inside the zone, and neither at, above nor below the names
// of services, sites and name servers.
func (n *TenantNames) Problem(domain TenantID) string {
	name := string(domain)
	if why := tenantProblem(name); why != "" {
		return why
	}
	if !n.inside(name) {
		return "is not inside the zone " + n.zone
	}
	if what, ok := n.above[name]; ok {
		return "lies above the " + what
	}
	if what, ok := n.taken[name]; ok {
		return "is the name of the " + what
	}
	for up := parentName(name); n.inside(up); up = parentName(up) {
		if what, ok := n.taken[up]; ok {
			return "lies below the " + what
		}
	}
	return ""
}
