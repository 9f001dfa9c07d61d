package config

import (
	"net/netip"
	"path/filepath"
	"reflect"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// AgentFormat is the version of the agent file's form.
const AgentFormat = 1

// Agent is agent.yaml: what one agent is and where it listens. Relative paths
// in the file are relative to it; ParseAgent resolves them.
type Agent struct {
	// Format is the version of the file's form; now 1.
	Format int `yaml:"format" json:"format" jsonschema:"enum=1" jsonschema_description:"Version of this file's form."`
	// Name of the agent, unique; also its Raft server ID, so it never changes.
	Name fleet.AgentID `yaml:"name" json:"name" jsonschema_description:"Name of the agent: a DNS label, unique and for ever."`
	// Site where the agent is.
	Site fleet.SiteID `yaml:"site" json:"site" jsonschema_description:"Site of the fleet file where the agent is."`
	// DataDir holds the log, snapshots and the served state. Two agents never
	// share one.
	DataDir string `yaml:"data_dir" json:"data_dir" jsonschema_description:"Directory for the log, snapshots and the served state; relative to this file. One for each agent."`
	// Identity is the directory of the agent's key and certificate and the
	// fleet's authority. Default: pki in DataDir.
	Identity string `yaml:"identity,omitempty" json:"identity,omitempty" jsonschema_description:"Directory of the agent's key, certificate and authority, which agent init or agent join makes. Default: pki in data_dir."`
	// Fleet is proposed when the cluster has no fleet yet.
	Fleet string `yaml:"fleet,omitempty" json:"fleet,omitempty" jsonschema_description:"Fleet file that is proposed when a new cluster starts; later changes go through plan fleet and apply."`
	// DNS says where the name server listens.
	DNS DNS `yaml:"dns" json:"dns" jsonschema_description:"Where the name server listens."`
	// Raft says where other agents reach this one.
	Raft Raft `yaml:"raft" json:"raft" jsonschema_description:"Where other agents reach this one."`
	// API says where operators and other agents reach this one.
	API API `yaml:"api" json:"api" jsonschema_description:"Where operators and other agents reach this one."`
	// Gate may be absent: an agent that only answers DNS and probes.
	Gate *Gate `yaml:"gate,omitempty" json:"gate,omitempty" jsonschema_description:"How this site's SIP traffic is refused while the site is drained or dead. Absent: an agent that answers DNS and probes only."`
	// Peers are all agents, this one included.
	Peers []Peer `yaml:"peers" json:"peers" jsonschema:"minItems=1" jsonschema_description:"Every agent, this one included; the same list at all of them."`
	// PeerProxy is a SOCKS5 proxy for connections to peers.
	PeerProxy string `yaml:"peer_proxy,omitempty" json:"peer_proxy,omitempty" jsonschema_description:"SOCKS5 proxy for connections to peers: HOST:PORT."`
	// History says how long this agent keeps the past.
	History History `yaml:"history,omitempty" json:"history,omitzero" jsonschema_description:"How long this agent keeps the past for show, diff and rollback."`
	// DelayedCopy says how far behind a copy of the state is kept.
	DelayedCopy DelayedCopy `yaml:"delayed_copy,omitempty" json:"delayed_copy,omitzero" jsonschema_description:"A copy of the state, so far behind, that nothing replicated can touch."`
	// SecretsDir holds the passwords that the fleet file names.
	SecretsDir string `yaml:"secrets_dir,omitempty" json:"secrets_dir,omitempty" jsonschema_description:"Directory with a file for each secret that the fleet file names, mode 0600 at most; relative to this file. SIPSTEER_SECRET_NAME in the environment goes before it. Default: none."`
	// Commands and Directories are what exec and storage checks name.
	Commands    []Command   `yaml:"commands,omitempty" json:"commands,omitempty" jsonschema_description:"Commands that exec checks of the fleet file may name; no other is run."`
	Directories []Directory `yaml:"directories,omitempty" json:"directories,omitempty" jsonschema_description:"Directories that storage checks of the fleet file may name; nothing is written elsewhere."`
	// Notify says whom the leading agent tells of what happens.
	Notify Notify `yaml:"notify,omitempty" json:"notify,omitzero" jsonschema_description:"Whom the leading agent tells of what happens; the same at all agents. Default: nobody."`
	// Audit says where the audit trail is sent.
	Audit Audit `yaml:"audit,omitempty" json:"audit,omitzero" jsonschema_description:"Where the audit trail is sent as it grows; the same at all agents. Default: nowhere."`
	// StatusPage says where this agent writes the page for customers.
	StatusPage StatusPage `yaml:"status_page,omitempty" json:"status_page,omitzero" jsonschema_description:"Where this agent writes the page for customers: HTML, JSON and Atom. Default: nowhere."`
	// Readiness says how this agent looks for what would go wrong.
	Readiness Readiness `yaml:"readiness,omitempty" json:"readiness,omitzero" jsonschema_description:"How this agent looks for what would go wrong; the same at every agent."`
	// Outward says what runbooks may do outside of the program. Default: nothing.
	Outward Outward `yaml:"outward,omitempty" json:"outward,omitzero" jsonschema_description:"What runbooks may do outside of the program. Default: nothing."`
	// Log says how much is logged, how and where.
	Log Log `yaml:"log,omitempty" json:"log,omitzero" jsonschema_description:"How much is logged, how and where."`
}

// Outward says what runbooks may do outside of the program at this agent: it
// acts with the rights of the agent's user, so each place is named.
type Outward struct {
	// Exec lists the programs that a runbook may start, by their full path.
	Exec []string `yaml:"exec,omitempty" json:"exec,omitempty" jsonschema_description:"Programs that a runbook may start, by their full path."`
	// Webhooks lists the beginnings of URLs that a runbook may call.
	Webhooks []string `yaml:"webhooks,omitempty" json:"webhooks,omitempty" jsonschema_description:"Beginnings of URLs that a runbook may call: https://hooks.example.net/"`
	// Edge lists the methods that a runbook may have this site's edge do.
	Edge []string `yaml:"edge,omitempty" json:"edge,omitempty" jsonschema_description:"RPC methods that a runbook may have this site's edge do: dispatcher.reload. For gate.driver edge."`
}

// DNS says where the name server listens, on UDP and TCP each.
type DNS struct {
	// Listen must be an address that phones' resolvers reach.
	Listen []netip.AddrPort `yaml:"listen" json:"listen" jsonschema:"minItems=1" jsonschema_description:"Addresses and ports to answer on, over UDP and TCP."`
	// NSID is told to who asks for it (RFC 5001). Default: the agent's name.
	NSID string `yaml:"nsid,omitempty" json:"nsid,omitempty" jsonschema:"maxLength=128" jsonschema_description:"Told to who asks which server this is (RFC 5001). Default: the agent's name."`
	// Version is told in class CH. Default: refused, which tells least.
	Version string `yaml:"version,omitempty" json:"version,omitempty" jsonschema:"maxLength=128" jsonschema_description:"Told to who asks version.bind. Default: refused."`
	// WhyAllow are the networks that may ask for TXT at _why.NAME. They learn
	// which sites are down. Default: nobody.
	WhyAllow []netip.Prefix `yaml:"why_allow,omitempty" json:"why_allow,omitempty" jsonschema_description:"Networks that may ask for the reason of an answer: TXT at _why.NAME. They learn which sites are down. Default: nobody."`
	// TLS may be absent: no DNS over TLS.
	TLS *DNSTLS `yaml:"tls,omitempty" json:"tls,omitempty" jsonschema_description:"DNS over TLS (RFC 7858). Absent: none."`
	// ReportTo is told to resolvers.
	ReportTo string `yaml:"report_to,omitempty" json:"report_to,omitempty" jsonschema:"maxLength=253" jsonschema_description:"Domain to which resolvers report what fails with the answers, signatures above all (RFC 9567): that of a reporting agent of yours, outside of the zones here. Default: none."`
	// QueryLog may be absent: nothing is logged of what is asked.
	QueryLog *QueryLog `yaml:"query_log,omitempty" json:"query_log,omitempty" jsonschema_description:"Samples of questions and answers for a collector. Absent: none."`
	// Parent may be absent: nobody asks the zone above.
	Parent *Parent `yaml:"parent,omitempty" json:"parent,omitempty" jsonschema_description:"Name servers of the zone above: what a person says of it about the zone's keys is compared with what they answer. The same at every agent. Absent: nobody is asked, and the person is believed."`
	// Zones are files in master file format (RFC 1035 §5).
	Zones []ZoneFile `yaml:"zones,omitempty" json:"zones,omitempty" jsonschema_description:"Zone files (RFC 1035) for what else these name servers answer; the same at every agent."`
	// Keys sign transfers.
	Keys []TSIGKey `yaml:"keys,omitempty" json:"keys,omitempty" jsonschema_description:"Keys shared with secondaries (TSIG)."`
	// Secondaries follow the zones by NOTIFY, AXFR and IXFR.
	Secondaries []Secondary `yaml:"secondaries,omitempty" json:"secondaries,omitempty" jsonschema_description:"Name servers of others that follow by zone transfer."`
	// Updates are zones on name servers of others, kept by dynamic update.
	Updates []Update `yaml:"updates,omitempty" json:"updates,omitempty" jsonschema_description:"Zones on name servers of others that the leader keeps by dynamic update (RFC 2136); the same at every agent."`
}

// ZoneFile is a zone beside the steered one, or records beside the steered ones.
type ZoneFile struct {
	// Origin is the zone's name. With the fleet's zone it is a file without SOA
	// and NS records: what lives beside the steered names.
	Origin string `yaml:"origin" json:"origin" jsonschema_description:"Name of the zone. With the fleet's own zone the file has no SOA and NS records: it is what lives beside the steered names, and is taken with the next decision."`
	// File is read again when it changes; a broken one is refused whole, and
	// what was served before stays.
	File string `yaml:"file" json:"file" jsonschema_description:"Zone file; relative to this file. It is read again when it changes, with a higher serial. A broken one is refused whole."`
}

// Raft says where other agents reach this one.
type Raft struct {
	// Listen may be any address of the machine; then Advertise is needed.
	Listen string `yaml:"listen" json:"listen" jsonschema_description:"HOST:PORT to listen on for other agents."`
	// Advertise is what the others dial. Default: Listen.
	Advertise string `yaml:"advertise,omitempty" json:"advertise,omitempty" jsonschema_description:"HOST:PORT that the others dial. Default: listen."`
	// Profile: lan (round trips below 10 ms) or wan. Default wan. With lan over
	// a slow line the leader is lost at every hiccup.
	Profile string `yaml:"profile,omitempty" json:"profile,omitempty" jsonschema:"enum=lan,enum=wan" jsonschema_description:"lan for round trips below 10 ms; else wan, the default."`
}

// API says where the HTTP API listens.
type API struct {
	// Listen should be an address of the management network.
	Listen string `yaml:"listen" json:"listen" jsonschema_description:"HOST:PORT to listen on for operators and other agents."`
}

// Gate says how this site's SIP traffic is refused.
type Gate struct {
	// Driver is who refuses, and how traffic gets there. Default inline.
	Driver string `yaml:"driver,omitempty" json:"driver,omitempty" jsonschema:"enum=inline,enum=listen,enum=nftables,enum=edge,enum=exec" jsonschema_description:"Who refuses. inline, the default: all traffic passes the gate, which relays. listen: the gate waits on addresses that VRRP or BGP brings to this machine (Linux). nftables: the kernel of this machine, which the traffic passes, brings it to the gate while the site is drained (Linux). edge: a proxy that stands in front already. exec: a program that knows how, and that may bring the traffic to the gate."`
	// Fallback are the drivers that stand in, in this order, while the one
	// before them fails. Each needs what it needs as the driver.
	Fallback []string `yaml:"fallback,omitempty" json:"fallback,omitempty" jsonschema:"enum=nftables,enum=edge,enum=exec" jsonschema_description:"Drivers that stand in, in this order, while nftables, edge or exec fails: of nftables, edge, exec. Default: none; then the name servers' answers are what is left."`
	// Nftables says what the kernel leaves alone.
	Nftables GateNftables `yaml:"nftables,omitempty" json:"nftables,omitzero" jsonschema_description:"For the driver nftables."`
	// Edge says who refuses in place of the gate; for edge and exec.
	Edge GateEdge `yaml:"edge,omitempty" json:"edge,omitzero" jsonschema_description:"Who refuses in place of the gate, for the drivers edge and exec."`
	// Listen are the site's public SIP addresses in the fleet file.
	Listen []GateListener `yaml:"listen,omitempty" json:"listen,omitempty" jsonschema_description:"The site's public SIP addresses, as in the fleet file. Needed for inline and listen; for nftables other addresses or ports, each with the public one that it diverts; for exec where the program brings the traffic to; not for edge."`
	// Refusals is the rule table: who is refused in another way than by 503.
	// The first row that fits counts; the program's own rows follow.
	Refusals []Refusal `yaml:"refusals,omitempty" json:"refusals,omitempty" jsonschema_description:"Who is refused in another way than by 503: the first row that fits counts, and the program's own rows for known devices follow. Default: those rows only."`
	// Limits keep single sources and storms from taking the gate down.
	Limits GateLimits `yaml:"limits,omitempty" json:"limits,omitzero" jsonschema_description:"What keeps single sources and storms from taking the gate down. What is left out is at its default."`
	// Certificate and Key are PEM files, needed for tls and wss. The certificate is for
	// the services' names (RFC 5922 §7). Key has mode 0600 at most.
	Certificate string `yaml:"certificate,omitempty" json:"certificate,omitempty" jsonschema_description:"PEM file with the certificate for the services' names and its chain; needed for tls and wss. Relative to this file."`
	Key         string `yaml:"key,omitempty" json:"key,omitempty" jsonschema_description:"PEM file with its key, mode 0600 at most. Relative to this file."`
	// Certificates are further ones: each is served by the names that it is for.
	Certificates []CertificatePair `yaml:"certificates,omitempty" json:"certificates,omitempty" jsonschema_description:"Further certificates, each served by the names that it is for. All are followed: a changed file is served within seconds, a bad one is named and the one before it stays."`
	// UpstreamRoots is a PEM file of authorities for the softswitch's
	// certificate. Default: the machine's.
	UpstreamRoots string `yaml:"upstream_roots,omitempty" json:"upstream_roots,omitempty" jsonschema_description:"PEM file with the authorities for the softswitch's certificate. Default: those of the machine. Relative to this file."`
	// UpstreamServerName is the name that the softswitch's certificate is for.
	// Default: its IP address.
	UpstreamServerName string `yaml:"upstream_server_name,omitempty" json:"upstream_server_name,omitempty" jsonschema_description:"Name that the certificate of the softswitch is for. Default: its IP address."`
}

// GateEdge is who refuses in place of the gate.
type GateEdge struct {
	// Kamailio is the JSON-RPC socket of a Kamailio, for edge.
	Kamailio string `yaml:"kamailio,omitempty" json:"kamailio,omitempty" jsonschema_description:"For edge: HOST:PORT of the datagram socket of its module jsonrpcs. docs/gate.md has what to include in its configuration."`
	// OpenSIPS is the management interface of an OpenSIPS, for edge.
	OpenSIPS string `yaml:"opensips,omitempty" json:"opensips,omitempty" jsonschema_description:"For edge, in place of kamailio: HOST:PORT of the datagram socket of OpenSIPS' module mi_datagram, or the URL of its module mi_http, such as http://127.0.0.1:8888/mi. docs/gate.md has what to include in its configuration."`
	// FreeSWITCH is the event socket of a FreeSWITCH, for edge.
	FreeSWITCH string `yaml:"freeswitch,omitempty" json:"freeswitch,omitempty" jsonschema_description:"For edge, in place of kamailio: HOST:PORT of the event socket of a FreeSWITCH. It refuses calls; registrations leave by DNS. docs/gate.md has what to include in its dialplan."`
	// FreeSWITCHPasswordFile is private: mode 0600.
	FreeSWITCHPasswordFile string `yaml:"freeswitch_password_file,omitempty" json:"freeswitch_password_file,omitempty" jsonschema_description:"File with the password of that event socket, mode 0600 at most; relative to this file."`
	// Command is the program and its arguments, for exec.
	Command []string `yaml:"command,omitempty" json:"command,omitempty" jsonschema_description:"For exec: the program and its arguments. It gets an order in JSON on its standard input, and ends with 0 when it is followed."`
	// Transports are those that it serves.
	Transports []fleet.Transport `yaml:"transports,omitempty" json:"transports,omitempty" jsonschema_description:"Transports that it serves. Default: udp, tcp, tls."`
}

// CertificatePair is a certificate and its key.
type CertificatePair struct {
	// Certificate is a PEM file with its chain.
	Certificate string `yaml:"certificate" json:"certificate" jsonschema_description:"PEM file with the certificate and its chain. Relative to this file."`
	// Key is a PEM file, mode 0600 at most.
	Key string `yaml:"key" json:"key" jsonschema_description:"PEM file with its key, mode 0600 at most. Relative to this file."`
}

// GateListener is one public address of the gate.
type GateListener struct {
	// Transport: udp, tcp, tls, ws or wss.
	Transport fleet.Transport `yaml:"transport" json:"transport" jsonschema_description:"udp, tcp, tls, ws or wss."`
	// Address is IP:port.
	Address netip.AddrPort `yaml:"address" json:"address" jsonschema_description:"IP:PORT to listen on."`
	// Diverts is the public address that it stands in for, with nftables.
	Diverts netip.AddrPort `yaml:"diverts,omitempty" json:"diverts,omitzero" jsonschema_description:"For the driver nftables: the public IP:PORT whose packets the kernel brings here."`
}

// GateNftables is for the driver nftables.
type GateNftables struct {
	// Direct are networks whose packets always reach the softswitch. The other
	// agents are, as far as the peers have addresses.
	Direct []netip.Prefix `yaml:"direct,omitempty" json:"direct,omitempty" jsonschema_description:"Networks whose packets always reach the softswitch: agents whose checks come from other addresses than those of the peers, monitoring. Agents that are peers by IP address are added by themselves."`
}

// Peer is one agent as the others reach it.
type Peer struct {
	// Name and Site are as in that agent's own file.
	Name fleet.AgentID `yaml:"name" json:"name" jsonschema_description:"Name of the agent, as in its own file."`
	Site fleet.SiteID  `yaml:"site" json:"site" jsonschema_description:"Its site, as in its own file."`
	// Raft and API are HOST:PORT as the other agents dial them.
	Raft string `yaml:"raft" json:"raft" jsonschema_description:"HOST:PORT of its Raft, as the others dial it."`
	API  string `yaml:"api" json:"api" jsonschema_description:"HOST:PORT of its API, as the others dial it."`
}

// Command is a program that an exec check may run.
type Command struct {
	// Name is what the fleet file says under run.
	Name string `yaml:"name" json:"name" jsonschema_description:"What the fleet file says under run."`
	// Argv is the program and its arguments. No shell looks at them.
	Argv []string `yaml:"argv" json:"argv" jsonschema:"minItems=1" jsonschema_description:"The program, by its whole path, and its arguments. No shell looks at them."`
}

// Directory is where a storage check may write.
type Directory struct {
	// Name is what the fleet file says under directory.
	Name string `yaml:"name" json:"name" jsonschema_description:"What the fleet file says under directory."`
	// Path lies on the disk that the softswitch writes to.
	Path string `yaml:"path" json:"path" jsonschema_description:"A directory on the disk that the softswitch writes to; relative to this file."`
}

// Log says how much is logged, how and where.
type Log struct {
	// Level is the least that is logged. Default info.
	Level string `yaml:"level,omitempty" json:"level,omitempty" jsonschema:"enum=debug,enum=info,enum=warn,enum=error" jsonschema_description:"Least level that is logged. Default info."`
	// Format is json for machines, console for people. Default json.
	Format string `yaml:"format,omitempty" json:"format,omitempty" jsonschema:"enum=json,enum=console" jsonschema_description:"json, the default, or console for people."`
	// File is appended to. Default: standard error.
	File string `yaml:"file,omitempty" json:"file,omitempty" jsonschema_description:"File to append to; relative to this file. Default: standard error."`
}

// LoadAgent reads an agent file. The error is an *Error.
func LoadAgent(path string) (*Agent, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return ParseAgent(path, data)
}

// ParseAgent reads the text of an agent file at path. Unset settings of the
// result are at their defaults, and paths in it are absolute or relative to
// the working directory, like path itself. Files that it names must exist.
func ParseAgent(path string, data []byte) (*Agent, error) {
	d, err := parse(path, data)
	if err != nil {
		return nil, err
	}
	a := Agent{}
	d.decode(d.root, reflect.ValueOf(&a).Elem(), "$", 0)
	if a.Format > AgentFormat { // then other problems mean nothing
		d.problems, d.lost = nil, false
		d.format(a.Format, AgentFormat)
		return nil, d.err()
	}
	if !d.lost {
		a.defaults(filepath.Dir(path))
		(&agentCheck{document: d, agent: &a, sockets: map[string]string{}}).all()
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
	if a.History.Days == 0 {
		a.History.Days = defaultHistoryDays
	}
	if a.History.Megabytes == 0 {
		a.History.Megabytes = defaultHistoryMegabytes
	}
	if a.DelayedCopy.Hours == 0 {
		a.DelayedCopy.Hours = defaultDelayHours
	}
	set(&a.Log.Level, "info")
	set(&a.Log.Format, "json")
	files := []*string{&a.DataDir, &a.Fleet, &a.Log.File, &a.SecretsDir}
	files = append(files, &a.Identity)
	if a.Gate != nil {
		set(&a.Gate.Driver, "inline")
		files = append(files, &a.Gate.Certificate, &a.Gate.Key, &a.Gate.UpstreamRoots, &a.Gate.Edge.FreeSWITCHPasswordFile)
		for i := range a.Gate.Certificates {
			files = append(files, &a.Gate.Certificates[i].Certificate, &a.Gate.Certificates[i].Key)
		}
	}
	files = append(files, &a.StatusPage.Dir)
	for i := range a.StatusPage.Brands {
		files = append(files, &a.StatusPage.Brands[i].Dir)
	}
	for i := range a.Notify.Webhooks {
		files = append(files, &a.Notify.Webhooks[i].KeyFile)
	}
	for i := range a.Audit.Syslog {
		x := &a.Audit.Syslog[i]
		files = append(files, &x.CA, &x.Certificate, &x.Key)
	}
	for i := range a.Notify.Mail {
		files = append(files, &a.Notify.Mail[i].PasswordFile)
	}
	if t := a.DNS.TLS; t != nil {
		files = append(files, &t.Certificate, &t.Key)
	}
	for i := range a.DNS.Zones {
		files = append(files, &a.DNS.Zones[i].File)
	}
	for i := range a.DNS.Updates {
		if p := a.DNS.Updates[i].PowerDNS; p != nil {
			files = append(files, &p.KeyFile)
		}
		if r := a.DNS.Updates[i].Route53; r != nil {
			files = append(files, &r.KeyFile)
		}
	}
	for i := range a.Directories {
		files = append(files, &a.Directories[i].Path)
	}
	for i := range a.DNS.Keys {
		files = append(files, &a.DNS.Keys[i].SecretFile)
	}
	for _, f := range files {
		if *f != "" && !filepath.IsAbs(*f) {
			*f = filepath.Join(dir, *f)
		}
	}
	if a.Identity == "" && a.DataDir != "" {
		a.Identity = filepath.Join(a.DataDir, "pki")
	}
}
