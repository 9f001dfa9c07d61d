package config

import "path/filepath"

// edge checks what the drivers other than inline need, and that none is given
// what another one is for.
func (c *agentCheck) edge() {
	g := c.agent.Gate
	switch g.Driver {
	case "edge":
		if g.Edge.Kamailio == "" {
			c.at("$.gate.edge", `edge: {kamailio: "127.0.0.1:9062"}`, "driver edge needs the edge")
		} else {
			c.dialled("$.gate.edge.kamailio", g.Edge.Kamailio)
		}
		if len(g.Listen) > 0 {
			c.at("$.gate.listen", "delete it", "with driver edge the gate itself listens nowhere")
		}
	case "exec":
		if len(g.Edge.Command) == 0 {
			c.at("$.gate.edge", "edge: {command: [/usr/local/sbin/drain-edge]}", "driver exec needs a command")
		} else if !filepath.IsAbs(g.Edge.Command[0]) {
			c.at("$.gate.edge.command[0]", "the whole path", "%q may be another program where the agent runs", g.Edge.Command[0])
		} else {
			c.exists("$.gate.edge.command[0]", g.Edge.Command[0])
		}
	}
	if g.Driver != "edge" && g.Edge.Kamailio != "" {
		c.at("$.gate.edge.kamailio", "driver: edge", "driver %s does not speak to Kamailio", g.Driver)
	}
	if g.Driver != "edge" && len(c.agent.Outward.Edge) > 0 {
		c.at("$.outward.edge", "gate: {driver: edge}, or delete it", "driver %s tells no edge single commands", g.Driver)
	}
	if g.Driver != "exec" && len(g.Edge.Command) > 0 {
		c.at("$.gate.edge.command", "driver: exec", "driver %s starts no program", g.Driver)
	}
}
