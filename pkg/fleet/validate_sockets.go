package fleet

import (
	"fmt"
	"net/netip"
	"slices"
)

// ips checks a list of addresses that are published.
func (v *validation) ips(path string, addrs []netip.Addr) {
	for i, a := range addrs {
		p := fmt.Sprintf("%s.addresses[%d]", path, i)
		if why := addrProblem(a); why != "" {
			v.add(p, "an address that phones can reach, such as 192.0.2.1", "%s", why)
		} else if slices.Contains(addrs[:i], a) {
			v.add(p, "delete one of them", "%s stands twice", a)
		}
	}
}

// addrProblem says why nobody could send a packet to a, or "".
func addrProblem(a netip.Addr) string {
	switch {
	case !a.IsValid():
		return "no address"
	case a.Is4In6():
		return fmt.Sprintf("%s is an IPv4 address in IPv6 clothes; write %s", a, a.Unmap())
	case a.IsUnspecified():
		return fmt.Sprintf("%s is the unspecified address, which nobody can reach", a)
	case a.IsMulticast():
		return fmt.Sprintf("%s is a multicast address", a)
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Sprintf("%s is the broadcast address", a)
	case a.Zone() != "":
		return fmt.Sprintf("%s has an interface zone, which means nothing elsewhere", a)
	}
	return ""
}

func socketProblem(a netip.AddrPort) string {
	if why := addrProblem(a.Addr()); why != "" {
		return why
	}
	if a.Port() == 0 {
		return fmt.Sprintf("%s has no port", a.Addr())
	}
	return ""
}

// ports checks the public ports that differ from the usual.
func (v *validation) ports(path string, s *Site) {
	for _, t := range Transports {
		port, set := s.Ports[t]
		if !set {
			continue
		}
		p := path + ".ports." + t.String()
		if port == 0 {
			v.add(p, "a port from 1 to 65535", "port 0")
		}
		if len(s.Softswitches) > 0 && !s.Serves(t) {
			v.add(p, "add a listener, or delete the port", "no softswitch of site %s listens on %s", s.Name, t)
		}
	}
}

// gateSockets claims what the site's gate listens on.
func (v *validation) gateSockets(path string, s *Site) {
	for _, t := range s.Transports() {
		port := s.Port(t)
		if port == 0 {
			continue // told at the port
		}
		for i, a := range s.Addresses {
			p := fmt.Sprintf("%s.addresses[%d]", path, i)
			if _, set := s.Ports[t]; set {
				p = path + ".ports." + t.String()
			}
			if addrProblem(a) == "" && !slices.Contains(s.Addresses[:i], a) {
				v.socket(p, netip.AddrPortFrom(a, port), t)
			}
		}
	}
}

// socket claims an address and port. UDP and the stream transports have ports
// of their own; tcp, tls, ws and wss share theirs.
func (v *validation) socket(path string, a netip.AddrPort, t Transport) {
	class := "udp"
	if t.Stream() {
		class = "tcp"
	}
	if before, twice := v.sockets.put(class+" "+a.String(), path); twice {
		v.clash(path, before, "give each listener an address and port of its own", "%s for %s is used already", a, t)
	}
}
