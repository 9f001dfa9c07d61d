package config

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// agentCheck is one validation of an agent file.
type agentCheck struct {
	*document
	agent   *Agent
	sockets map[string]string // class of transport and address, to its path
}

func (c *agentCheck) all() {
	a := c.agent
	c.format(a.Format, AgentFormat)
	c.label("$.name", string(a.Name))
	c.label("$.site", string(a.Site))
	if a.DataDir == "" {
		c.at("$.data_dir", "data_dir: /var/lib/sipsteer", "data_dir is missing")
	}
	c.exists("$.fleet", a.Fleet)
	c.dns()
	c.raft()
	if c.listen("$.api.listen", a.API.Listen) {
		c.socket("$.api.listen", "tcp", a.API.Listen)
	}
	c.gate()
	c.readiness()
	c.audit()
	c.peers()
	if a.PeerProxy != "" {
		c.dialled("$.peer_proxy", a.PeerProxy)
	}
	c.keeping()
	c.local()
	if info, err := os.Stat(a.SecretsDir); a.SecretsDir != "" && (err != nil || !info.IsDir()) {
		c.at("$.secrets_dir", "make it, with mode 0700; relative paths are relative to this file", "%s is no directory", a.SecretsDir)
	}
	c.word("$.log.level", a.Log.Level, "debug", "info", "warn", "error")
	c.word("$.log.format", a.Log.Format, "json", "console")
}

// format checks the version of a file's form.
func (d *document) format(written, known int) {
	switch {
	case written > known:
		d.at("$.format", fmt.Sprintf("use a newer sipsteer; this one reads format %d", known), "format %d is newer than this program", written)
	case written == 0:
		d.at("$.format", fmt.Sprintf("write format: %d", known), "format is missing")
	case written != known:
		d.at("$.format", fmt.Sprintf("write format: %d", known), "format %d is none that there was", written)
	}
}

func (c *agentCheck) label(path, name string) {
	key := path[strings.LastIndexByte(path, '.')+1:]
	if name == "" {
		c.at(path, key+": calgary", "%s is missing", key)
	} else if why := fleet.LabelProblem(name); why != "" {
		c.at(path, "one DNS label such as calgary", "%s %q %s", key, name, why)
	}
}

func (c *agentCheck) word(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		c.at(path, didYouMean(value, allowed), "%q is not known here", value)
	}
}

// exists looks for a file that is named. Nothing is read of it yet.
func (c *agentCheck) exists(path, file string) bool {
	if file == "" {
		return false
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		c.at(path, "relative paths are relative to this file", "%s: %v", file, reason(err))
	case info.IsDir():
		c.at(path, "name the file in it", "%s is a directory", file)
	default:
		return true
	}
	return false
}

// listen checks an address to listen on. The host may be left out.
func (c *agentCheck) listen(path, value string) bool {
	if value == "" {
		c.at(path, `HOST:PORT, for example "192.0.2.1:7300"`, "%s is missing", path[2:])
		return false
	}
	if !hostPort(value) {
		c.at(path, `HOST:PORT, for example "192.0.2.1:7300"`, "%q is not a host and a port", value)
		return false
	}
	return true
}

// dialled checks an address that others connect to.
func (c *agentCheck) dialled(path, value string) {
	if c.listen(path, value) && anywhere(value) {
		c.at(path, path[strings.LastIndexByte(path, '.')+1:]+": the address that other machines reach, HOST:PORT", "nobody can connect to %s", value)
	}
}

func hostPort(s string) bool {
	_, port, err := net.SplitHostPort(s)
	n, perr := strconv.ParseUint(port, 10, 16)
	return err == nil && perr == nil && n > 0
}

// anywhere reports whether a host:port names no machine, only a port of any.
func anywhere(s string) bool {
	host, _, _ := net.SplitHostPort(s)
	ip, err := netip.ParseAddr(host)
	return host == "" || (err == nil && ip.IsUnspecified())
}

// socket claims an address, which only one listener may have.
func (c *agentCheck) socket(path, class, address string) {
	key := class + " " + address
	if before, twice := c.sockets[key]; twice {
		c.at(path, "give each listener an address and port of its own", "%s is used already at %s (line %d)", address, before, c.line(before))
		return
	}
	c.sockets[key] = path
}

// line is where the value with that path is.
func (d *document) line(path string) int {
	if pos := d.place(path); pos != nil {
		return pos.Line
	}
	return 0
}

func (c *agentCheck) dns() {
	dns := c.agent.DNS
	if len(dns.Listen) == 0 {
		c.at("$.dns.listen", `listen: ["192.0.2.1:53"]`, "the name server listens nowhere")
	}
	for i, l := range dns.Listen {
		path := fmt.Sprintf("$.dns.listen[%d]", i)
		if l.Port() == 0 {
			c.at(path, "53 is the port that resolvers ask", "port 0")
			continue
		}
		c.socket(path, "udp", l.String())
		c.socket(path, "tcp", l.String())
	}
	c.transfers()
	c.parent()
	origins := map[string]bool{}
	for i, z := range dns.Zones {
		path := fmt.Sprintf("$.dns.zones[%d]", i)
		name := strings.ToLower(strings.TrimSuffix(z.Origin, "."))
		if name == "" {
			c.at(path+".origin", "origin: example.net", "origin is missing")
		} else if origins[name] {
			c.at(path+".origin", "one file for each zone", "zone %s stands twice", name)
		}
		origins[name] = true
		if z.File == "" {
			c.at(path+".file", "file: "+name+".zone", "file is missing")
		}
		c.exists(path+".file", z.File)
	}
	for _, t := range []struct{ field, value string }{{"nsid", dns.NSID}, {"version", dns.Version}} {
		if len(t.value) > 128 {
			c.at("$.dns."+t.field, "at most 128 octets", "%s has %d octets", t.field, len(t.value))
		}
	}
}

func (c *agentCheck) raft() {
	r := c.agent.Raft
	c.word("$.raft.profile", r.Profile, "lan", "wan")
	if !c.listen("$.raft.listen", r.Listen) {
		return
	}
	c.socket("$.raft.listen", "tcp", r.Listen)
	c.dialled("$.raft.advertise", r.Advertise)
}

func (c *agentCheck) gate() {
	g := c.agent.Gate
	if g == nil {
		return
	}
	c.word("$.gate.driver", g.Driver, "inline", "listen", "nftables", "edge", "exec")
	c.edge()
	if len(g.Listen) == 0 && (g.Driver == "inline" || g.Driver == "listen") {
		c.at("$.gate.listen", `listen: [{transport: udp, address: "192.0.2.2:5060"}]`, "the gate listens nowhere")
	}
	secure := false
	for i, l := range g.Listen {
		path := fmt.Sprintf("$.gate.listen[%d]", i)
		if l.Transport == 0 {
			c.at(path+".transport", "transport: udp, tcp, tls, ws or wss", "no transport")
			continue
		}
		secure = secure || l.Transport.Secure()
		if l.Address.Port() == 0 {
			c.at(path+".address", `IP:PORT, for example "192.0.2.2:5060"`, "no address and port")
			continue
		}
		class := "tcp"
		if !l.Transport.Stream() {
			class = "udp"
		}
		c.socket(path+".address", class, l.Address.String())
	}
	c.refusals()
	c.limits()
	c.certificates(secure)
	c.exists("$.gate.upstream_roots", g.UpstreamRoots)
}

func (c *agentCheck) peers() {
	a := c.agent
	seen := map[string]string{}
	self := -1
	for i, p := range a.Peers {
		path := fmt.Sprintf("$.peers[%d]", i)
		c.label(path+".name", string(p.Name))
		c.label(path+".site", string(p.Site))
		c.dialled(path+".raft", p.Raft)
		c.dialled(path+".api", p.API)
		for _, v := range []struct{ field, value string }{{"name", string(p.Name)}, {"raft", p.Raft}, {"api", p.API}} {
			if before, twice := seen[v.value]; twice && v.value != "" {
				c.at(path+"."+v.field, "each agent has its own", "%s stands already at %s (line %d)", v.value, before, c.line(before))
			}
			seen[v.value] = path + "." + v.field
		}
		if p.Name == a.Name && self < 0 {
			self = i
		}
	}
	switch {
	case self >= 0:
		c.self(fmt.Sprintf("$.peers[%d]", self), a.Peers[self])
	case len(a.Peers) == 0:
		c.at("$.peers", "list every agent, this one included: {name: calgary, site: calgary, raft: HOST:PORT, api: HOST:PORT}", "no peers")
	case fleet.LabelProblem(string(a.Name)) == "":
		c.at("$.peers", fmt.Sprintf("add {name: %s, site: %s, raft: %q, api: %q}", a.Name, a.Site, a.Raft.Advertise, a.API.Listen), "this agent, %s, is not among the peers", a.Name)
	}
}

// self compares what the others are told of this agent with what it does.
func (c *agentCheck) self(path string, p Peer) {
	a := c.agent
	if p.Site != a.Site {
		c.at(path+".site", "site: "+string(a.Site), "this agent is at %s", a.Site)
	}
	if hostPort(a.Raft.Advertise) && !anywhere(a.Raft.Advertise) && p.Raft != a.Raft.Advertise {
		c.at(path+".raft", "raft: "+a.Raft.Advertise, "this agent advertises %s", a.Raft.Advertise)
	}
	if hostPort(a.API.Listen) && !anywhere(a.API.Listen) && p.API != a.API.Listen {
		c.at(path+".api", "api: "+a.API.Listen, "this agent's API listens on %s", a.API.Listen)
	}
}
