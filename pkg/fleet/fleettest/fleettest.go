// Package fleettest holds fleets for tests. It is not used by the program.
package fleettest

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// ThreeSites is a fleet of calgary, ottawa and vancouver with the services
// west and east over udp, tcp and tls, automation set to act, and every
// default filled in.
func ThreeSites() fleet.Fleet {
	f := fleet.Fleet{
		Format: fleet.Format, Zone: "voice.example.net",
		Policy: fleet.Policy{RegistrationPeriod: fleet.Duration(time.Minute)},
	}
	for i, name := range []fleet.SiteID{"calgary", "ottawa", "vancouver"} {
		f.NameServers = append(f.NameServers, fleet.NameServer{
			Name: fmt.Sprintf("ns%d", i+1), Addresses: []netip.Addr{addr(i+1, 1)},
		})
		f.Sites = append(f.Sites, fleet.Site{
			Name: name, Addresses: []netip.Addr{addr(i+1, 2)},
			Softswitches: []fleet.Softswitch{{
				Name: fleet.SwitchID(string(name) + "-1"),
				Listeners: []fleet.Listener{
					{Transport: fleet.UDP, Address: netip.AddrPortFrom(addr(i+1, 3), 5060)},
					{Transport: fleet.TCP, Address: netip.AddrPortFrom(addr(i+1, 3), 5060)},
					{Transport: fleet.TLS, Address: netip.AddrPortFrom(addr(i+1, 3), 5061)},
				},
			}},
		})
	}
	transports := []fleet.Transport{fleet.TLS, fleet.TCP, fleet.UDP}
	f.Services = []fleet.Service{
		{Name: "west.voice.example.net", Sites: []fleet.SiteID{"calgary", "vancouver", "ottawa"}, Transports: transports, Automation: fleet.AutomationAct},
		{Name: "east.voice.example.net", Sites: []fleet.SiteID{"ottawa", "calgary", "vancouver"}, Transports: transports, Automation: fleet.AutomationAct},
	}
	return f.WithDefaults()
}

func addr(site, host int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 10, byte(site), byte(host)})
}
