package config

import (
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strconv"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// AgentFormat is the version of the agent file's form.
const AgentFormat = 1

// Agent is agent.yaml: what one agent is and where it listens. Relative paths
// are relative to the file.
type Agent struct {
	Format int `yaml:"format" json:"format" jsonschema:"enum=1,description=Version of this file's form."`
	// Name of the agent, unique; also its Raft server ID. Never change it.
	Name fleet.AgentID `yaml:"name" json:"name" jsonschema:"description=Name of the agent: unique and for ever."`
	// Site where the agent is.
	Site fleet.SiteID `yaml:"site" json:"site" jsonschema:"description=Site of the fleet file where the agent is."`
	// DataDir holds the log, snapshots and the served state.
	DataDir string `yaml:"data_dir" json:"data_dir" jsonschema:"description=Directory for log and snapshots; relative to this file."`
	// Fleet is proposed when the cluster has no fleet yet.
	Fleet string `yaml:"fleet,omitempty" json:"fleet,omitempty" jsonschema:"description=Fleet file proposed when a new cluster starts; later changes go through plan fleet and apply."`
	DNS   DNS    `yaml:"dns" json:"dns"`
	Raft  Raft   `yaml:"raft" json:"raft"`
	API   API    `yaml:"api" json:"api"`
	// Gate may be absent: an agent that only answers DNS.
	Gate *Gate `yaml:"gate,omitempty" json:"gate,omitempty"`
	// Peers are all agents, this one included.
	Peers []Peer `yaml:"peers" json:"peers" jsonschema:"minItems=1,description=Every agent, this one included; the same at all agents."`
	// PeerProxy is a SOCKS5 proxy for connections to peers.
	PeerProxy string `yaml:"peer_proxy,omitempty" json:"peer_proxy,omitempty" jsonschema:"description=SOCKS5 proxy for connections to peers: HOST:PORT."`
	Log       Log    `yaml:"log,omitempty" json:"log,omitzero"`
}

// DNS says where the name server listens, on UDP and TCP.
type DNS struct {
	Listen []netip.AddrPort `yaml:"listen" json:"listen" jsonschema:"minItems=1"`
	// NSID is told to who asks for it (RFC 5001). Default: the agent's name.
	NSID string `yaml:"nsid,omitempty" json:"nsid,omitempty"`
	// Version is told in class CH. Default: refused.
	Version string `yaml:"version,omitempty" json:"version,omitempty"`
}

// Raft says where other agents reach this one.
type Raft struct {
	Listen string `yaml:"listen" json:"listen" jsonschema:"description=HOST:PORT"`
	// Advertise is what the others dial. Default: Listen.
	Advertise string `yaml:"advertise,omitempty" json:"advertise,omitempty"`
	// Profile: lan (round trips below 10 ms) or wan. Default wan.
	Profile string `yaml:"profile,omitempty" json:"profile,omitempty" jsonschema:"enum=lan,enum=wan"`
}

// API says where the HTTP API listens.
type API struct {
	Listen string `yaml:"listen" json:"listen" jsonschema:"description=HOST:PORT"`
}

// Gate says how this site's SIP traffic is refused.
type Gate struct {
	// Driver: inline. Default inline.
	Driver string         `yaml:"driver,omitempty" json:"driver,omitempty" jsonschema:"enum=inline"`
	Listen []GateListener `yaml:"listen" json:"listen" jsonschema:"minItems=1"`
	// Certificate and Key are PEM files, needed for tls.
	Certificate string `yaml:"certificate,omitempty" json:"certificate,omitempty"`
	Key         string `yaml:"key,omitempty" json:"key,omitempty"`
	// UpstreamRoots is a PEM file of authorities for the softswitch's
	// certificate. Default: the machine's.
	UpstreamRoots string `yaml:"upstream_roots,omitempty" json:"upstream_roots,omitempty"`
	// UpstreamServerName is the name that the softswitch's certificate is for.
	UpstreamServerName string `yaml:"upstream_server_name,omitempty" json:"upstream_server_name,omitempty"`
}

// GateListener is one public address of the gate.
type GateListener struct {
	Transport fleet.Transport `yaml:"transport" json:"transport" jsonschema:"type=string,enum=udp,enum=tcp,enum=tls"`
	Address   netip.AddrPort  `yaml:"address" json:"address" jsonschema:"description=IP:port"`
}

// Peer is one agent as the others reach it.
type Peer struct {
	Name fleet.AgentID `yaml:"name" json:"name"`
	Site fleet.SiteID  `yaml:"site" json:"site"`
	Raft string        `yaml:"raft" json:"raft" jsonschema:"description=HOST:PORT"`
	API  string        `yaml:"api" json:"api" jsonschema:"description=HOST:PORT"`
}

// Log says how much is logged, how and where.
type Log struct {
	Level  string `yaml:"level,omitempty" json:"level,omitempty" jsonschema:"enum=debug,enum=info,enum=warn,enum=error"`
	Format string `yaml:"format,omitempty" json:"format,omitempty" jsonschema:"enum=json,enum=console"`
	// File is appended to. Default: standard error.
	File string `yaml:"file,omitempty" json:"file,omitempty"`
}

// LoadAgent reads an agent file. The error is an *Error.
func LoadAgent(path string) (*Agent, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return ParseAgent(path, data)
}

// ParseAgent reads the text of an agent file at path. Paths in the result are
// absolute or relative to the working directory, like path itself.
func ParseAgent(path string, data []byte) (*Agent, error) {
	d, err := parse(path, data)
	if err != nil {
		return nil, err
	}
	a := Agent{}
	d.decode(d.root, reflect.ValueOf(&a).Elem(), "$", 0)
	if len(d.problems) == 0 {
		a.defaults(filepath.Dir(path))
		a.validate(d)
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return &a, nil
}

func (a *Agent) defaults(dir string) {
	set := func(s *string, def string) {
		if *s == "" {
			*s = def
		}
	}
	set(&a.DNS.NSID, string(a.Name))
	set(&a.Raft.Advertise, a.Raft.Listen)
	set(&a.Raft.Profile, "wan")
	set(&a.Log.Level, "info")
	set(&a.Log.Format, "json")
	files := []*string{&a.DataDir, &a.Fleet, &a.Log.File}
	if a.Gate != nil {
		set(&a.Gate.Driver, "inline")
		files = append(files, &a.Gate.Certificate, &a.Gate.Key, &a.Gate.UpstreamRoots)
	}
	for _, f := range files {
		if *f != "" && !filepath.IsAbs(*f) {
			*f = filepath.Join(dir, *f)
		}
	}
}

func (a *Agent) validate(d *document) {
	if a.Format != AgentFormat {
		d.at("$.format", fmt.Sprintf("write format: %d", AgentFormat), "format %d is not one that this program reads", a.Format)
	}
	a.required(d)
	if len(a.DNS.Listen) == 0 {
		d.at("$.dns", `listen: ["192.0.2.1:53"]`, "the name server listens nowhere")
	}
	for i, l := range a.DNS.Listen {
		if l.Port() == 0 {
			d.at(fmt.Sprintf("$.dns.listen[%d]", i), "", "port 0")
		}
	}
	a.word(d, "$.raft.profile", a.Raft.Profile, "lan", "wan")
	a.word(d, "$.log.level", a.Log.Level, "debug", "info", "warn", "error")
	a.word(d, "$.log.format", a.Log.Format, "json", "console")
	a.hostPort(d, "$.raft.listen", a.Raft.Listen)
	a.hostPort(d, "$.raft.advertise", a.Raft.Advertise)
	a.hostPort(d, "$.api.listen", a.API.Listen)
	if a.PeerProxy != "" {
		a.hostPort(d, "$.peer_proxy", a.PeerProxy)
	}
	a.validatePeers(d)
	a.validateGate(d)
	a.exists(d, "$.fleet", a.Fleet)
}

func (a *Agent) required(d *document) {
	for _, r := range []struct{ path, value, hint string }{
		{"$.name", string(a.Name), "name: calgary"}, {"$.site", string(a.Site), "site: calgary"},
		{"$.data_dir", a.DataDir, "data_dir: /var/lib/sipsteer"},
	} {
		if r.value == "" {
			d.at(r.path, r.hint, "%s is missing", r.path[2:])
		}
	}
}

func (a *Agent) word(d *document, path, value string, allowed ...string) {
	for _, w := range allowed {
		if value == w {
			return
		}
	}
	hint := fleet.Nearest(value, allowed)
	if hint == "" {
		hint = fmt.Sprintf("one of %v", allowed)
	}
	d.at(path, hint, "%q is not known here", value)
}

func (a *Agent) hostPort(d *document, path, value string) {
	_, port, err := net.SplitHostPort(value)
	if n, perr := strconv.Atoi(port); err != nil || perr != nil || n < 1 || n > 65535 {
		d.at(path, "HOST:PORT, for example 192.0.2.1:7300", "%q is not a host and port", value)
	}
}

func (a *Agent) validatePeers(d *document) {
	seen := map[string]string{}
	self := false
	for i, p := range a.Peers {
		path := fmt.Sprintf("$.peers[%d]", i)
		if p.Name == "" || p.Site == "" {
			d.at(path, "{name: calgary, site: calgary, raft: HOST:PORT, api: HOST:PORT}", "name or site is missing")
		}
		a.hostPort(d, path+".raft", p.Raft)
		a.hostPort(d, path+".api", p.API)
		for _, v := range []struct{ field, value string }{{"name", string(p.Name)}, {"raft", p.Raft}, {"api", p.API}} {
			if before, twice := seen[v.value]; twice {
				d.at(path+"."+v.field, "each agent has its own", "%s stands already at %s", v.value, before)
			}
			seen[v.value] = path + "." + v.field
		}
		if p.Name != a.Name {
			continue
		}
		self = true
		if p.Site != a.Site {
			d.at(path+".site", "site: "+string(a.Site), "this agent is at %s", a.Site)
		}
		if p.Raft != a.Raft.Advertise {
			d.at(path+".raft", "raft: "+a.Raft.Advertise, "this agent advertises %s", a.Raft.Advertise)
		}
	}
	if !self {
		d.at("$.peers", fmt.Sprintf("add {name: %s, site: %s, raft: %q, api: %q}", a.Name, a.Site, a.Raft.Advertise, a.API.Listen), "this agent, %s, is not among the peers", a.Name)
	}
}

func (a *Agent) validateGate(d *document) {
	g := a.Gate
	if g == nil {
		return
	}
	a.word(d, "$.gate.driver", g.Driver, "inline")
	if len(g.Listen) == 0 {
		d.at("$.gate", `listen: [{transport: udp, address: "192.0.2.2:5060"}]`, "the gate listens nowhere")
	}
	for i, l := range g.Listen {
		path := fmt.Sprintf("$.gate.listen[%d]", i)
		switch l.Transport {
		case fleet.UDP, fleet.TCP:
		case fleet.TLS:
			if g.Certificate == "" || g.Key == "" {
				d.at("$.gate", "certificate: FILE and key: FILE", "tls needs a certificate and a key")
			}
		default:
			d.at(path+".transport", "udp, tcp or tls", "the gate does not speak %s", l.Transport)
		}
		if !l.Address.IsValid() || l.Address.Port() == 0 {
			d.at(path+".address", "IP:PORT", "no address and port")
		}
	}
	a.exists(d, "$.gate.certificate", g.Certificate)
	a.exists(d, "$.gate.upstream_roots", g.UpstreamRoots)
	if g.Key != "" {
		if err := CheckPrivate(g.Key); err != nil {
			d.at("$.gate.key", "chmod 600 "+g.Key, "%v", err)
		}
	}
}

func (a *Agent) exists(d *document, path, file string) {
	if file == "" {
		return
	}
	if _, err := os.Stat(file); err != nil {
		d.at(path, "", "%s: %v", file, reason(err))
	}
}

// CheckPrivate refuses a key file that others may read.
func CheckPrivate(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, reason(err))
	}
	if info.Mode().Perm()&fs.FileMode(0o077) != 0 {
		return fmt.Errorf("%s: mode %04o lets others in, at most 0600", path, info.Mode().Perm())
	}
	return nil
}
