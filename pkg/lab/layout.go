package lab

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Zone is the lab's DNS zone.
const Zone = "voice.example.net"

// Sites are the lab's sites, in the order of their numbers.
var siteNames = [...]fleet.SiteID{"calgary", "ottawa", "vancouver"}

// Sites returns the names of the lab's sites.
func Sites() []fleet.SiteID { return append([]fleet.SiteID{}, siteNames[:]...) }

// DefaultNet is the second octet of the lab's addresses: 127.10.SITE.HOST.
const DefaultNet = 10

// Layout says which address and port everything of the lab has.
type Layout struct {
	// Net is the second octet of the addresses; several labs can run beside
	// each other on different ones.
	Net int
	// Ports is set where only 127.0.0.1 exists (no loopback aliases): then
	// sites and roles differ by port.
	Ports bool
}

// Place is where the parts of one site are.
type Place struct {
	Site                fleet.SiteID
	DNS, Raft, API      netip.AddrPort
	Gate, Softswitch    map[fleet.Transport]netip.AddrPort
	Link                netip.AddrPort // the SOCKS proxy through which the agent reaches its peers
	AgentAddr, GateAddr netip.Addr
}

// NewLayout chooses addresses as the design lays them down, or ports where the
// machine has no loopback aliases.
func NewLayout(netOctet int) Layout {
	l := Layout{Net: netOctet}
	probe, err := net.Listen("tcp", netip.AddrPortFrom(l.addr(1, 1), 0).String())
	if err != nil {
		l.Ports = true
		return l
	}
	probe.Close()
	return l
}

func (l Layout) addr(site, host int) netip.Addr {
	if l.Ports {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.AddrFrom4([4]byte{127, byte(l.Net), byte(site), byte(host)})
}

// port moves a port apart from those of the other sites and roles where they
// share one address.
func (l Layout) port(site, host int, port uint16) uint16 {
	if !l.Ports {
		return port
	}
	return port + uint16(1000*host+100*site)
}

func (l Layout) at(site, host int, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(l.addr(site, host), l.port(site, host, port))
}

// Webhooks is where the lab's agents may call: something that its user starts.
func (l Layout) Webhooks() netip.AddrPort { return l.at(9, 1, 8080) }

// Stranger is the address of a source that is no part of the lab, and that no
// phone has: one that floods it.
func (l Layout) Stranger() netip.Addr { return l.addr(9, 2) }

// Place returns the addresses of the site with that number, from 1.
func (l Layout) Place(n int) Place {
	sip := func(host int) map[fleet.Transport]netip.AddrPort {
		return map[fleet.Transport]netip.AddrPort{
			fleet.UDP: l.at(n, host, 5060), fleet.TCP: l.at(n, host, 5060), fleet.TLS: l.at(n, host, 5061),
		}
	}
	return Place{
		Site: siteNames[n-1],
		DNS:  l.at(n, 1, 5300), Raft: l.at(n, 1, 7300), API: l.at(n, 1, 8300),
		Gate: sip(2), Softswitch: sip(3), Link: l.at(n, 4, 1080),
		AgentAddr: l.addr(n, 1), GateAddr: l.addr(n, 2),
	}
}

// Places returns all sites' addresses.
func (l Layout) Places() []Place {
	out := make([]Place, len(siteNames))
	for i := range siteNames {
		out[i] = l.Place(i + 1)
	}
	return out
}

// place finds a site by name.
func (l Layout) place(site fleet.SiteID) (Place, error) {
	for _, p := range l.Places() {
		if p.Site == site {
			return p, nil
		}
	}
	return Place{}, fmt.Errorf("no site is called %q (one of calgary, ottawa, vancouver)", site)
}
