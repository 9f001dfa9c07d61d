package lab

import (
	"fmt"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// TestLayout: the addresses that people and scripts rely on.
func TestLayout(t *testing.T) {
	l := Layout{Net: DefaultNet}
	for i, want := range []string{
		"calgary 127.10.1.1:5300 127.10.1.1:7300 127.10.1.1:8300 127.10.1.2:5060 127.10.1.2:5061 127.10.1.3:5060 127.10.1.3:5061",
		"ottawa 127.10.2.1:5300 127.10.2.1:7300 127.10.2.1:8300 127.10.2.2:5060 127.10.2.2:5061 127.10.2.3:5060 127.10.2.3:5061",
		"vancouver 127.10.3.1:5300 127.10.3.1:7300 127.10.3.1:8300 127.10.3.2:5060 127.10.3.2:5061 127.10.3.3:5060 127.10.3.3:5061",
	} {
		p := l.Places()[i]
		got := fmt.Sprint(p.Site, " ", p.DNS, " ", p.Raft, " ", p.API, " ", p.Gate[fleet.UDP], " ", p.Gate[fleet.TLS], " ", p.Softswitch[fleet.TCP], " ", p.Softswitch[fleet.TLS])
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestLayoutPorts: where only 127.0.0.1 exists, no two sockets share a port.
func TestLayoutPorts(t *testing.T) {
	seen := map[string]string{}
	take := func(what string, at fmt.Stringer) {
		if other, ok := seen[at.String()]; ok {
			t.Errorf("%s and %s are both at %s", what, other, at)
		}
		seen[at.String()] = what
	}
	for _, p := range (Layout{Ports: true}).Places() {
		take(string(p.Site)+" dns", p.DNS)
		take(string(p.Site)+" raft", p.Raft)
		take(string(p.Site)+" api", p.API)
		take(string(p.Site)+" link", p.Link)
		for _, tr := range []fleet.Transport{fleet.UDP, fleet.TLS} { // tcp shares udp's
			take(fmt.Sprint(p.Site, " gate ", tr), p.Gate[tr])
			take(fmt.Sprint(p.Site, " softswitch ", tr), p.Softswitch[tr])
		}
	}
}
