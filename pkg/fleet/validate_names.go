package fleet

import (
	"fmt"
	"strings"
)

// maxName is the longest name in text, without the last dot (RFC 1035 §2.3.4).
const maxName = 253

// prefixRoom is the room to leave for the longest name that is published below
// a service: _sips._tcp.SERVICE.
const prefixRoom = len("_sips._tcp.")

func (v *validation) zone() {
	f := v.fleet
	why := nameProblem(f.Zone)
	if why == "" && strings.HasSuffix(f.Zone, ".") {
		why = "ends with a dot"
	}
	if why == "" && len(f.Zone) > maxName-prefixRoom-2 {
		why = "is too long for a name below it"
	}
	if why != "" {
		v.badZone = true
		v.add("$.zone", "a DNS name such as voice.example.net", "zone %q %s", f.Zone, why)
		if f.Hostmaster == "hostmaster@"+f.Zone {
			return // not written, so not to be told
		}
	}
	if !mailbox(f.Hostmaster) {
		v.add("$.hostmaster", "a mailbox such as hostmaster@example.net", "%q is not a mailbox", f.Hostmaster)
	}
}

// mailbox reports whether s can be a SOA record's mailbox (RFC 1035 §3.3.13):
// its local part becomes one label.
func mailbox(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || len(local) > 63 || nameProblem(domain) != "" || strings.HasSuffix(domain, ".") {
		return false
	}
	for _, r := range local {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._+-", r) {
			return false
		}
	}
	return !strings.HasPrefix(local, ".") && !strings.HasSuffix(local, ".") && !strings.Contains(local, "..")
}

// nameProblem says why name is no host name (RFC 1035 §2.3.1, RFC 1123 §2.1),
// or "". One trailing dot is allowed.
func nameProblem(name string) string {
	name = strings.TrimSuffix(name, ".")
	switch {
	case name == "":
		return "is missing"
	case len(name) > maxName:
		return fmt.Sprintf("is too long (%d octets, at most %d)", len(name), maxName)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" {
			return "has an empty part"
		}
		if why := LabelProblem(label); why != "" {
			return why
		}
	}
	return ""
}

// LabelProblem says why label is no label of a host name, and so cannot name a
// site, a softswitch or an agent: words to put behind the name, or "". Underscores
// are out with all other marks: _sip._udp and their like are ours to make.
func LabelProblem(label string) string {
	switch {
	case label == "":
		return "is missing"
	case len(label) > 63:
		return fmt.Sprintf("has a label of %d octets, at most 63", len(label))
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

// owner claims an absolute owner name, which only one thing may have, and
// reports whether it could.
func (v *validation) owner(path, fqdn string) bool {
	name := strings.TrimSuffix(fqdn, ".")
	if name == v.fleet.Zone {
		v.add(path, "a name below it", "%s is the zone itself", name)
		return false
	}
	if len(name) > maxName {
		v.add(path, "a shorter name", "%s is too long (%d octets with the zone, at most %d)", name, len(name), maxName)
		return false
	}
	before, twice := v.owners.put(fqdn, path)
	if twice {
		v.clash(path, before, "give each its own name", "%s is used already", name)
	}
	return !twice
}

// inZone reports whether an absolute name lies below the zone's own.
func (v *validation) inZone(fqdn string) bool {
	return !v.badZone && strings.HasSuffix(fqdn, "."+v.fleet.Zone+".")
}

// target checks a site's host: its address is published, so it must be ours.
func (v *validation) target(path string, s *Site) {
	if s.Host != "" {
		if why := nameProblem(s.Host); why != "" {
			v.add(path, "relative to the zone, for example sip.calgary", "host %q %s", s.Host, why)
			return
		}
	}
	fqdn := v.fleet.HostName(s)
	if strings.TrimSuffix(fqdn, ".") != v.fleet.Zone && !v.inZone(fqdn) && !v.badZone {
		v.add(path, "a name relative to the zone, without a trailing dot: sip."+string(s.Name), "host %s is not inside the zone %s", s.Host, v.fleet.Zone)
		return
	}
	v.owner(path, fqdn)
}

// below refuses hosts under a service's or a name server's name: what lies
// below a service is made by the program, and a service may be given to
// another zone one day, with everything below it.
func (v *validation) below() {
	type claim struct{ path, name string }
	var tops []claim
	for i, n := range v.fleet.NameServers {
		tops = append(tops, claim{fmt.Sprintf("$.name_servers[%d].name", i), v.fleet.FQDN(n.Name)})
	}
	for i, s := range v.fleet.Services {
		tops = append(tops, claim{fmt.Sprintf("$.services[%d].name", i), string(s.Name) + "."})
	}
	for i := range v.fleet.Sites {
		path, host := fmt.Sprintf("$.sites[%d].host", i), v.fleet.HostName(&v.fleet.Sites[i])
		for _, top := range tops {
			if v.owners[top.name] == top.path && v.owners[host] == path && strings.HasSuffix(host, "."+top.name) {
				v.clash(path, top.path, "a host of another name, for example host: sip-"+string(v.fleet.Sites[i].Name), "%s lies below the name", strings.TrimSuffix(host, "."))
			}
		}
	}
}
