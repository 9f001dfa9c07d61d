package fleet

import (
	"cmp"
	"net/netip"
	"slices"
)

// ExtraKinds names the kinds of further checks, as written under checks.extra.
var ExtraKinds = []string{"tcp", "http", "dns", "exec", "storage", "metrics", "call", "certificates"}

// Extra is a further check, asked of each softswitch that it names; dns is
// asked of the fleet's name servers instead.
type Extra struct {
	// Name is a DNS label. Together with the kind it names the check.
	Name string `json:"name" yaml:"name" jsonschema_description:"Name of the check: a DNS label."`
	// Kind is one of ExtraKinds.
	Kind string `json:"kind" yaml:"kind" jsonschema:"enum=tcp,enum=http,enum=dns,enum=exec,enum=storage,enum=metrics,enum=call,enum=certificates" jsonschema_description:"What is done: connect, ask over HTTP, ask the fleet's name servers, run a command, write to a disk, judge numbers of the softswitch, place a call, ask for the certificate of every tenant."`
	// Softswitches that are asked. Default: all.
	Softswitches []SwitchID `json:"softswitches,omitempty" yaml:"softswitches,omitempty" jsonschema_description:"Softswitches that are asked. Default: all."`
	// Steers says that a softswitch for which this check is down counts as down,
	// on the Transports. Default: it is only shown.
	Steers bool `json:"steers,omitempty" yaml:"steers,omitempty" jsonschema_description:"Whether a softswitch for which this check is down counts as down. Default: it is only shown."`
	// Transports that are down with it. Default: all of the softswitch's.
	Transports []Transport `json:"transports,omitempty" yaml:"transports,omitempty" jsonschema_description:"With steers: transports that count as down. Default: all of the softswitch's."`

	// Port of tcp, http and metrics, at the address of the softswitch's first
	// listener; of dns, at the name servers.
	Port uint16 `json:"port,omitempty" yaml:"port,omitempty" jsonschema:"minimum=1" jsonschema_description:"Port of tcp, http and metrics, at the address of the softswitch's first listener; of dns, at the name servers. Default: http 80 or 443, dns 53; tcp and metrics have none."`
	// Secure speaks HTTP over TLS.
	Secure bool `json:"secure,omitempty" yaml:"secure,omitempty" jsonschema_description:"http, metrics: over TLS, with the certificate checked."`
	// Path is asked for over HTTP.
	Path string `json:"path,omitempty" yaml:"path,omitempty" jsonschema_description:"http, metrics: what is asked for. Default: / for http, what is usual for the source for metrics."`
	// ExpectStatus lists HTTP status codes that are good. Default 200.
	ExpectStatus []int `json:"expect_status,omitempty" yaml:"expect_status,omitempty" jsonschema_description:"http: status codes that are good. Default: 200."`
	// Contains must be in the answer: in what a tcp listener says first, in the
	// body over http, in a record's text of dns.
	Contains string `json:"contains,omitempty" yaml:"contains,omitempty" jsonschema_description:"Text that must be in the answer: what a tcp listener says first, the http body, a dns record."`
	// Question and Type are what dns asks for.
	Question string `json:"question,omitempty" yaml:"question,omitempty" jsonschema_description:"dns: name that is asked for, absolute or relative to the zone."`
	Type     string `json:"type,omitempty" yaml:"type,omitempty" jsonschema:"enum=A,enum=AAAA,enum=SRV,enum=NAPTR,enum=SOA,enum=NS" jsonschema_description:"dns: type that is asked for. Default: SRV."`
	// Resolvers of others are asked by dns in place of the fleet's name servers,
	// each from every agent: what they answer is what phones behind them are told,
	// the way of delegation and their caches included.
	Resolvers []netip.Addr `json:"resolvers,omitempty" yaml:"resolvers,omitempty" jsonschema_description:"dns: addresses of resolvers of others that are asked, in place of the fleet's own name servers: what they answer is what phones behind them are told. At most 16."`
	// Run names a command, Directory a directory, of each agent's own file.
	Run       string `json:"run,omitempty" yaml:"run,omitempty" jsonschema_description:"exec: name of a command in the agent file. A command line never stands in the fleet file: who may change the fleet could run anything anywhere."`
	Directory string `json:"directory,omitempty" yaml:"directory,omitempty" jsonschema_description:"storage: name of a directory in the agent file."`
	// Slow is the latency from which storage fails. Default: never.
	Slow Duration `json:"slow,omitzero" yaml:"slow,omitempty" jsonschema_description:"storage: latency of one write with fsync from which the check fails. Default: only the timeout counts."`

	// Source, Secret, Over and Numbers are what metrics reads and judges.
	Source  string   `json:"source,omitempty" yaml:"source,omitempty" jsonschema:"enum=prometheus,enum=kamailio,enum=opensips,enum=opensips-datagram,enum=freeswitch,enum=json" jsonschema_description:"metrics: where the numbers come from: a Prometheus page, Kamailio's JSON-RPC over HTTP, OpenSIPS' management interface over HTTP or UDP, FreeSWITCH's event socket, any JSON over HTTP."`
	Secret  string   `json:"secret,omitempty" yaml:"secret,omitempty" jsonschema_description:"metrics of freeswitch: name of the event socket's password in each agent's secrets, as for canaries."`
	Over    Duration `json:"over,omitzero" yaml:"over,omitempty" jsonschema_description:"metrics: counters are counted, and levels smoothed, over so long. Default: 1m."`
	Numbers []Number `json:"numbers,omitempty" yaml:"numbers,omitempty" jsonschema_description:"metrics: what is read, and when it is wrong."`

	// To or ToSite is who is called by the site's canary; Audio what must be
	// heard; Talk how long the call is up; Loss the share of audio that may be
	// lost.
	To     string   `json:"to,omitempty" yaml:"to,omitempty" jsonschema_description:"call: number, or number@domain, that echoes or announces."`
	ToSite SiteID   `json:"to_site,omitempty" yaml:"to_site,omitempty" jsonschema_description:"call: site whose canary takes the call, instead of a number: it logs in there and is called."`
	Audio  string   `json:"audio,omitempty" yaml:"audio,omitempty" jsonschema:"enum=none,enum=announce,enum=echo" jsonschema_description:"call: what must be heard: nothing (none), anything (announce), what we say (echo). Default: announce."`
	Talk   Duration `json:"talk,omitzero" yaml:"talk,omitempty" jsonschema_description:"call: how long it is up. Default: 2s."`
	Loss   float64  `json:"loss,omitempty" yaml:"loss,omitempty" jsonschema:"minimum=0" jsonschema_description:"call: share of the audio that may be lost. Default: 0.1."`

	// Cycle is in what time the certificates of all names are asked for.
	Cycle Duration `json:"cycle,omitzero" yaml:"cycle,omitempty" jsonschema_description:"certificates: in what time every name is asked for once. Default: 1h."`

	// Interval, Timeout, Fall, Reset and Rise as in Checks.
	Interval Duration `json:"interval,omitzero" yaml:"interval,omitempty" jsonschema_description:"Between two probes. Default: as for all checks."`
	Timeout  Duration `json:"timeout,omitzero" yaml:"timeout,omitempty" jsonschema_description:"After which a probe has failed. Default: as for all checks."`
	Fall     int      `json:"fall,omitempty" yaml:"fall,omitempty" jsonschema:"minimum=1" jsonschema_description:"Failures in total that make it down. Default: as for all checks."`
	Reset    int      `json:"reset,omitempty" yaml:"reset,omitempty" jsonschema:"minimum=1" jsonschema_description:"Successes in a row that forget failures. Default: as for all checks."`
	Rise     int      `json:"rise,omitempty" yaml:"rise,omitempty" jsonschema:"minimum=1" jsonschema_description:"Successes in a row that make it up again. Default: as for all checks."`
}

// Local reports whether only the agents at a softswitch's own site can ask.
func (e *Extra) Local() bool {
	return e.Kind == "exec" || e.Kind == "storage" || e.Kind == "metrics" || e.Kind == "certificates"
}

// Asks reports whether the check is asked of the softswitch.
func (e *Extra) Asks(sw SwitchID) bool {
	return e.Kind != "dns" && (len(e.Softswitches) == 0 || slices.Contains(e.Softswitches, sw))
}

// Times returns the check's settings in force. c has its defaults.
func (e *Extra) Times(c Checks) CheckTimes {
	own := CheckTimes{Kind: e.Kind, Interval: e.Interval, Timeout: e.Timeout, Fall: e.Fall, Reset: e.Reset, Rise: e.Rise}
	if e.Kind == "call" {
		own.Interval, own.Timeout = cmp.Or(own.Interval, callInterval), cmp.Or(own.Timeout, callTimeout)
		own.Fall, own.Reset, own.Rise = cmp.Or(own.Fall, 2), cmp.Or(own.Reset, 2), cmp.Or(own.Rise, 2)
	}
	if e.Kind == "certificates" { // a bad one is bad at the first look
		own.Fall, own.Reset, own.Rise = cmp.Or(own.Fall, 1), cmp.Or(own.Reset, 1), cmp.Or(own.Rise, 1)
	}
	c.Kinds = []CheckTimes{own}
	return c.Of(e.Kind)
}

// Counts lists the transports of the softswitch that are down when the check
// is; without Steers only the first, under which the check is shown.
func (e *Extra) Counts(sw *Softswitch) []Transport {
	var out []Transport
	for _, l := range sw.Listeners {
		switch {
		case slices.Contains(out, l.Transport):
		case !e.Steers:
			return []Transport{l.Transport}
		case len(e.Transports) == 0 || slices.Contains(e.Transports, l.Transport):
			out = append(out, l.Transport)
		}
	}
	return out
}

// AddressAt is where tcp, http and metrics connect to.
func (e *Extra) AddressAt(sw *Softswitch) netip.AddrPort {
	port := e.Port
	if port == 0 && e.Kind == "http" {
		port = 80
		if e.Secure {
			port = 443
		}
	}
	return netip.AddrPortFrom(sw.Listeners[0].Address.Addr(), port)
}
