package agent

import (
	"slices"
	"strings"
	"sync"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// siteNames are the SIP domains that a site serves, made anew when the fleet or
// its tenants have changed.
type siteNames struct {
	mu      sync.Mutex
	fleet   *fleet.Fleet // of which site is a list
	tenants *steer.TenantTable
	site    map[fleet.SiteID][]string
}

// namesOf returns the services of a site and their tenants, sorted: the names for
// which phones ask its listeners for a certificate.
func (a *Agent) namesOf(site fleet.SiteID) []string {
	now, _ := a.pub.served()
	f, tenants := now.state.Fleet, now.state.Tenants
	if f == nil {
		return nil
	}
	n := &a.names
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fleet != f || n.tenants != tenants {
		n.fleet, n.tenants, n.site = f, tenants, map[fleet.SiteID][]string{}
	}
	if list, known := n.site[site]; known {
		return list
	}
	here := map[fleet.ServiceID]bool{}
	var list []string
	for _, s := range f.Services {
		if slices.Contains(s.Sites, site) {
			here[s.Name] = true
			list = append(list, strings.TrimSuffix(string(s.Name), "."))
		}
	}
	for id, service := range tenants.Names().All() {
		if here[service] {
			list = append(list, strings.TrimSuffix(string(id), "."))
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	n.site[site] = list
	return list
}
