package divert

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

func kept(until time.Time, networks ...string) []gate.Quarantined {
	var out []gate.Quarantined
	for _, n := range networks {
		out = append(out, gate.Quarantined{Prefix: netip.MustParsePrefix(n), Until: until})
	}
	return out
}

// TestBoundaries: each range once, whatever lies in whatever, and none of a
// quarantine that is over.
func TestBoundaries(t *testing.T) {
	now := time.Unix(1000, 0)
	later := now.Add(time.Minute)
	for _, x := range []struct {
		in   []gate.Quarantined
		want string
	}{
		{nil, ""},
		{kept(now, "192.0.2.7/32"), ""},
		{kept(later, "192.0.2.7/32"), "kept from 192.0.2.7, kept before 192.0.2.8"},
		{kept(later, "198.51.100.9/24", "192.0.2.7/32"), "kept from 192.0.2.7, kept before 192.0.2.8, kept from 198.51.100.0, kept before 198.51.101.0"},
		{kept(later, "192.0.2.7/32", "192.0.2.0/24", "192.0.2.0/25", "192.0.2.0/24"), "kept from 192.0.2.0, kept before 192.0.3.0"},
		{kept(later, "192.0.2.0/25", "192.0.2.128/25"), "kept from 192.0.2.0, kept before 192.0.2.128, kept from 192.0.2.128, kept before 192.0.3.0"},
		{kept(later, "255.255.255.255/32", "2001:db8::/32"), "kept from 255.255.255.255, kept from 2001:db8::, kept before 2001:db9::"},
	} {
		var got []string
		for _, b := range boundaries(x.in, now) {
			got = append(got, b.String())
		}
		if s := strings.Join(got, ", "); s != x.want {
			t.Errorf("%v: %s, want %s", x.in, s, x.want)
		}
	}
}

// TestNftablesQuarantineRules: what a source in quarantine sends is brought to the
// gate also where the site is open, and all of it is where it is drained.
func TestNftablesQuarantineRules(t *testing.T) {
	c := NftablesConfig{Diverted: []Diverted{pair(fleet.UDP, "192.0.2.2:5060", "192.0.2.2:15060"), pair(fleet.TCP, "[2001:db8::2]:5060", "[2001:db8::2]:15060")}}
	now := time.Unix(1000, 0)
	p := gate.Policy{Quarantine: kept(now.Add(time.Minute), "203.0.113.7/32", "2001:db8:7::/48")}
	for _, x := range []struct {
		rules map[fleet.Transport]gate.Rule
		at    time.Time
		want  []string
	}{
		{nil, now, []string{
			"arrive loopback", "connect loopback",
			"arrive kept udp dst 192.0.2.2:5060 request unsummed to 192.0.2.2:15060", "arrive kept udp dst 192.0.2.2:5060 request to 192.0.2.2:15060",
			"leave udp src 192.0.2.2:15060 to 192.0.2.2:5060",
			"connect kept tcp dst [2001:db8::2]:5060 first to [2001:db8::2]:15060",
		}},
		{map[fleet.Transport]gate.Rule{fleet.UDP: {Mode: gate.Draining}}, now, []string{
			"arrive loopback", "connect loopback",
			"arrive udp dst 192.0.2.2:5060 request unsummed to 192.0.2.2:15060", "arrive udp dst 192.0.2.2:5060 request to 192.0.2.2:15060",
			"leave udp src 192.0.2.2:15060 to 192.0.2.2:5060",
			"connect kept tcp dst [2001:db8::2]:5060 first to [2001:db8::2]:15060",
		}},
		{nil, now.Add(time.Hour), nil},
	} {
		p.Rules = x.rules
		var got []string
		for _, s := range c.steps(p, boundaries(p.Quarantine, x.at)) {
			got = append(got, s.String())
		}
		if !slices.Equal(got, x.want) {
			t.Errorf("%v:\n%s\nwant\n%s", x.rules, strings.Join(got, "\n"), strings.Join(x.want, "\n"))
		}
	}
}
