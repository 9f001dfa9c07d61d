package config

import (
	"fmt"
	"net/netip"
)

// Readiness says how an agent looks for what would go wrong.
type Readiness struct {
	// EveryMinutes is how often the leader looks by itself.
	EveryMinutes int `yaml:"every_minutes,omitempty" json:"every_minutes,omitempty" jsonschema:"minimum=1,maximum=1440" jsonschema_description:"How often the leader looks by itself; people are told of what is new. Default: 30."`
	// NameServerPort is the port of the published name servers.
	NameServerPort int `yaml:"name_server_port,omitempty" json:"name_server_port,omitempty" jsonschema:"minimum=1,maximum=65535" jsonschema_description:"Port at which the published name servers are asked. Default: 53."`
	// Resolvers are those that customers' phones use.
	Resolvers []netip.AddrPort `yaml:"resolvers,omitempty" json:"resolvers,omitempty" jsonschema_description:"Public resolvers to ask for the services' names, as phones do: [\"192.0.2.53:53\"]. Default: none."`
	// Names are customers' own names that lead to a service.
	Names []string `yaml:"names,omitempty" json:"names,omitempty" jsonschema_description:"Names in zones of others whose SRV records lead here: resolvers are asked how long they hold them. Default: none."`
}

func (c *agentCheck) readiness() {
	r := c.agent.Readiness
	if r.EveryMinutes < 0 || r.EveryMinutes > 1440 {
		c.at("$.readiness.every_minutes", "1 to 1440", "every %d minutes", r.EveryMinutes)
	}
	if r.NameServerPort < 0 || r.NameServerPort > 65535 {
		c.at("$.readiness.name_server_port", "53", "port %d", r.NameServerPort)
	}
	for i, a := range r.Resolvers {
		if a.Port() == 0 {
			c.at(fmt.Sprintf("$.readiness.resolvers[%d]", i), `"192.0.2.53:53"`, "%s has no port", a)
		}
	}
	if len(r.Names) > 0 && len(r.Resolvers) == 0 {
		c.at("$.readiness.names", `resolvers: ["192.0.2.53:53"]`, "nobody is asked for the names")
	}
	for i, n := range r.Names {
		if n == "" || len(n) > 253 {
			c.at(fmt.Sprintf("$.readiness.names[%d]", i), "_sip._udp.customer.example", "%q is no domain name", n)
		}
	}
}
