package divert

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

func pair(t fleet.Transport, public, own string) Diverted {
	return Diverted{t, netip.MustParseAddrPort(public), netip.MustParseAddrPort(own)}
}

// TestNftablesRules: what is diverted for a policy, in words.
func TestNftablesRules(t *testing.T) {
	c := NftablesConfig{
		Diverted: []Diverted{pair(fleet.UDP, "192.0.2.2:5060", "192.0.2.2:15060"), pair(fleet.TLS, "192.0.2.2:5061", "192.0.2.2:15061")},
		Direct:   []netip.Prefix{netip.MustParsePrefix("198.51.100.9/24")},
	}
	up := map[fleet.Transport][]netip.AddrPort{fleet.UDP: {netip.MustParseAddrPort("192.0.2.2:5060")}}
	udp := []string{
		"arrive loopback", "arrive from 198.51.100.0/24", "connect loopback", "connect from 198.51.100.0/24",
		"arrive udp dst 192.0.2.2:5060 request unsummed to 192.0.2.2:15060", "arrive udp dst 192.0.2.2:5060 request to 192.0.2.2:15060",
		"leave udp src 192.0.2.2:15060 dst 192.0.2.2:5060", "leave udp src 192.0.2.2:15060 to 192.0.2.2:5060",
	}
	tls := "connect tcp dst 192.0.2.2:5061 first to 192.0.2.2:15061"
	for _, x := range []struct {
		rules map[fleet.Transport]gate.Rule
		want  []string
	}{
		{nil, nil},
		{map[fleet.Transport]gate.Rule{fleet.TCP: {Mode: gate.Closed}}, nil},
		{map[fleet.Transport]gate.Rule{fleet.UDP: {Mode: gate.Draining, PassInvite: true}}, udp},
		{map[fleet.Transport]gate.Rule{fleet.TLS: {Mode: gate.Closed}}, append(slices.Clone(udp[:4]), tls)},
		{map[fleet.Transport]gate.Rule{fleet.TLS: {Mode: gate.Closed}, fleet.UDP: {Mode: gate.Closed}}, append(slices.Clone(udp), tls)},
	} {
		var got []string
		for _, s := range c.steps(gate.Policy{Rules: x.rules, Upstreams: up}, nil) {
			got = append(got, s.String())
		}
		if !slices.Equal(got, x.want) {
			t.Errorf("%v:\n%s\nwant\n%s", x.rules, strings.Join(got, "\n"), strings.Join(x.want, "\n"))
		}
	}
	// For a part everyone's traffic would have to come, and the softswitch would
	// learn the gate's address for phones that are to stay.
	parts := map[fleet.Transport][]gate.Part{fleet.UDP: {{Service: "west.voice.example.net", Cohort: fleet.Everyone(), Mode: gate.Draining}}}
	if got := c.steps(gate.Policy{Parts: parts, Upstreams: up}, nil); got != nil {
		t.Errorf("a part: %v", got)
	}
}

// TestNftablesConfig: what cannot work is refused before the kernel is asked.
func TestNftablesConfig(t *testing.T) {
	good := pair(fleet.UDP, "192.0.2.2:5060", "192.0.2.2:15060")
	for name, x := range map[string]struct {
		diverted []Diverted
		want     string
	}{
		"nothing":        {nil, "nothing to divert"},
		"no port":        {[]Diverted{pair(fleet.UDP, "192.0.2.2:5060", "192.0.2.2:0")}, "an address and a port"},
		"two families":   {[]Diverted{pair(fleet.UDP, "192.0.2.2:5060", "[2001:db8::2]:5060")}, "one is IPv4"},
		"itself":         {[]Diverted{pair(fleet.UDP, "192.0.2.2:5060", "192.0.2.2:5060")}, "another one"},
		"loopback":       {[]Diverted{pair(fleet.UDP, "192.0.2.2:5060", "127.0.0.1:5060")}, "loopback"},
		"listener twice": {[]Diverted{good, pair(fleet.UDP, "192.0.2.3:5060", "192.0.2.2:15060")}, "taken by"},
		"public twice":   {[]Diverted{good, pair(fleet.UDP, "192.0.2.2:5060", "192.0.2.2:15061")}, "taken by"},
		"tls and tcp":    {[]Diverted{pair(fleet.TCP, "192.0.2.2:5060", "192.0.2.2:15060"), pair(fleet.TLS, "192.0.2.2:5060", "192.0.2.2:15061")}, "taken by"},
	} {
		if err := (NftablesConfig{Diverted: x.diverted}).validate(); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want %q", name, err, x.want)
		}
	}
	if err := (NftablesConfig{Diverted: []Diverted{good, pair(fleet.TCP, "192.0.2.2:5060", "192.0.2.2:15060")}}).validate(); err != nil {
		t.Error(err)
	}
}
