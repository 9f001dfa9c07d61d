package fleet

import (
	"fmt"
	"slices"
	"strings"
)

// Validate returns everything that is wrong with f, or nothing. Settings that
// are not set are taken at their defaults. It trusts nothing: a fleet may come
// from a file, from a peer or out of a backup.
func Validate(f Fleet) []Problem {
	v := &validation{fleet: f.WithDefaults(), owners: once{}, sockets: once{}}
	v.format()
	v.zone()
	v.nameServers()
	v.sites()
	v.services()
	v.below()
	v.tenants()
	v.policy()
	v.checks()
	v.kinds()
	v.canaries()
	v.extras()
	return v.problems
}

// validation is one run of Validate.
type validation struct {
	problems
	fleet   Fleet
	badZone bool // nothing can be inside it, so nothing is asked of that kind
	owners  once // absolute owner names of addresses and services
	sockets once // class of transport, address and port
}

func (v *validation) format() {
	switch f := v.fleet.Format; {
	case f > Format:
		v.add("$.format", fmt.Sprintf("use a newer sipsteer; this one writes and reads format %d", Format), "format %d is newer than this program", f)
	case f == 0:
		v.add("$.format", fmt.Sprintf("write format: %d", Format), "format is missing")
	case f != Format:
		v.add("$.format", fmt.Sprintf("write format: %d", Format), "format %d is none that there was", f)
	}
}

func (v *validation) nameServers() {
	if len(v.fleet.NameServers) == 0 {
		v.add("$.name_servers", "list each agent that answers phones, with its address", "no name servers")
	}
	for i, n := range v.fleet.NameServers {
		path := fmt.Sprintf("$.name_servers[%d]", i)
		if why := nameProblem(n.Name); why != "" {
			v.add(path+".name", "ns1, or absolute with a trailing dot: ns1.example.net.", "name server %q %s", n.Name, why)
			continue
		}
		if !v.owner(path+".name", v.fleet.FQDN(n.Name)) {
			continue
		}
		switch inside := v.inZone(v.fleet.FQDN(n.Name)); {
		case inside && len(n.Addresses) == 0:
			v.add(path+".addresses", "addresses: [ADDRESS]", "%s is inside the zone and needs an address", n.Name)
		case !inside && len(n.Addresses) > 0 && !v.badZone:
			v.add(path+".addresses", "leave them out, or name a server inside the zone "+v.fleet.Zone, "%s is outside the zone, so its address is published elsewhere", n.Name)
		}
		v.ips(path, n.Addresses)
	}
}

func (v *validation) sites() {
	if len(v.fleet.Sites) == 0 {
		v.add("$.sites", "list at least one", "no sites")
	}
	names, switches := once{}, once{}
	for i := range v.fleet.Sites {
		v.site(fmt.Sprintf("$.sites[%d]", i), &v.fleet.Sites[i], names, switches)
	}
}

func (v *validation) site(path string, s *Site, names, switches once) {
	if why := LabelProblem(string(s.Name)); why != "" {
		v.add(path+".name", "one DNS label such as calgary", "site name %q %s", s.Name, why)
	} else if before, twice := names.put(string(s.Name), path+".name"); twice {
		v.clash(path+".name", before, "give each site its own name", "site %s stands already", s.Name)
	} else {
		v.target(path+".host", s)
	}
	if len(s.Addresses) == 0 {
		v.add(path+".addresses", "addresses: [ADDRESS]", "site %q has no public address", s.Name)
	}
	v.ips(path, s.Addresses)
	v.ports(path, s)
	v.gateSockets(path, s)
	if len(s.Softswitches) == 0 {
		v.add(path+".softswitches", "softswitches: [{name: calgary-1, listeners: [{transport: udp, address: \"192.0.2.1:5060\"}]}]", "site %q has no softswitch", s.Name)
	}
	for j := range s.Softswitches {
		v.softswitch(fmt.Sprintf("%s.softswitches[%d]", path, j), s, &s.Softswitches[j], switches)
	}
	v.capacity(path+".capacity", s.Capacity)
	v.fateGroups(path, s)
}

func (v *validation) capacity(path string, c Capacity) {
	for _, n := range []struct {
		field string
		value int
	}{
		{"registrations", c.Registrations},
		{"calls", c.Calls},
		{"register_rate", c.RegisterRate},
		{"tls_handshake_rate", c.TLSHandshakeRate},
	} {
		if n.value < 0 {
			v.add(path+"."+n.field, "leave it out when it is not known", "%d is below zero", n.value)
		}
	}
}

func (v *validation) fateGroups(path string, s *Site) {
	for i, g := range s.FateGroups {
		p := fmt.Sprintf("%s.fate_groups[%d]", path, i)
		if why := LabelProblem(g); why != "" {
			v.add(p, "a word such as storage-west", "fate group %q %s", g, why)
		} else if slices.Contains(s.FateGroups[:i], g) {
			v.add(p, "delete one of them", "fate group %s stands twice", g)
		}
	}
}

func (v *validation) softswitch(path string, site *Site, sw *Softswitch, switches once) {
	if why := LabelProblem(string(sw.Name)); why != "" {
		v.add(path+".name", "for example calgary-1", "softswitch name %q %s", sw.Name, why)
	} else if before, twice := switches.put(string(sw.Name), path+".name"); twice {
		v.clash(path+".name", before, "names are unique in the fleet", "softswitch %s stands already", sw.Name)
	}
	if len(sw.Listeners) == 0 {
		v.add(path+".listeners", `listeners: [{transport: udp, address: "192.0.2.1:5060"}]`, "softswitch %q of %q has no listener", sw.Name, site.Name)
	}
	for i, l := range sw.Listeners {
		p := fmt.Sprintf("%s.listeners[%d]", path, i)
		if !l.Transport.Valid() {
			v.add(p+".transport", "transport: udp, tcp, tls, ws or wss", "no transport")
			continue
		}
		if why := socketProblem(l.Address); why != "" {
			v.add(p+".address", `ADDRESS:PORT, for example "192.0.2.1:5060"`, "%s", why)
			continue
		}
		v.socket(p+".address", l.Address, l.Transport)
		v.listenerPath(p+".path", l)
		if l.ServerName == "" {
			continue
		}
		if why := nameProblem(l.ServerName); why != "" {
			v.add(p+".server_name", "the SIP domain that the certificate is for", "server name %q %s", l.ServerName, why)
		}
	}
}

// listenerPath checks what is asked for when a WebSocket is opened.
func (v *validation) listenerPath(path string, l Listener) {
	switch {
	case l.Path == "":
	case l.Transport != WS && l.Transport != WSS:
		v.add(path, "leave it out", "path means nothing to a listener over %s", l.Transport)
	case !strings.HasPrefix(l.Path, "/") || strings.ContainsFunc(l.Path, func(r rune) bool { return r <= ' ' || r > '~' }):
		v.add(path, "path: /ws", "path %q", l.Path)
	}
}
