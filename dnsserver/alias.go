package dnsserver

import (
	"fmt"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// maxChain bounds how many CNAMEs follow one another.
const maxChain = 8

// chain is where a CNAME leads to.
type chain struct {
	aliases []srv.RRset // the first without an owner: it is the question's name
	end     string      // the name of the last target
	sets    []srv.RRset // at it
	denied  bool        // it is in the zone, so what it does not have does not exist
	missing bool        // it does not exist
}

// alias makes the node of a CNAME set: each type of the last target is answered
// with the whole chain (RFC 1034 §4.3.2, step 3a).
func (b *builder) alias(s srv.RRset) (node, error) {
	c, err := b.follow(s)
	if err != nil {
		return node{}, err
	}
	plain, err := b.section(&s)
	if err != nil {
		return node{}, err
	}
	n := node{sets: []nodeSet{{uint16(srv.TypeCNAME), plain}}}
	for _, last := range c.sets {
		p := b.chained(c)
		p.rrset(c.end, last)
		b.additional(p, b.hostsOf(&last))
		answer, err := p.done()
		if err != nil {
			return node{}, err
		}
		n.sets = append(n.sets, nodeSet{uint16(last.Type), answer})
	}
	p := b.chained(c)
	if c.denied {
		p.authority()
		p.soa(b.src.Origin, b.src.SOA, min(b.src.SOA.TTL, b.src.SOA.Minimum))
	}
	if n.other, err = p.done(); err != nil {
		return node{}, err
	}
	if c.missing {
		n.other.rcode = rcodeNXDomain
	}
	return n, nil
}

// chained packs the CNAMEs of a chain.
func (b *builder) chained(c chain) *packer {
	p := newPacker(b.out.origin)
	owner := ""
	for _, s := range c.aliases {
		p.rrset(owner, s)
		owner = s.Data[0].(srv.CNAME).Target
	}
	return p
}

// follow walks from one CNAME to the next, as far as they are in the zone.
func (b *builder) follow(s srv.RRset) (chain, error) {
	var c chain
	for {
		c.sets = nil
		target, ok := s.Data[0].(srv.CNAME)
		if !ok {
			return c, fmt.Errorf("%s is no CNAME", s.Data[0])
		}
		c.aliases = append(c.aliases, s)
		c.end = strings.ToLower(target.Target)
		if len(c.aliases) > maxChain {
			return c, fmt.Errorf("more than %d CNAMEs one after the other, to %s", maxChain, c.end)
		}
		w, err := packName(c.end)
		if err != nil {
			return c, err
		}
		if !covers(b.out.origin, w) || b.delegated(c.end) {
			c.denied = false
			return c, nil // whoever asks goes on there
		}
		switch at := b.out.find(w, b.out.names.hash(w)); at.kind {
		case nowhere:
			c.denied, c.missing = true, true
		case atNothing:
			c.denied = true
		default:
			c.denied, c.sets = true, b.setsOf(int(at.node))
			if len(c.sets) > 0 && at.kind == atAlias {
				s = srv.RRset{Type: srv.TypeCNAME, TTL: c.sets[0].TTL, Data: []srv.Data{srv.CNAME{Target: b.out.owners[at.node]}}}
				continue
			}
			if len(c.sets) == 1 && c.sets[0].Type == srv.TypeCNAME {
				s = c.sets[0]
				continue
			}
		}
		return c, nil
	}
}

// delegated reports whether a name in the zone lies in a delegated part.
func (b *builder) delegated(name string) bool {
	for ; name != b.src.Origin && name != ""; name = parent(name) {
		if _, ok := b.src.Lookup(name, srv.TypeNS); ok {
			return true
		}
	}
	return false
}
