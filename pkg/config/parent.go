package config

import (
	"fmt"
	"net/netip"
)

// Parent says whom to ask what the zone above names of the zone's keys.
type Parent struct {
	// Servers are its name servers.
	Servers []netip.AddrPort `yaml:"servers,omitempty" json:"servers,omitempty" jsonschema_description:"Addresses and ports of the name servers of the zone above; all must agree: [\"192.0.2.53:53\"]. Default: the resolver finds them."`
	// Resolver finds them.
	Resolver netip.AddrPort `yaml:"resolver,omitempty" json:"resolver,omitzero" jsonschema_description:"Address and port of a resolver that finds the name servers of the zone above, in place of servers."`
}

func (c *agentCheck) parent() {
	p := c.agent.DNS.Parent
	if p == nil {
		return
	}
	switch {
	case len(p.Servers) == 0 && !p.Resolver.IsValid():
		c.at("$.dns.parent", `servers: ["192.0.2.53:53"], or resolver: "192.0.2.7:53"`, "neither servers nor resolver is set")
	case len(p.Servers) > 0 && p.Resolver.IsValid():
		c.at("$.dns.parent.resolver", "leave one of them out", "servers are set: nobody is to be found")
	case p.Resolver.IsValid() && p.Resolver.Port() == 0:
		c.at("$.dns.parent.resolver", "53 is the port of resolvers", "port 0")
	}
	for i, s := range p.Servers {
		path := fmt.Sprintf("$.dns.parent.servers[%d]", i)
		if s.Port() == 0 {
			c.at(path, "53 is the port of name servers", "port 0")
		}
		for _, l := range c.agent.DNS.Listen {
			if l == s {
				c.at(path, "name servers of the zone above", "%s is this agent's own name server", s)
			}
		}
	}
}
