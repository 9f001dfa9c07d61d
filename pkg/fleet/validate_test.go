package fleet_test

import (
	"net/netip"
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
		{"empty zone", "$.zone", "is empty", func(f *fleet.Fleet) { f.Zone = "" }},
		{"zone with upper case", "$.zone", "'V'", func(f *fleet.Fleet) { f.Zone = "Voice.example.net" }},
		{"no mailbox", "$.hostmaster", "not a mailbox", func(f *fleet.Fleet) { f.Hostmaster = "root" }},
		{"no name servers", "$.name_servers", "no name servers", func(f *fleet.Fleet) { f.NameServers = nil }},
		{"name server without address", "$.name_servers[0]", "needs an address", func(f *fleet.Fleet) { f.NameServers[0].Addresses = nil }},
		{"no sites", "$.sites", "no sites", func(f *fleet.Fleet) { f.Sites = nil }},
		{"site twice", "$.sites[1].name", "stands already at $.sites[0].name", func(f *fleet.Fleet) { f.Sites[1].Name = "calgary" }},
		{"site name with a dot", "$.sites[0].name", "'.'", func(f *fleet.Fleet) { f.Sites[0].Name = "cal.gary" }},
		{"host like a service", "$.services[0].name", "used already at $.sites[0].host", func(f *fleet.Fleet) { f.Sites[0].Host = "west" }},
		{"no public address", "$.sites[2]", "no public address", func(f *fleet.Fleet) { f.Sites[2].Addresses = nil }},
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
		{"empty preference", "$.services[0]", "prefers no site", func(f *fleet.Fleet) { f.Services[0].Sites = nil }},
		{"transport that a site lacks", "$.services[0].transports[0]", "no softswitch of site ottawa listens on ws", func(f *fleet.Fleet) { f.Services[0].Transports[0] = fleet.WS }},
		{"TTL below the floor", "$.services[1].ttl.normal", "below the floor 5s", func(f *fleet.Fleet) { f.Services[1].TTL.Normal = fleet.Duration(time.Second) }},
		{"event TTL above the normal", "$.policy.ttl_event", "above the normal", func(f *fleet.Fleet) { f.Policy.TTLEvent = fleet.Duration(time.Hour) }},
		{"TTL in milliseconds", "$.policy.ttl_normal", "whole seconds", func(f *fleet.Fleet) { f.Policy.TTLNormal = fleet.Duration(60500 * time.Millisecond) }},
		{"min_sites above the sites", "$.services[0].min_sites", "min_sites is 4", func(f *fleet.Fleet) { f.Services[0].MinSites = 4 }},
		{"all sites out", "$.policy.max_sites_out", "max_sites_out is 3", func(f *fleet.Fleet) { f.Policy.MaxSitesOut = 3 }},
		{"max_for above the limit", "$.policy.max_for", "73h", func(f *fleet.Fleet) { f.Policy.MaxFor = fleet.Duration(73 * time.Hour) }},
		{"failback that does not end", "$.policy.failback_steps", "the last step is 50", func(f *fleet.Fleet) { f.Policy.FailbackSteps = []int{5, 50} }},
		{"failback that goes back", "$.policy.failback_steps[1]", "step 5 after 50", func(f *fleet.Fleet) { f.Policy.FailbackSteps = []int{50, 5, 100} }},
		{"retry after upside down", "$.policy.retry_after_min", "from 20 to 10", func(f *fleet.Fleet) { f.Policy.RetryAfterMin = 20 }},
		{"emergency number with letters", "$.policy.emergency_numbers[0]", "nine", func(f *fleet.Fleet) { f.Policy.EmergencyNumbers = []string{"nine"} }},
		{"timeout above the interval", "$.checks.timeout", "timeout is 10s", func(f *fleet.Fleet) { f.Checks.Timeout = fleet.Duration(10 * time.Second) }},
		{"a made up 408 as life", "$.checks.expect_status[0]", "status 408", func(f *fleet.Fleet) { f.Checks.ExpectStatus = []int{408} }},
		{"more observers than sites", "$.checks.min_remote", "min_remote is 3", func(f *fleet.Fleet) { n := 3; f.Checks.MinRemote = &n }},
		{"unknown automation", "$.services[0].automation", `"on"`, func(f *fleet.Fleet) { f.Services[0].Automation = "on" }},
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

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{"vancuver": "vancouver", "CALGARY": "calgary", "xyz": "", "": ""} {
		if got := fleet.Nearest(word, []string{"calgary", "ottawa", "vancouver"}); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
