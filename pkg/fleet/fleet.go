package fleet

import (
	"net/netip"
	"slices"
	"strings"
)

// Format is the version of the fleet file that this program writes. Files of
// an older format are read; a newer one is refused.
const Format = 1

// Fleet is all that one operator runs, as written in fleet.yaml.
type Fleet struct {
	// Format is the version of the file's form; now 1.
	Format int `json:"format" yaml:"format" jsonschema:"enum=1" jsonschema_description:"Version of this file's form."`
	// Zone is the DNS zone that the agents answer for, without the trailing
	// dot. Every service and every target lies inside it.
	Zone string `json:"zone" yaml:"zone" jsonschema_description:"DNS zone that the agents answer for, without the trailing dot: voice.example.net. Every service and host lies inside it."`
	// Hostmaster is the mailbox for the SOA record (RFC 1035 §3.3.13), written
	// as an address: hostmaster@example.net. Default: hostmaster@ZONE.
	Hostmaster string `json:"hostmaster,omitempty" yaml:"hostmaster,omitempty" jsonschema_description:"Mailbox for the SOA record: hostmaster@example.net. Default: hostmaster@ZONE."`
	// NameServers are published as the zone's NS set, in this order.
	NameServers []NameServer `json:"name_servers" yaml:"name_servers" jsonschema:"minItems=1" jsonschema_description:"Name servers of the zone: one for each agent that answers phones."`
	// Sites are the places that take traffic.
	Sites []Site `json:"sites" yaml:"sites" jsonschema:"minItems=1" jsonschema_description:"Places that take traffic."`
	// Services are the steered SIP domains.
	Services []Service `json:"services" yaml:"services" jsonschema:"minItems=1" jsonschema_description:"Steered SIP domains."`
	// TenantAnswers says how tenants' names are answered. Default expand.
	TenantAnswers TenantAnswers `json:"tenants,omitempty" yaml:"tenants,omitempty" jsonschema:"enum=expand,enum=cname" jsonschema_description:"How tenants' names are answered. expand: with the records of their service; cname: with a CNAME to them, which some phones do not follow. Default: expand."`
	// Policy holds what automation may do and the limits for operators.
	Policy Policy `json:"policy,omitzero" yaml:"policy,omitempty" jsonschema_description:"What automation may do, and the limits for operators."`
	// Checks says what is asked of the softswitches, and how often.
	Checks Checks `json:"checks,omitzero" yaml:"checks,omitempty" jsonschema_description:"What is asked of the softswitches, and how often."`
}

// NameServer is one member of the zone's NS set.
type NameServer struct {
	// Name is relative to the zone ("ns1") or, with a trailing dot, absolute.
	Name string `json:"name" yaml:"name" jsonschema_description:"Relative to the zone (ns1), or absolute with a trailing dot."`
	// Addresses are published as A and AAAA of Name; needed when Name is
	// inside the zone.
	Addresses []netip.Addr `json:"addresses,omitempty" yaml:"addresses,omitempty" jsonschema_description:"Addresses of a name server inside the zone; needed there."`
}

// Site is a place that takes traffic.
type Site struct {
	// Name is a DNS label.
	Name SiteID `json:"name" yaml:"name" jsonschema_description:"Name of the site: a DNS label."`
	// Host is the SRV target of the site, relative to the zone. Default:
	// sip.NAME. Each site has its own (phones remember a target by its name).
	Host string `json:"host,omitempty" yaml:"host,omitempty" jsonschema_description:"SRV target, relative to the zone; each site has its own. Default: sip.NAME."`
	// Addresses are the public SIP addresses (the gate), published as A and
	// AAAA of Host.
	Addresses []netip.Addr `json:"addresses" yaml:"addresses" jsonschema:"minItems=1" jsonschema_description:"Public SIP addresses: the gate."`
	// Ports overrides the public port of a transport. Default 5060, tls 5061.
	Ports map[Transport]uint16 `json:"ports,omitempty" yaml:"ports,omitempty" jsonschema_description:"Public port of a transport where it is not the usual one. Default: 5060, tls 5061, ws 80, wss 443."`
	// Softswitches are the SIP servers behind the gate.
	Softswitches []Softswitch `json:"softswitches" yaml:"softswitches" jsonschema:"minItems=1" jsonschema_description:"SIP servers behind the gate."`
	// Capacity is what the site can carry.
	Capacity Capacity `json:"capacity,omitzero" yaml:"capacity,omitempty" jsonschema_description:"What the site can carry. What is left out is not checked."`
	// FateGroups name what the site shares with others: a hypervisor, a
	// storage system, a carrier, a configuration push.
	FateGroups []string `json:"fate_groups,omitempty" yaml:"fate_groups,omitempty" jsonschema_description:"What the site shares with others: a hypervisor, a storage system, a carrier, a configuration push."`
}

// Capacity is what a site can carry. Zero means not stated: no check is made.
type Capacity struct {
	// Registrations is the number of bindings the site's registrar can hold.
	Registrations int `json:"registrations,omitempty" yaml:"registrations,omitempty" jsonschema:"minimum=1" jsonschema_description:"Bindings that the registrar can hold."`
	// Calls is the number of calls that may be up at once.
	Calls int `json:"calls,omitempty" yaml:"calls,omitempty" jsonschema:"minimum=1" jsonschema_description:"Calls that may be up at once."`
	// RegisterRate is REGISTER requests per second.
	RegisterRate int `json:"register_rate,omitempty" yaml:"register_rate,omitempty" jsonschema:"minimum=1" jsonschema_description:"REGISTER requests per second."`
	// TLSHandshakeRate is full TLS handshakes per second.
	TLSHandshakeRate int `json:"tls_handshake_rate,omitempty" yaml:"tls_handshake_rate,omitempty" jsonschema:"minimum=1" jsonschema_description:"Full TLS handshakes per second."`
}

// Softswitch is a SIP server at a site.
type Softswitch struct {
	Name SwitchID `json:"name" yaml:"name" jsonschema_description:"Name of the softswitch: a DNS label, unique in the fleet."`
	// Listeners: one for each transport and address.
	Listeners []Listener `json:"listeners" yaml:"listeners" jsonschema:"minItems=1" jsonschema_description:"Where it listens: one entry for each transport and address."`
}

// Listener is one transport and address of a softswitch.
type Listener struct {
	Transport Transport `json:"transport" yaml:"transport" jsonschema_description:"Transport of the listener."`
	// Address is IP:port, [IPv6]:port.
	Address netip.AddrPort `json:"address" yaml:"address" jsonschema_description:"IP:PORT of the listener."`
	// ServerName is sent as SNI and checked against the certificate (RFC 5922
	// §7: the SIP domain, not the SRV target). Default: the first service
	// that uses the site.
	ServerName string `json:"server_name,omitempty" yaml:"server_name,omitempty" jsonschema_description:"Name that the certificate must be for: the SIP domain, not the SRV target. Default: the first service that uses the site."`
	// Path is asked for when a WebSocket is opened (ws, wss). Default /.
	Path string `json:"path,omitempty" yaml:"path,omitempty" jsonschema_description:"ws and wss: path asked for when a WebSocket is opened. Default: /"`
}

// Automation says what the program may do by itself for a service.
type Automation string

// The grades of automation. The zero value is the safest: AutomationAdvise.
const (
	AutomationOff    Automation = "off"    // watch only
	AutomationAdvise Automation = "advise" // propose; a person approves
	AutomationAct    Automation = "act"    // move traffic by itself, inside the guards
)

// Service is a steered SIP domain.
type Service struct {
	// Name is the SIP domain, inside the zone.
	Name ServiceID `json:"name" yaml:"name" jsonschema_description:"SIP domain, inside the zone."`
	// Sites in order of preference, best first.
	Sites []SiteID `json:"sites" yaml:"sites" jsonschema:"minItems=1" jsonschema_description:"Sites in the order of preference, best first."`
	// Transports offered, best first: this is the NAPTR order.
	Transports []Transport `json:"transports" yaml:"transports" jsonschema:"minItems=1" jsonschema_description:"Transports offered, best first; this is the NAPTR order."`
	// TTL overrides the policy's.
	TTL TTL `json:"ttl,omitzero" yaml:"ttl,omitempty" jsonschema_description:"Overrides the policy's DNS lifetimes."`
	// Automation: off, advise or act. Default advise.
	Automation Automation `json:"automation,omitempty" yaml:"automation,omitempty" jsonschema:"enum=off,enum=advise,enum=act" jsonschema_description:"off: watch only; advise: propose, a person approves; act: move traffic by itself, inside the guards. Default: advise."`
	// Shares lets the first sites of the preference take new phones together,
	// in proportion to their weights (RFC 2782). Default: the first takes all.
	Shares []Share `json:"shares,omitempty" yaml:"shares,omitempty" jsonschema_description:"Lets the first sites of the preference take new phones together, in proportion to weights. Default: the first takes all."`
	// Load is what the service's phones amount to in the busiest hour. With the
	// sites' capacities it says whether the others can carry what a site leaves.
	Load Load `json:"load,omitzero" yaml:"load,omitempty" jsonschema_description:"What the service's phones amount to in the busiest hour. What is left out is not checked against the sites' capacities."`
	// MinSites overrides the policy's.
	MinSites int `json:"min_sites,omitempty" yaml:"min_sites,omitempty" jsonschema:"minimum=1" jsonschema_description:"How many sites must stay in the answer. Default: the policy's."`
}

// Share is a site's part of a preference that several sites share.
type Share struct {
	Site   SiteID `json:"site" yaml:"site" jsonschema_description:"One of the first sites of the preference."`
	Weight int    `json:"weight" yaml:"weight" jsonschema:"minimum=1,maximum=100" jsonschema_description:"Its part, in proportion to the other weights."`
}

// Load is what phones amount to. Zero means not stated.
type Load struct {
	Registrations int `json:"registrations,omitempty" yaml:"registrations,omitempty" jsonschema:"minimum=1" jsonschema_description:"Bindings."`
	Calls         int `json:"calls,omitempty" yaml:"calls,omitempty" jsonschema:"minimum=1" jsonschema_description:"Calls that are up at once."`
}

// Weight returns the site's share, and whether the service shares it among
// others.
func (s *Service) Weight(site SiteID) (weight int, shared bool) {
	for _, x := range s.Shares {
		if x.Site == site {
			return x.Weight, true
		}
	}
	return 0, false
}

// TTL holds the DNS lifetimes of steered record sets.
type TTL struct {
	// Normal is used while every site of the service is in and healthy.
	Normal Duration `json:"normal,omitzero" yaml:"normal,omitempty" jsonschema_description:"While every site of the service is in and healthy."`
	// Event is used while anything is drained, out, or down.
	Event Duration `json:"event,omitzero" yaml:"event,omitempty" jsonschema_description:"While anything is drained, out or down."`
}

// FQDN returns name, relative to the zone, as an absolute lower-case name
// with a trailing dot. A name that has a trailing dot is absolute already.
func (f *Fleet) FQDN(name string) string {
	name = strings.ToLower(name)
	if strings.HasSuffix(name, ".") {
		return name
	}
	return name + "." + f.Zone + "."
}

// Site returns the site with that name, or nil.
func (f *Fleet) Site(id SiteID) *Site {
	for i := range f.Sites {
		if f.Sites[i].Name == id {
			return &f.Sites[i]
		}
	}
	return nil
}

// Service returns the service with that name, or nil.
func (f *Fleet) Service(id ServiceID) *Service {
	for i := range f.Services {
		if f.Services[i].Name == id {
			return &f.Services[i]
		}
	}
	return nil
}

// SiteIDs returns the sites' names in the file's order.
func (f *Fleet) SiteIDs() []SiteID {
	ids := make([]SiteID, len(f.Sites))
	for i := range f.Sites {
		ids[i] = f.Sites[i].Name
	}
	return ids
}

// HostName returns the absolute SRV target of the site.
func (f *Fleet) HostName(s *Site) string {
	if s.Host != "" {
		return f.FQDN(s.Host)
	}
	return f.FQDN("sip." + string(s.Name))
}

// Port returns the public port of the transport at the site.
func (s *Site) Port(t Transport) uint16 {
	if p, ok := s.Ports[t]; ok {
		return p
	}
	return t.DefaultPort()
}

// Serves reports whether any softswitch of the site listens on the transport.
func (s *Site) Serves(t Transport) bool {
	for i := range s.Softswitches {
		for j := range s.Softswitches[i].Listeners {
			if s.Softswitches[i].Listeners[j].Transport == t {
				return true
			}
		}
	}
	return false
}

// Transports returns the transports that the site's softswitches listen on,
// in the order of their values.
func (s *Site) Transports() []Transport {
	var ts []Transport
	for _, t := range Transports {
		if s.Serves(t) {
			ts = append(ts, t)
		}
	}
	return ts
}

// ServiceTTL returns the lifetimes in force for the service.
func (f *Fleet) ServiceTTL(s *Service) TTL {
	ttl := f.Policy.TTL()
	if s.TTL.Normal != 0 {
		ttl.Normal = s.TTL.Normal
	}
	if s.TTL.Event != 0 {
		ttl.Event = s.TTL.Event
	}
	return ttl
}

// ServiceMinSites returns the number of sites that must stay in the answers.
func (f *Fleet) ServiceMinSites(s *Service) int {
	if s.MinSites > 0 {
		return s.MinSites
	}
	return f.Policy.MinSites
}

// ServerName returns the name to send as SNI to the listener and to check its
// certificate against: its own, or the first service that uses the site.
func (f *Fleet) ServerName(site SiteID, l Listener) string {
	if l.ServerName != "" {
		return l.ServerName
	}
	for i := range f.Services {
		if slices.Contains(f.Services[i].Sites, site) {
			return string(f.Services[i].Name)
		}
	}
	return f.Zone
}
