package fleet

import (
	"fmt"
	"slices"
	"strings"
)

func (v *validation) services() {
	if len(v.fleet.Services) == 0 {
		v.add("$.services", "list at least one", "no services")
	}
	for i := range v.fleet.Services {
		v.service(fmt.Sprintf("$.services[%d]", i), &v.fleet.Services[i])
	}
}

func (v *validation) service(path string, s *Service) {
	v.serviceName(path+".name", string(s.Name))
	v.preference(path, s)
	v.transports(path, s)
	v.serviceTTL(path, s)
	v.shares(path, s)
	if s.Load.Registrations < 0 || s.Load.Calls < 0 {
		v.add(path+".load", "above zero, or left out", "a load is below zero")
	}
	switch n := v.fleet.ServiceMinSites(s); {
	case s.MinSites < 0:
		v.add(path+".min_sites", "1 or more", "min_sites is %d", s.MinSites)
	case n > len(s.Sites) && len(s.Sites) > 0:
		v.add(path+".min_sites", fmt.Sprintf("at most %d", len(s.Sites)), "min_sites is %d and the service has %d sites", n, len(s.Sites))
	}
	switch s.Automation {
	case "", AutomationOff, AutomationAdvise, AutomationAct:
	default:
		words := []string{string(AutomationOff), string(AutomationAdvise), string(AutomationAct)}
		v.add(path+".automation", meant(string(s.Automation), words), "automation %q is none", s.Automation)
	}
}

func (v *validation) serviceName(path, name string) {
	switch why := nameProblem(name); {
	case why != "":
		v.add(path, "a SIP domain inside the zone", "service name %q %s", name, why)
	case strings.HasSuffix(name, "."):
		v.add(path, strings.TrimSuffix(name, "."), "service name %q ends with a dot", name)
	case v.badZone:
	case name == v.fleet.Zone:
		v.add(path, "for example west."+v.fleet.Zone, "service %s is the zone itself", name)
	case !v.inZone(name + "."):
		v.add(path, "for example west."+v.fleet.Zone, "service %s is not inside the zone %s", name, v.fleet.Zone)
	case len(name)+prefixRoom > maxName:
		v.add(path, fmt.Sprintf("at most %d octets", maxName-prefixRoom), "service %s is too long for _sips._tcp. before it", name)
	default:
		v.owner(path, name+".")
	}
}

// preference checks the sites of a service, best first.
func (v *validation) preference(path string, s *Service) {
	if len(s.Sites) == 0 {
		v.add(path+".sites", "sites: [best, next, …]", "service %q prefers no site", s.Name)
	}
	known := make([]string, len(v.fleet.Sites))
	for i := range v.fleet.Sites {
		known[i] = string(v.fleet.Sites[i].Name)
	}
	for i, site := range s.Sites {
		p := fmt.Sprintf("%s.sites[%d]", path, i)
		switch {
		case slices.Contains(s.Sites[:i], site):
			v.add(p, "delete one of them", "site %s stands twice", site)
		case !slices.Contains(known, string(site)) && len(known) > 0:
			v.add(p, meant(string(site), known), "no site is called %q", site)
		}
	}
}

// shares checks the weights: they are for the first sites of the preference,
// since those that follow have a priority of their own.
func (v *validation) shares(path string, s *Service) {
	for i, x := range s.Shares {
		p := fmt.Sprintf("%s.shares[%d]", path, i)
		at := slices.Index(s.Sites, x.Site)
		switch {
		case slices.ContainsFunc(s.Shares[:i], func(o Share) bool { return o.Site == x.Site }):
			v.add(p+".site", "delete one of them", "site %s has two shares", x.Site)
		case at < 0:
			v.add(p+".site", "one of the service's sites", "site %q is not in the preference", x.Site)
		case at >= len(s.Shares):
			v.add(p+".site", fmt.Sprintf("the shares are those of the first %d sites", len(s.Shares)), "site %s comes after one without a share", x.Site)
		case x.Weight < 1 || x.Weight > 100:
			v.add(p+".weight", "1 to 100", "the weight is %d", x.Weight)
		}
	}
	if len(s.Shares) == 1 {
		v.add(path+".shares", "two sites or more, or leave it out", "one site shares with nobody")
	}
}

func (v *validation) transports(path string, s *Service) {
	if len(s.Transports) == 0 {
		v.add(path+".transports", "transports: [tls, tcp, udp], best first", "service %q offers no transport", s.Name)
	}
	for i, t := range s.Transports {
		p := fmt.Sprintf("%s.transports[%d]", path, i)
		switch {
		case !t.Valid():
			v.add(p, "udp, tcp, tls, ws or wss", "no transport")
		case slices.Contains(s.Transports[:i], t):
			v.add(p, "delete one of them", "%s stands twice", t)
		default:
			v.served(p, s, t)
		}
	}
}

// served refuses a transport that a preferred site does not speak: a phone
// sent there would find nobody.
func (v *validation) served(path string, s *Service, t Transport) {
	for i, id := range s.Sites {
		site := v.fleet.Site(id)
		if site != nil && len(site.Softswitches) > 0 && !site.Serves(t) && !slices.Contains(s.Sites[:i], id) {
			v.add(path, "add a listener there, or take the transport or the site out of the service", "no softswitch of site %s listens on %s", id, t)
		}
	}
}

// serviceTTL checks what the service sets itself, and how that and the policy
// go together.
func (v *validation) serviceTTL(path string, s *Service) {
	if s.TTL == (TTL{}) {
		return
	}
	if s.TTL.Normal != 0 {
		v.ttl(path+".ttl.normal", "normal", s.TTL.Normal)
	}
	if s.TTL.Event != 0 {
		v.ttl(path+".ttl.event", "event", s.TTL.Event)
	}
	if t := v.fleet.ServiceTTL(s); t.Event > t.Normal {
		v.add(path+".ttl.event", "event: at most "+t.Normal.String(), "the event TTL %s is above the normal one %s", t.Event, t.Normal)
	}
}
