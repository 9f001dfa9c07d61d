package gate

import (
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// Part is a part of what uses a site that is refused while the gate is open to
// all others: a service, or some tenants of one.
type Part struct {
	Service fleet.ServiceID
	// Cohort is who of the service; those at its own name are its last bucket.
	Cohort fleet.Cohort
	// Mode, PassInvite and Reason are as in Rule.
	Mode       Mode
	PassInvite bool
	Reason     string
}

// partRules are the rules of a transport for a part.
type partRules struct {
	cohort fleet.Cohort
	rules  *transportRules
}

// compileParts makes the rules of the parts; nil when there are none.
func (r *transportRules) compileParts(parts []Part, site fleet.SiteID) map[fleet.ServiceID][]partRules {
	if r.Mode != Open || len(parts) == 0 {
		return nil
	}
	out := map[fleet.ServiceID][]partRules{}
	for _, p := range parts {
		out[p.Service] = append(out[p.Service], partRules{p.Cohort, &transportRules{
			Rule:      Rule{Mode: p.Mode, PassInvite: p.PassInvite, Reason: p.Reason},
			upstreams: r.upstreams, redirect: r.redirect, tail: refusalTail(p.Reason, site),
		}})
	}
	return out
}

// rulesFor are the rules that count for a request: those of the part that it
// belongs to, if it belongs to one. A REGISTER belongs to the domain that is
// registered at. Everything else belongs to the domain that it is for, since who
// is called there has moved with all its phones; and where that is none of the
// fleet's (a number, an address), to the domain that it is from.
func (rs *ruleset) rulesFor(t fleet.Transport, m *sipwire.Message) *transportRules {
	r := &rs.transports[t]
	if r.parts == nil {
		return r
	}
	uri := m.URI()
	if m.Is("REGISTER") {
		uri = m.To().URI
	}
	service, bucket, known := rs.domains.place(hostOf(uri))
	if !known && !m.Is("REGISTER") {
		service, bucket, known = rs.domains.place(hostOf(m.From().URI))
	}
	if known {
		if p := r.part(service, bucket); p != nil {
			return p
		}
	}
	return r
}

func hostOf(uri []byte) []byte {
	host, _ := sipwire.HostOf(uri)
	return host
}

// part returns the rules for a bucket of a service, nil when it is in no part.
func (r *transportRules) part(service fleet.ServiceID, bucket int) *transportRules {
	for _, p := range r.parts[service] {
		if p.cohort.Has(bucket) {
			return p.rules
		}
	}
	return nil
}

// domains knows where a SIP domain belongs. It is never changed.
type domains struct {
	services map[fleet.ServiceID]fleet.ServiceID // each under itself, to be found without a copy
	tenants  *fleet.Tenants
}

func newDomains(p Policy) domains {
	d := domains{services: make(map[fleet.ServiceID]fleet.ServiceID, len(p.Services)), tenants: p.Tenants}
	for _, s := range p.Services {
		d.services[s] = s
	}
	return d
}

// maxDomain is the longest name of the DNS in octets, as text (RFC 1035 §2.3.4).
const maxDomain = 253

// place returns the service of a domain and the bucket in it; false for one that
// is none of the fleet's. It allocates nothing.
func (d *domains) place(domain []byte) (fleet.ServiceID, int, bool) {
	if n := len(domain); n > 0 && domain[n-1] == '.' {
		domain = domain[:n-1]
	}
	var buf [maxDomain]byte
	if len(domain) == 0 || len(domain) > len(buf) {
		return "", 0, false
	}
	sum := fleet.NewBucketSum()
	for i, c := range domain {
		buf[i] = lower(c)
		sum = sum.Add(buf[i])
	}
	name := buf[:len(domain)]
	if s, ok := d.services[fleet.ServiceID(name)]; ok {
		return s, fleet.OwnName, true
	}
	s, ok := d.tenants.Find(name)
	return s, sum.Bucket(), ok
}

// whom says for the meter whether those of a domain are refused over a transport;
// nil when everyone is who uses a transport on which anybody is.
func (rs *ruleset) whom() func(t fleet.Transport, domain string) bool {
	if rs.domains.services == nil {
		return nil
	}
	return func(t fleet.Transport, domain string) bool {
		r := &rs.transports[t]
		if r.Mode != Open {
			return true
		}
		service, bucket, ok := rs.domains.place([]byte(domain))
		return ok && r.part(service, bucket) != nil
	}
}
