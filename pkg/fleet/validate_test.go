package fleet_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
)

func TestValidateAcceptsTheSample(t *testing.T) {
	if p := fleet.Validate(fleettest.ThreeSites()); len(p) > 0 {
		t.Fatalf("problems: %+v", p)
	}
}

// TestValidate breaks the sample in one place each and looks for the problem at
// its place.
func TestValidate(t *testing.T) {
	tests := []struct {
		name, path, message string
		breakIt             func(f *fleet.Fleet)
	}{
		{"newer format", "$.format", "format 2", func(f *fleet.Fleet) { f.Format = 2 }},
		{"empty zone", "$.zone", "is missing", func(f *fleet.Fleet) { f.Zone = "" }},
		{"zone with upper case", "$.zone", "'V'", func(f *fleet.Fleet) { f.Zone = "Voice.example.net" }},
		{"no mailbox", "$.hostmaster", "not a mailbox", func(f *fleet.Fleet) { f.Hostmaster = "root" }},
		{"no name servers", "$.name_servers", "no name servers", func(f *fleet.Fleet) { f.NameServers = nil }},
		{"name server without address", "$.name_servers[0].addresses", "needs an address", func(f *fleet.Fleet) { f.NameServers[0].Addresses = nil }},
		{"no sites", "$.sites", "no sites", func(f *fleet.Fleet) { f.Sites = nil }},
		{"site twice", "$.sites[1].name", "stands already at $.sites[0].name", func(f *fleet.Fleet) { f.Sites[1].Name = "calgary" }},
		{"site name with a dot", "$.sites[0].name", "'.'", func(f *fleet.Fleet) { f.Sites[0].Name = "cal.gary" }},
		{"host like a service", "$.services[0].name", "used already at $.sites[0].host", func(f *fleet.Fleet) { f.Sites[0].Host = "west" }},
		{"no public address", "$.sites[2].addresses", "no public address", func(f *fleet.Fleet) { f.Sites[2].Addresses = nil }},
		{"unspecified address", "$.sites[2].addresses[0]", "unspecified", func(f *fleet.Fleet) { f.Sites[2].Addresses[0] = netip.MustParseAddr("0.0.0.0") }},
		{"gate where another softswitch is", "$.sites[1].addresses[0]", "used already at $.sites[0].softswitches[0].listeners[0].address", func(f *fleet.Fleet) {
			f.Sites[1].Addresses[0] = f.Sites[0].Softswitches[0].Listeners[0].Address.Addr()
		}},
		{"listener twice", "$.sites[1].softswitches[0].listeners[0].address", "used already", func(f *fleet.Fleet) {
			f.Sites[1].Softswitches[0].Listeners[0].Address = f.Sites[0].Softswitches[0].Listeners[0].Address
		}},
		{"softswitch twice", "$.sites[1].softswitches[0].name", "stands already", func(f *fleet.Fleet) { f.Sites[1].Softswitches[0].Name = "calgary-1" }},
		{"no port", "$.sites[0].softswitches[0].listeners[1].address", "no port", func(f *fleet.Fleet) {
			l := &f.Sites[0].Softswitches[0].Listeners[1]
			l.Address = netip.AddrPortFrom(l.Address.Addr(), 0)
		}},
		{"negative capacity", "$.sites[0].capacity.calls", "below zero", func(f *fleet.Fleet) { f.Sites[0].Capacity.Calls = -1 }},
		{"service outside the zone", "$.services[0].name", "not inside the zone", func(f *fleet.Fleet) { f.Services[0].Name = "west.example.org" }},
		{"service twice", "$.services[1].name", "used already", func(f *fleet.Fleet) { f.Services[1].Name = f.Services[0].Name }},
		{"unknown site", "$.services[0].sites[1]", `no site is called "vancuver"`, func(f *fleet.Fleet) { f.Services[0].Sites[1] = "vancuver" }},
		{"site twice in a preference", "$.services[0].sites[2]", "twice", func(f *fleet.Fleet) { f.Services[0].Sites[2] = "calgary" }},
		{"empty preference", "$.services[0].sites", "prefers no site", func(f *fleet.Fleet) { f.Services[0].Sites = nil }},
		{"transport that a site lacks", "$.services[0].transports[0]", "no softswitch of site ottawa listens on ws", func(f *fleet.Fleet) { f.Services[0].Transports[0] = fleet.WS }},
		{"TTL below the floor", "$.services[1].ttl.normal", "below the floor 5s", func(f *fleet.Fleet) { f.Services[1].TTL.Normal = fleet.Duration(time.Second) }},
		{"event TTL above the normal", "$.policy.ttl_event", "above the normal", func(f *fleet.Fleet) { f.Policy.TTLEvent = fleet.Duration(time.Hour) }},
		{"TTL in milliseconds", "$.policy.ttl_normal", "whole seconds", func(f *fleet.Fleet) { f.Policy.TTLNormal = fleet.Duration(60500 * time.Millisecond) }},
		{"min_sites above the sites", "$.services[0].min_sites", "min_sites is 4", func(f *fleet.Fleet) { f.Services[0].MinSites = 4 }},
		{"all sites out", "$.policy.max_sites_out", "max_sites_out is 3", func(f *fleet.Fleet) { f.Policy.MaxSitesOut = 3 }},
		{"max_for above the limit", "$.policy.max_for", "73h", func(f *fleet.Fleet) { f.Policy.MaxFor = fleet.Duration(73 * time.Hour) }},
		{"failback that does not end", "$.policy.failback_steps", "the last step is 50", func(f *fleet.Fleet) { f.Policy.FailbackSteps = []int{5, 50} }},
		{"isolation by nobody", "$.policy.isolate.automation", `automation is "maybe"`, func(f *fleet.Fleet) { f.Policy.Isolate.Automation = "maybe" }},
		{"isolation of all", "$.policy.isolate.max_sources", "max_sources is 21", func(f *fleet.Fleet) { f.Policy.Isolate.MaxSources = 21 }},
		{"isolation of what is usual", "$.policy.isolate.times", "times is 1", func(f *fleet.Fleet) { f.Policy.Isolate.Times = 1 }},
		{"isolation for too long", "$.policy.isolate.for", "for is 73h", func(f *fleet.Fleet) { f.Policy.Isolate.For = fleet.Duration(73 * time.Hour) }},
		{"isolation that learns for ever", "$.policy.isolate.learn", "learn is 48h", func(f *fleet.Fleet) { f.Policy.Isolate.Learn = fleet.Duration(48 * time.Hour) }},
		{"isolation by a blink", "$.policy.isolate.window", "window is 500ms", func(f *fleet.Fleet) { f.Policy.Isolate.Window = fleet.Duration(500 * time.Millisecond) }},
		{"failback that goes back", "$.policy.failback_steps[1]", "step 5 after 50", func(f *fleet.Fleet) { f.Policy.FailbackSteps = []int{50, 5, 100} }},
		{"retry after upside down", "$.policy.retry_after_min", "from 20 to 10", func(f *fleet.Fleet) { f.Policy.RetryAfterMin = 20 }},
		{"emergency number with letters", "$.policy.emergency_numbers[0]", "nine", func(f *fleet.Fleet) { f.Policy.EmergencyNumbers = []string{"nine"} }},
		{"OPTIONS for ever", "$.checks.max_forwards", "max_forwards is 71", func(f *fleet.Fleet) { n := 71; f.Checks.MaxForwards = &n }},
		{"hold-down for days", "$.checks.max_hold", "max_hold is 48h", func(f *fleet.Fleet) { f.Checks.MaxHold = fleet.Duration(48 * time.Hour) }},
		{"timeout above the interval", "$.checks.timeout", "timeout is 10s", func(f *fleet.Fleet) { f.Checks.Timeout = fleet.Duration(10 * time.Second) }},
		{"a made up 408 as life", "$.checks.expect_status[0]", "status 408", func(f *fleet.Fleet) { f.Checks.ExpectStatus = []int{408} }},
		{"more observers than sites", "$.checks.min_remote", "min_remote is 3", func(f *fleet.Fleet) { n := 3; f.Checks.MinRemote = &n }},
		{"unknown automation", "$.services[0].automation", `"on"`, func(f *fleet.Fleet) { f.Services[0].Automation = "on" }},
		{"unknown way to answer tenants", "$.tenants", `"copy"`, func(f *fleet.Fleet) { f.TenantAnswers = "copy" }},
		{"no format", "$.format", "missing", func(f *fleet.Fleet) { f.Format = 0 }},
		{"zone with a trailing dot", "$.zone", "ends with a dot", func(f *fleet.Fleet) { f.Zone += "." }},
		{"zone without room", "$.zone", "too long", func(f *fleet.Fleet) { f.Zone = strings.Repeat("abcdefghi.", 25) + "net" }},
		{"label over 63 octets", "$.sites[0].name", "64 octets", func(f *fleet.Fleet) { f.Sites[0].Name = fleet.SiteID(strings.Repeat("a", 64)) }},
		{"hyphen at the end", "$.sites[0].name", "hyphen", func(f *fleet.Fleet) { f.Sites[0].Name = "calgary-" }},
		{"mailbox that is no label", "$.hostmaster", "not a mailbox", func(f *fleet.Fleet) { f.Hostmaster = "host master@example.net" }},
		{"name server twice", "$.name_servers[1].name", "used already at $.name_servers[0].name", func(f *fleet.Fleet) { f.NameServers[1].Name = "ns1" }},
		{"name server is the zone", "$.name_servers[0].name", "the zone itself", func(f *fleet.Fleet) { f.NameServers[0].Name = "voice.example.net." }},
		{"address of a foreign name server", "$.name_servers[0].addresses", "outside the zone", func(f *fleet.Fleet) { f.NameServers[0].Name = "ns.example.org." }},
		{"host outside the zone", "$.sites[0].host", "not inside the zone", func(f *fleet.Fleet) { f.Sites[0].Host = "sip.example.org." }},
		{"host is the zone", "$.sites[0].host", "the zone itself", func(f *fleet.Fleet) { f.Sites[0].Host = "voice.example.net." }},
		{"host is a generated name", "$.sites[0].host", "'_'", func(f *fleet.Fleet) { f.Sites[0].Host = "_sip._udp.west" }},
		{"host below a service", "$.sites[0].host", "lies below the name at $.services[0].name", func(f *fleet.Fleet) { f.Sites[0].Host = "sip.west" }},
		{"host below a name server", "$.sites[0].host", "lies below the name at $.name_servers[0].name", func(f *fleet.Fleet) { f.Sites[0].Host = "sip.ns1" }},
		{"host twice", "$.sites[1].host", "used already at $.sites[0].host", func(f *fleet.Fleet) { f.Sites[1].Host = "sip.calgary" }},
		{"host like a name server", "$.sites[1].host", "used already at $.name_servers[0].name", func(f *fleet.Fleet) { f.Sites[1].Host = "ns1" }},
		{"service is the zone", "$.services[0].name", "the zone itself", func(f *fleet.Fleet) { f.Services[0].Name = "voice.example.net" }},
		{"service with a trailing dot", "$.services[0].name", "ends with a dot", func(f *fleet.Fleet) { f.Services[0].Name += "." }},
		{"service without room for _sips._tcp", "$.services[0].name", "too long", func(f *fleet.Fleet) {
			f.Services[0].Name = fleet.ServiceID(strings.Repeat("abcdefghi.", 23) + "voice.example.net")
		}},
		{"multicast", "$.sites[0].addresses[0]", "multicast", func(f *fleet.Fleet) { f.Sites[0].Addresses[0] = netip.MustParseAddr("224.0.0.1") }},
		{"IPv4 in IPv6", "$.sites[0].addresses[0]", "write 192.0.2.1", func(f *fleet.Fleet) { f.Sites[0].Addresses[0] = netip.MustParseAddr("::ffff:192.0.2.1") }},
		{"interface zone", "$.sites[0].addresses[0]", "interface zone", func(f *fleet.Fleet) { f.Sites[0].Addresses[0] = netip.MustParseAddr("fe80::1%eth0") }},
		{"public address twice", "$.sites[0].addresses[1]", "stands twice", func(f *fleet.Fleet) {
			f.Sites[0].Addresses = append(f.Sites[0].Addresses, f.Sites[0].Addresses[0])
		}},
		{"gate of two sites", "$.sites[1].addresses[0]", "used already at $.sites[0].addresses[0]", func(f *fleet.Fleet) { f.Sites[1].Addresses[0] = f.Sites[0].Addresses[0] }},
		{"tls on the port of tcp", "$.sites[0].ports.tls", "127.10.1.2:5060 for tls is used already", func(f *fleet.Fleet) {
			f.Sites[0].Ports = map[fleet.Transport]uint16{fleet.TLS: 5060}
		}},
		{"public port 0", "$.sites[0].ports.tls", "port 0", func(f *fleet.Fleet) { f.Sites[0].Ports = map[fleet.Transport]uint16{fleet.TLS: 0} }},
		{"port of a transport that is not there", "$.sites[0].ports.ws", "no softswitch of site calgary listens on ws", func(f *fleet.Fleet) {
			f.Sites[0].Ports = map[fleet.Transport]uint16{fleet.WS: 8080}
		}},
		{"softswitch that hears nothing", "$.sites[0].softswitches[0].listeners", "no listener", func(f *fleet.Fleet) { f.Sites[0].Softswitches[0].Listeners = nil }},
		{"site without softswitch", "$.sites[0].softswitches", "no softswitch", func(f *fleet.Fleet) { f.Sites[0].Softswitches = nil }},
		{"path of a listener over udp", "$.sites[0].softswitches[0].listeners[0].path", "means nothing to a listener over udp", func(f *fleet.Fleet) { f.Sites[0].Softswitches[0].Listeners[0].Path = "/ws" }},
		{"path that breaks a line", "$.sites[0].softswitches[0].listeners[0].path", "path \"/ HTTP/1.1\\r\\nX: y\"", func(f *fleet.Fleet) {
			f.Sites[0].Softswitches[0].Listeners[0].Transport, f.Sites[0].Softswitches[0].Listeners[0].Path = fleet.WS, "/ HTTP/1.1\r\nX: y"
		}},
		{"listener without transport", "$.sites[0].softswitches[0].listeners[0].transport", "no transport", func(f *fleet.Fleet) { f.Sites[0].Softswitches[0].Listeners[0].Transport = 0 }},
		{"server name that is none", "$.sites[0].softswitches[0].listeners[0].server_name", "an empty part", func(f *fleet.Fleet) { f.Sites[0].Softswitches[0].Listeners[0].ServerName = "a..b" }},
		{"fate group twice", "$.sites[0].fate_groups[1]", "twice", func(f *fleet.Fleet) { f.Sites[0].FateGroups = []string{"san", "san"} }},
		{"no services", "$.services", "no services", func(f *fleet.Fleet) { f.Services = nil }},
		{"no transports", "$.services[0].transports", "offers no transport", func(f *fleet.Fleet) { f.Services[0].Transports = nil }},
		{"transport twice", "$.services[0].transports[1]", "tls stands twice", func(f *fleet.Fleet) { f.Services[0].Transports = []fleet.Transport{fleet.TLS, fleet.TLS} }},
		{"event TTL of a service above its normal one", "$.services[0].ttl.event", "above the normal", func(f *fleet.Fleet) { f.Services[0].TTL.Normal = fleet.Duration(20 * time.Second) }},
		{"TTL over a day", "$.policy.ttl_normal", "too long", func(f *fleet.Fleet) { f.Policy.TTLNormal = fleet.Duration(25 * time.Hour) }},
		{"no floor", "$.policy.ttl_floor", "500ms", func(f *fleet.Fleet) { f.Policy.TTLFloor = fleet.Duration(500 * time.Millisecond) }},
		{"negative min_sites", "$.services[0].min_sites", "-1", func(f *fleet.Fleet) { f.Services[0].MinSites = -1 }},
		{"drain priority among the others", "$.policy.drain_priority", "10", func(f *fleet.Fleet) { f.Policy.DrainPriority = 10 }},
		{"negative block", "$.policy.block", "-1s", func(f *fleet.Fleet) { f.Policy.Block = -fleet.Duration(time.Second) }},
		{"Retry-After of a day", "$.policy.retry_after_max", "86400", func(f *fleet.Fleet) { f.Policy.RetryAfterMax = 86400 }},
		{"failback above 100", "$.policy.failback_steps[1]", "101", func(f *fleet.Fleet) { f.Policy.FailbackSteps = []int{5, 101} }},
		{"emergency number twice", "$.policy.emergency_numbers[1]", "twice", func(f *fleet.Fleet) { f.Policy.EmergencyNumbers = []string{"911", "911"} }},
		{"interval too short", "$.checks.interval", "1ms", func(f *fleet.Fleet) { f.Checks.Interval = fleet.Duration(time.Millisecond) }},
		{"burst above the interval", "$.checks.burst", "burst is 6s", func(f *fleet.Fleet) { f.Checks.Burst = fleet.Duration(6 * time.Second) }},
		{"no fall", "$.checks.fall", "-1", func(f *fleet.Fleet) { f.Checks.Fall = -1 }},
		{"no other observer", "$.checks.min_remote", "min_remote is 0", func(f *fleet.Fleet) { f.Checks.MinRemote = new(int) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := fleettest.ThreeSites()
			tt.breakIt(&f)
			for _, p := range fleet.Validate(f) {
				if p.Path == tt.path && strings.Contains(p.Message, tt.message) {
					return
				}
			}
			t.Errorf("no problem at %s with %q; got %+v", tt.path, tt.message, fleet.Validate(f))
		})
	}
}

// TestValidateTellsAll breaks many things at once and counts: a person mends
// a file in one go.
func TestValidateTellsAll(t *testing.T) {
	f := fleettest.ThreeSites()
	f.Sites[1].Name = "calgary"
	f.Services[0].Sites[2] = "calgary"
	f.Policy.TTLEvent = fleet.Duration(time.Second)
	f.Checks.Rise = -1
	var paths []string
	for _, p := range fleet.Validate(f) {
		paths = append(paths, p.Path)
	}
	for _, want := range []string{"$.sites[1].name", "$.services[0].sites[2]", "$.services[1].sites[0]", "$.policy.ttl_event", "$.checks.rise"} {
		if !slices.Contains(paths, want) {
			t.Errorf("nothing at %s; got %q", want, paths)
		}
	}
}

// TestValidateLeavesTheFleetAlone holds that Validate only looks.
func TestValidateLeavesTheFleetAlone(t *testing.T) {
	f := fleettest.ThreeSites()
	f.Policy, f.Checks, f.Hostmaster = fleet.Policy{}, fleet.Checks{}, ""
	want := fmt.Sprintf("%+v", f)
	fleet.Validate(f)
	if got := fmt.Sprintf("%+v", f); got != want {
		t.Errorf("changed:\n%s\n%s", want, got)
	}
}

func TestOneSiteIsAFleet(t *testing.T) {
	f := fleettest.ThreeSites()
	f.Sites, f.NameServers = f.Sites[:1], f.NameServers[:1]
	for i := range f.Services {
		f.Services[i].Sites = []fleet.SiteID{"calgary"}
	}
	f.Checks.MinRemote = nil
	if p := fleet.Validate(f); len(p) > 0 {
		t.Errorf("problems: %+v", p)
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{"vancuver": "vancouver", "CALGARY": "calgary", "xyz": "", "": ""} {
		if got := fleet.Nearest(word, []string{"calgary", "ottawa", "vancouver"}); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
