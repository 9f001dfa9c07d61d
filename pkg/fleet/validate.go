package fleet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Validate returns everything that is wrong with f, in the order of the file,
// or nothing. Settings that are not set are taken at their defaults.
func Validate(f Fleet) []Problem {
	v := &validation{fleet: f.WithDefaults(), hosts: once{}, addresses: once{}}
	if f.Format != Format {
		v.add("$.format", fmt.Sprintf("write format: %d", Format), "format %d is not one that this program reads", f.Format)
	}
	v.zone()
	v.nameServers()
	v.sites()
	v.services()
	v.policy()
	v.checks()
	return v.problems
}

type validation struct {
	problems
	fleet     Fleet
	hosts     once // owner names
	addresses once // address, port and class of transport
}

func (v *validation) zone() {
	f := v.fleet
	if why := nameProblem(f.Zone); why != "" {
		v.add("$.zone", "a DNS name such as voice.example.net", "zone %q %s", f.Zone, why)
	}
	local, domain, ok := strings.Cut(f.Hostmaster, "@")
	if !ok || local == "" || nameProblem(domain) != "" {
		v.add("$.hostmaster", "a mailbox such as hostmaster@example.net", "%q is not a mailbox", f.Hostmaster)
	}
}

// nameProblem says why a name is no DNS name (RFC 1035 §2.3.1, RFC 1123 §2.1;
// a leading underscore is a service label's), or "".
func nameProblem(name string) string {
	name = strings.TrimSuffix(name, ".")
	switch {
	case name == "":
		return "is empty"
	case len(name) > 230: // leaves room for _sips._tcp. within 253
		return "is too long (at most 230 octets)"
	}
	for _, label := range strings.Split(name, ".") {
		if why := labelProblem(label); why != "" {
			return why
		}
	}
	return ""
}

func labelProblem(label string) string {
	switch {
	case label == "":
		return "has an empty label"
	case len(label) > 63:
		return "has a label over 63 octets"
	case label[0] == '-' || label[len(label)-1] == '-':
		return "has a label that begins or ends with a hyphen"
	}
	for _, r := range label {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return fmt.Sprintf("holds %q; lower-case letters, digits and hyphens are allowed", r)
		}
	}
	return ""
}

// host claims an owner name in the zone.
func (v *validation) host(path, name string) {
	if before, twice := v.hosts.put(name, path); twice {
		v.add(path, "give each its own name", "%s is used already at %s", strings.TrimSuffix(name, "."), before)
	}
}

func (v *validation) inZone(fqdn string) bool {
	return strings.HasSuffix(fqdn, "."+v.fleet.Zone+".")
}

func (v *validation) nameServers() {
	if len(v.fleet.NameServers) == 0 {
		v.add("$.name_servers", "list each agent that answers phones, with its address", "no name servers")
	}
	for i, n := range v.fleet.NameServers {
		path := fmt.Sprintf("$.name_servers[%d]", i)
		if why := nameProblem(n.Name); why != "" {
			v.add(path+".name", "ns1, or absolute with a trailing dot: ns1.example.net.", "name server %q %s", n.Name, why)
			continue
		}
		fqdn := v.fleet.FQDN(n.Name)
		v.host(path+".name", fqdn)
		if v.inZone(fqdn) && len(n.Addresses) == 0 {
			v.add(path, "addresses: [ADDRESS]", "%s is inside the zone and needs an address", fqdn)
		}
		v.addrs(path, n.Addresses)
	}
}

func (v *validation) addrs(path string, addrs []netip.Addr) {
	seen := map[netip.Addr]bool{}
	for i, a := range addrs {
		p := fmt.Sprintf("%s.addresses[%d]", path, i)
		if why := addrProblem(a); why != "" {
			v.add(p, "", "%s %s", a, why)
		}
		if seen[a] {
			v.add(p, "", "%s stands twice", a)
		}
		seen[a] = true
	}
}

func addrProblem(a netip.Addr) string {
	switch {
	case !a.IsValid():
		return "is no address"
	case a.IsUnspecified():
		return "is the unspecified address: nobody can reach it"
	case a.IsMulticast():
		return "is a multicast address"
	case a.Zone() != "":
		return "has an interface zone, which cannot be published"
	}
	return ""
}

func (v *validation) sites() {
	if len(v.fleet.Sites) == 0 {
		v.add("$.sites", "list at least one", "no sites")
	}
	names, switches := once{}, once{}
	for i := range v.fleet.Sites {
		v.site(fmt.Sprintf("$.sites[%d]", i), &v.fleet.Sites[i], names, switches)
	}
}

func (v *validation) site(path string, s *Site, names, switches once) {
	if why := labelProblem(string(s.Name)); why != "" {
		v.add(path+".name", "one DNS label such as calgary", "site name %q %s", s.Name, why)
	}
	if before, twice := names.put(string(s.Name), path+".name"); twice {
		v.add(path+".name", "give each site its own name", "site %s stands already at %s", s.Name, before)
	}
	if s.Host != "" && nameProblem(s.Host) != "" {
		v.add(path+".host", "relative to the zone, for example sip.calgary", "host %q %s", s.Host, nameProblem(s.Host))
	}
	v.host(path+".host", v.fleet.HostName(s))
	if len(s.Addresses) == 0 {
		v.add(path, "addresses: [ADDRESS]", "site %s has no public address", s.Name)
	}
	v.addrs(path, s.Addresses)
	v.publicAddresses(path, s)
	if len(s.Softswitches) == 0 {
		v.add(path, "softswitches: …", "site %s has no softswitch", s.Name)
	}
	for j := range s.Softswitches {
		v.softswitch(fmt.Sprintf("%s.softswitches[%d]", path, j), s, &s.Softswitches[j], switches)
	}
	for _, n := range []struct {
		field string
		value int
	}{
		{"registrations", s.Capacity.Registrations}, {"calls", s.Capacity.Calls},
		{"register_rate", s.Capacity.RegisterRate}, {"tls_handshake_rate", s.Capacity.TLSHandshakeRate},
	} {
		if n.value < 0 {
			v.add(path+".capacity."+n.field, "0 means not stated", "%d is below zero", n.value)
		}
	}
}

// publicAddresses claims what the gate listens on.
func (v *validation) publicAddresses(path string, s *Site) {
	for _, t := range s.Transports() {
		if s.Port(t) == 0 {
			v.add(path+".ports."+t.String(), "a port from 1 to 65535", "port 0")
		}
		for i, a := range s.Addresses {
			v.claim(fmt.Sprintf("%s.addresses[%d]", path, i), netip.AddrPortFrom(a, s.Port(t)), t)
		}
	}
}

// claim refuses an address and port that is used twice by transports that
// cannot share it. UDP is apart from the stream transports.
func (v *validation) claim(path string, a netip.AddrPort, t Transport) {
	class := "udp"
	if t.Stream() {
		class = "tcp"
	}
	if before, twice := v.addresses.put(class+" "+a.String(), path); twice && before != path {
		v.add(path, "give each listener an address and port of its own", "%s over %s is used already at %s", a, class, before)
	}
}

func (v *validation) softswitch(path string, site *Site, sw *Softswitch, switches once) {
	if why := labelProblem(string(sw.Name)); why != "" {
		v.add(path+".name", "for example calgary-1", "softswitch name %q %s", sw.Name, why)
	}
	if before, twice := switches.put(string(sw.Name), path+".name"); twice {
		v.add(path+".name", "names are unique in the fleet", "softswitch %s stands already at %s", sw.Name, before)
	}
	if len(sw.Listeners) == 0 {
		v.add(path, "listeners: [{transport: udp, address: \"192.0.2.1:5060\"}]", "softswitch %s of %s has no listener", sw.Name, site.Name)
	}
	for i, l := range sw.Listeners {
		p := fmt.Sprintf("%s.listeners[%d]", path, i)
		if !l.Transport.Valid() {
			v.add(p, "transport: udp, tcp, tls, ws or wss", "no transport")
			continue
		}
		if why := addrProblem(l.Address.Addr()); why != "" || l.Address.Port() == 0 {
			v.add(p+".address", "ADDRESS:PORT", "address %q %s", l.Address, orElse(why, "has no port"))
			continue
		}
		v.claim(p+".address", l.Address, l.Transport)
		if l.ServerName != "" && nameProblem(strings.ToLower(l.ServerName)) != "" {
			v.add(p+".server_name", "the SIP domain", "server name %q %s", l.ServerName, nameProblem(strings.ToLower(l.ServerName)))
		}
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (v *validation) services() {
	if len(v.fleet.Services) == 0 {
		v.add("$.services", "list at least one", "no services")
	}
	for i := range v.fleet.Services {
		v.service(fmt.Sprintf("$.services[%d]", i), &v.fleet.Services[i])
	}
}

func (v *validation) service(path string, s *Service) {
	name := string(s.Name)
	fqdn := v.fleet.FQDN(strings.TrimSuffix(name, ".") + ".")
	switch why := nameProblem(name); {
	case why != "":
		v.add(path+".name", "a SIP domain inside the zone", "service name %q %s", name, why)
	case strings.HasSuffix(name, "."):
		v.add(path+".name", strings.TrimSuffix(name, "."), "service name %q ends with a dot", name)
	case !v.inZone(fqdn):
		v.add(path+".name", "for example west."+v.fleet.Zone, "service %s is not inside the zone %s", name, v.fleet.Zone)
	default:
		v.host(path+".name", fqdn)
	}
	v.preference(path, s)
	v.transports(path, s)
	v.ttl(path+".ttl", v.fleet.ServiceTTL(s), s.TTL != TTL{})
	if n := v.fleet.ServiceMinSites(s); n > len(s.Sites) || s.MinSites < 0 {
		v.add(path+".min_sites", fmt.Sprintf("at most %d", len(s.Sites)), "min_sites is %d and the service has %d sites", n, len(s.Sites))
	}
	switch s.Automation {
	case "", AutomationOff, AutomationAdvise, AutomationAct:
	default:
		v.add(path+".automation", "off, advise or act", "automation %q is none", s.Automation)
	}
}

func (v *validation) preference(path string, s *Service) {
	if len(s.Sites) == 0 {
		v.add(path, "sites: [best, next, …]", "service %s prefers no site", s.Name)
	}
	known := make([]string, len(v.fleet.Sites))
	for i := range v.fleet.Sites {
		known[i] = string(v.fleet.Sites[i].Name)
	}
	for i, site := range s.Sites {
		p := fmt.Sprintf("%s.sites[%d]", path, i)
		if v.fleet.Site(site) == nil {
			v.add(p, meant(string(site), known), "no site is called %q", site)
		}
		if slices.Contains(s.Sites[:i], site) {
			v.add(p, "", "site %s stands twice", site)
		}
	}
}

func (v *validation) transports(path string, s *Service) {
	if len(s.Transports) == 0 {
		v.add(path, "transports: [tls, tcp, udp], best first", "service %s offers no transport", s.Name)
	}
	for i, t := range s.Transports {
		p := fmt.Sprintf("%s.transports[%d]", path, i)
		if !t.Valid() {
			v.add(p, "udp, tcp, tls, ws or wss", "no transport")
			continue
		}
		if slices.Contains(s.Transports[:i], t) {
			v.add(p, "", "%s stands twice", t)
		}
		for _, id := range s.Sites {
			if site := v.fleet.Site(id); site != nil && !site.Serves(t) {
				v.add(p, "add a listener there, or take the transport or the site out of the service", "no softswitch of site %s listens on %s", id, t)
			}
		}
	}
}

// ttl checks lifetimes. Problems of the policy's own are told at the policy.
func (v *validation) ttl(path string, t TTL, own bool) {
	if !own {
		return
	}
	floor := v.fleet.Policy.TTLFloor
	for _, x := range []struct {
		field string
		value Duration
	}{{"normal", t.Normal}, {"event", t.Event}} {
		v.ttlValue(ttlPath(path, x.field), x.field, x.value, floor)
	}
	if t.Event > t.Normal {
		v.add(ttlPath(path, "event"), "at most "+t.Normal.String(), "the event TTL %s is above the normal one %s", t.Event, t.Normal)
	}
}

func ttlPath(path, field string) string {
	if path == "$.policy" {
		return path + ".ttl_" + field
	}
	return path + "." + field
}

func (v *validation) ttlValue(path, what string, d, floor Duration) {
	switch {
	case d < floor:
		v.add(path, "at least "+floor.String()+", or lower policy.ttl_floor", "the %s TTL %s is below the floor %s", what, d, floor)
	case d%Duration(time.Second) != 0:
		v.add(path, "whole seconds", "the %s TTL %s is not in whole seconds", what, d)
	case d > Duration(24*time.Hour):
		v.add(path, "at most 24h; phones would not move for so long", "the %s TTL %s is too long", what, d)
	}
}

func (v *validation) policy() {
	p := v.fleet.Policy
	if p.TTLFloor < Duration(time.Second) || p.TTLFloor%Duration(time.Second) != 0 {
		v.add("$.policy.ttl_floor", "1s or more, in whole seconds", "the TTL floor is %s", p.TTLFloor)
	}
	v.ttl("$.policy", p.TTL(), true)
	if p.MaxFor <= 0 || p.MaxFor > Duration(MaxForLimit) {
		v.add("$.policy.max_for", "at most 72h", "max_for is %s", p.MaxFor)
	}
	if p.MinSites < 1 {
		v.add("$.policy.min_sites", "at least 1", "min_sites is %d", p.MinSites)
	}
	if n := len(v.fleet.Sites); p.MaxSitesOut < 1 || (n > 1 && p.MaxSitesOut >= n) {
		v.add("$.policy.max_sites_out", fmt.Sprintf("1 to %d, so that a site is left", max(1, n-1)), "max_sites_out is %d with %d sites", p.MaxSitesOut, n)
	}
	if p.DrainPriority < 900 || p.DrainPriority > 60000 {
		v.add("$.policy.drain_priority", "900 to 60000", "drain_priority is %d", p.DrainPriority)
	}
	for _, d := range []struct {
		field string
		value Duration
	}{
		{"block", p.Block}, {"common_cause_window", p.CommonCauseWindow}, {"drain_grace", p.DrainGrace},
		{"registration_period", p.RegistrationPeriod}, {"failback_interval", p.FailbackInterval},
	} {
		if d.value <= 0 || d.value > Duration(7*24*time.Hour) {
			v.add("$.policy."+d.field, "above zero, at most 168h", "%s is %s", d.field, d.value)
		}
	}
	v.failbackSteps(p.FailbackSteps)
	if p.RetryAfterMin < 1 || p.RetryAfterMax < p.RetryAfterMin || p.RetryAfterMax > 3600 {
		v.add("$.policy.retry_after_min", "1 ≤ retry_after_min ≤ retry_after_max ≤ 3600 seconds", "Retry-After is from %d to %d", p.RetryAfterMin, p.RetryAfterMax)
	}
	for i, n := range p.EmergencyNumbers {
		if n == "" || strings.Trim(n, "0123456789*#") != "" {
			v.add(fmt.Sprintf("$.policy.emergency_numbers[%d]", i), `digits as they are dialled, quoted: "911"`, "emergency number %q", n)
		}
	}
}

func (v *validation) failbackSteps(steps []int) {
	last := 0
	for i, s := range steps {
		if s <= last || s > 100 {
			v.add(fmt.Sprintf("$.policy.failback_steps[%d]", i), "ascending per cent that end with 100, for example [5, 25, 100]", "step %d after %d", s, last)
			return
		}
		last = s
	}
	if last != 100 {
		v.add("$.policy.failback_steps", "ascending per cent that end with 100, for example [5, 25, 100]", "the last step is %d", last)
	}
}

func (v *validation) checks() {
	c := v.fleet.Checks
	if c.Interval < Duration(50*time.Millisecond) || c.Interval > Duration(time.Hour) {
		v.add("$.checks.interval", "50ms to 1h", "interval is %s", c.Interval)
	}
	if c.Timeout <= 0 || c.Timeout >= c.Interval {
		v.add("$.checks.timeout", "above zero and below the interval", "timeout is %s with an interval of %s", c.Timeout, c.Interval)
	}
	if c.Burst <= 0 || c.Burst > c.Interval {
		v.add("$.checks.burst", "above zero, at most the interval", "burst is %s with an interval of %s", c.Burst, c.Interval)
	}
	for _, n := range []struct {
		field string
		value int
	}{{"fall", c.Fall}, {"reset", c.Reset}, {"rise", c.Rise}} {
		if n.value < 1 || n.value > 1000 {
			v.add("$.checks."+n.field, "1 to 1000", "%s is %d", n.field, n.value)
		}
	}
	others := max(0, len(v.fleet.Sites)-1)
	if n := *c.MinRemote; n < min(1, others) || n > others {
		v.add("$.checks.min_remote", fmt.Sprintf("%d to %d", min(1, others), others), "min_remote is %d with %d sites", n, len(v.fleet.Sites))
	}
	for i, s := range c.ExpectStatus {
		if s < 200 || s > 699 || s == 408 || s == 503 {
			v.add(fmt.Sprintf("$.checks.expect_status[%d]", i), "a final status; 408 and 503 never mean a living softswitch", "status %d", s)
		}
	}
}
