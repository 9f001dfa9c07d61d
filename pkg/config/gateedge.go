package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// drivers are all that the site uses, the first one first.
func (g *Gate) drivers() []string { return append([]string{g.Driver}, g.Fallback...) }

// Uses reports whether the site's driver, or one that stands in for it, has this
// name.
func (g *Gate) Uses(driver string) bool { return slices.Contains(g.drivers(), driver) }

// edge checks what the drivers other than inline need, and that none is given
// what another one is for.
func (c *agentCheck) edge() {
	g := c.agent.Gate
	c.fallback()
	if g.Uses("edge") {
		c.oneEdge()
	}
	if g.Driver == "edge" && !g.Uses("nftables") && len(g.Listen) > 0 {
		c.at("$.gate.listen", "delete it", "with driver edge the gate itself listens nowhere")
	}
	if g.Uses("exec") {
		if len(g.Edge.Command) == 0 {
			c.at("$.gate.edge", "edge: {command: [/usr/local/sbin/drain-edge]}", "driver exec needs a command")
		} else if !filepath.IsAbs(g.Edge.Command[0]) {
			c.at("$.gate.edge.command[0]", "the whole path", "%q may be another program where the agent runs", g.Edge.Command[0])
		} else {
			c.exists("$.gate.edge.command[0]", g.Edge.Command[0])
		}
	}
	if !g.Uses("edge") && g.Edge.Kamailio != "" {
		c.at("$.gate.edge.kamailio", "driver: edge", "driver %s does not speak to Kamailio", g.Driver)
	}
	if !g.Uses("edge") && g.Edge.OpenSIPS != "" {
		c.at("$.gate.edge.opensips", "driver: edge", "driver %s does not speak to OpenSIPS", g.Driver)
	}
	if !g.Uses("edge") && g.Edge.FreeSWITCH != "" {
		c.at("$.gate.edge.freeswitch", "driver: edge", "driver %s does not speak to FreeSWITCH", g.Driver)
	}
	if g.Edge.FreeSWITCH == "" && g.Edge.FreeSWITCHPasswordFile != "" {
		c.at("$.gate.edge.freeswitch_password_file", `freeswitch: "127.0.0.1:8021", or delete it`, "there is no event socket that the password is for")
	}
	if !g.Uses("edge") && len(c.agent.Outward.Edge) > 0 {
		c.at("$.outward.edge", "gate: {driver: edge}, or delete it", "driver %s tells no edge single commands", g.Driver)
	}
	if !g.Uses("exec") && len(g.Edge.Command) > 0 {
		c.at("$.gate.edge.command", "driver: exec", "driver %s starts no program", g.Driver)
	}
	c.nftables()
}

// oneEdge checks that there is one edge, and how it is reached.
func (c *agentCheck) oneEdge() {
	e := c.agent.Gate.Edge
	named := 0
	for _, edge := range []struct{ path, at string }{
		{"$.gate.edge.kamailio", e.Kamailio}, {"$.gate.edge.opensips", e.OpenSIPS}, {"$.gate.edge.freeswitch", e.FreeSWITCH},
	} {
		if edge.at == "" {
			continue
		}
		if named++; named > 1 {
			c.at(edge.path, "the one that stands in front", "a site has one edge, kamailio, opensips or freeswitch")
		}
	}
	switch {
	case named > 1:
	case e.Kamailio != "":
		c.dialled("$.gate.edge.kamailio", e.Kamailio)
	case e.OpenSIPS != "":
		c.opensips(e.OpenSIPS)
	case e.FreeSWITCH != "":
		c.dialled("$.gate.edge.freeswitch", e.FreeSWITCH)
		if e.FreeSWITCHPasswordFile == "" {
			c.at("$.gate.edge.freeswitch", "freeswitch_password_file: event-socket.password", "the event socket asks for a password")
		}
		c.exists("$.gate.edge.freeswitch_password_file", e.FreeSWITCHPasswordFile)
	default:
		c.at("$.gate.edge", `edge: {kamailio: "127.0.0.1:9062"}`, "driver edge needs the edge")
	}
}

// opensips checks where its management interface is: a socket, or a URL.
func (c *agentCheck) opensips(at string) {
	if !strings.Contains(at, "://") {
		c.dialled("$.gate.edge.opensips", at)
		return
	}
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		c.at("$.gate.edge.opensips", `opensips: "http://127.0.0.1:8888/mi", or HOST:PORT of mi_datagram`, "%q is no address of mi_http", at)
	}
}

func (c *agentCheck) fallback() {
	g := c.agent.Gate
	if len(g.Fallback) == 0 {
		return
	}
	if !slices.Contains([]string{"nftables", "edge", "exec"}, g.Driver) {
		c.at("$.gate.fallback", "delete it", "driver %s refuses by itself, so nothing can stand in for it", g.Driver)
	}
	for i, d := range g.Fallback {
		path := fmt.Sprintf("$.gate.fallback[%d]", i)
		c.word(path, d, "nftables", "edge", "exec")
		if slices.Contains(g.drivers()[:i+1], d) {
			c.at(path, "each driver once", "%s stands there already", d)
		}
	}
}

// nftables checks that every listener stands in for one public address.
func (c *agentCheck) nftables() {
	g := c.agent.Gate
	used := g.Uses("nftables")
	if used && len(g.Listen) == 0 {
		c.at("$.gate.listen", `listen: [{transport: udp, address: "192.0.2.2:15060", diverts: "192.0.2.2:5060"}]`, "driver nftables needs a listener for each public address")
	}
	if !used && len(g.Nftables.Direct) > 0 {
		c.at("$.gate.nftables", "driver: nftables", "driver %s diverts nothing in the kernel", g.Driver)
	}
	c.networks("$.gate.nftables.direct", g.Nftables.Direct)
	seen := map[string]int{}
	for i, l := range g.Listen {
		path := fmt.Sprintf("$.gate.listen[%d].diverts", i)
		switch {
		case !used && l.Diverts.IsValid():
			c.at(path, "driver: nftables", "driver %s diverts nothing in the kernel", g.Driver)
		case !used:
		case l.Diverts.Port() == 0:
			c.at(path, `diverts: "192.0.2.2:5060", the public address`, "driver nftables does not know what to bring to %s", l.Address)
		case l.Diverts == l.Address:
			c.at(path, "let the gate listen on another port", "%s is the softswitch's own", l.Diverts)
		case l.Diverts.Addr().Is4() != l.Address.Addr().Is4():
			c.at(path, "a listener for each of IPv4 and IPv6", "%s cannot be brought to %s", l.Diverts, l.Address)
		case l.Address.Addr().IsLoopback() && !l.Diverts.Addr().IsLoopback():
			c.at(path, "listen on another address of this machine", "the kernel brings nothing from outside to %s", l.Address)
		default:
			key := fmt.Sprint(l.Transport.Stream(), l.Diverts)
			if before, twice := seen[key]; twice {
				c.at(path, "one listener for each public address", "%s is brought to listener %d already", l.Diverts, before+1)
			}
			seen[key] = i
		}
	}
	if used && len(g.Nftables.Direct) == 0 && len(c.agent.PeerNetworks()) == 0 && len(c.agent.Peers) > 1 {
		c.at("$.gate.nftables", `nftables: {direct: ["198.51.100.0/24"]}`, "the peers have no IP addresses here: say from where the other agents check this site, or a drain looks to them like a fault")
	}
}

// PeerNetworks are the other agents' addresses, as far as they are written as
// addresses.
func (a *Agent) PeerNetworks() []netip.Prefix {
	var out []netip.Prefix
	for _, p := range a.Peers {
		for _, at := range []string{p.Raft, p.API} {
			host, _, err := net.SplitHostPort(at)
			if err != nil || p.Name == a.Name {
				continue
			}
			if ip, err := netip.ParseAddr(host); err == nil {
				ip = ip.Unmap().WithZone("")
				if n := netip.PrefixFrom(ip, ip.BitLen()); !slices.Contains(out, n) {
					out = append(out, n)
				}
			}
		}
	}
	return out
}
