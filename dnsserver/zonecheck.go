package dnsserver

import (
	"strings"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// whole checks what can be judged only when all records are there, and brings
// the sets in order.
func (r *zoneReader) whole() {
	z := r.zone
	z.Sort()
	if _, ok := z.Lookup(z.Origin, srv.TypeNS); ok != (r.soa > 0) {
		if ok {
			r.problem(r.line1(srv.Key{Name: z.Origin, Type: srv.TypeNS}), "NS at %s without a SOA record", z.Origin)
		} else {
			r.problem(r.soa, "no NS records at %s", z.Origin)
		}
	}
	for i, s := range z.Sets {
		beside := i > 0 && z.Sets[i-1].Name == s.Name || i+1 < len(z.Sets) && z.Sets[i+1].Name == s.Name || s.Name == z.Origin && r.soa > 0
		if s.Type == srv.TypeCNAME && (beside || len(s.Data) > 1) {
			r.problem(r.line1(s.Key()), "%s has other records beside its CNAME (RFC 1034 §3.6.2)", s.Name)
		}
		if cut := r.cutAbove(s.Name); cut != "" && s.Type != srv.TypeA && s.Type != srv.TypeAAAA {
			r.problem(r.line1(s.Key()), "%s lies in %s, which is delegated: nobody will see it", s.Key(), cut)
		}
		for j, d := range s.Data {
			if host := hostOf(d); host != "" {
				r.host(s.Key(), j, host)
			}
		}
	}
}

// line1 is the line of a set's first record.
func (r *zoneReader) line1(k srv.Key) int { return r.lines[k][0] }

// cutAbove returns the delegation above a name, or "".
func (r *zoneReader) cutAbove(name string) string {
	for name = parent(name); r.zone.InZone(name) && name != r.zone.Origin; name = parent(name) {
		if _, ok := r.zone.Lookup(name, srv.TypeNS); ok {
			return name
		}
	}
	return ""
}

// hostOf is the host that a record points to, which must have addresses.
func hostOf(d srv.Data) string {
	switch d := d.(type) {
	case srv.NS:
		return d.Host
	case srv.SRV:
		return d.Target
	case srv.Other:
		if d.RRType == srv.Type(dns.TypeMX) {
			return canonical(d.Text[strings.LastIndexByte(d.Text, ' ')+1:])
		}
	}
	return ""
}

// host checks the target of a record: inside the zone it has addresses, and is
// no alias (RFC 2181 §10.3). In what stands beside the steered records the
// target may be a steered one; that is checked with the whole.
func (r *zoneReader) host(k srv.Key, i int, host string) {
	z := r.zone
	if !z.InZone(host) || host == "." {
		return
	}
	line := r.lines[k][i]
	if _, alias := z.Lookup(host, srv.TypeCNAME); alias {
		r.problem(line, "%s points to %s, which is an alias (RFC 2181 §10.3)", k, host)
		return
	}
	_, v4 := z.Lookup(host, srv.TypeA)
	_, v6 := z.Lookup(host, srv.TypeAAAA)
	if !v4 && !v6 && r.soa > 0 {
		r.problem(line, "%s points to %s, which has no address", k, host)
	}
}
