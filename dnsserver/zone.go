package dnsserver

import (
	"bytes"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// zone is a srv.Zone packed for answering. It is never changed.
type zone struct {
	source *srv.Zone
	origin []byte   // wire form, lower case
	owners []string // of nodes, in their order
	spans  []span   // the sets of nodes in source.Sets
	names  *names
	nodes  []node
	denial *section // the SOA as authority, for NXDOMAIN and NODATA
	shelf  *shelf   // of who packs the next epoch
	// wildcards says whether any name begins with an asterisk label, referrals
	// whether any part of the zone is delegated.
	wildcards, referrals bool

	signing *signing // nil where nothing is signed, or cannot be

	before []*zone // versions before this one, oldest first, for IXFR

	tenants *tenantIndex // nil without tenants
	// members are the nodes that the tenants of a service share, by the number
	// of the service less one. They are in aliases if tenants are answered with
	// CNAME, else in nodes.
	members []members
	// cohorts are the members of the cohorts of a service, by its number less
	// one; nil without.
	cohorts []*cohorts
	byCNAME bool
	aliases []node
}

// node is what a name answers. One without sets is an empty non-terminal
// (RFC 4592 §2.2.2): it exists, and answers NODATA.
type node struct {
	sets []nodeSet
	// other answers types that are not among sets; nil is the zone's denial.
	other *section
	// referral answers for what is delegated at the name: all that is below it,
	// and itself but for DS (RFC 4035 §3.1.4.1).
	referral *section
}

type nodeSet struct {
	typ    uint16
	answer *section
}

// tellsOthers reports whether the node's answers have records of other names,
// beside addresses of hosts.
func (n *node) tellsOthers() bool { return n.other != nil || n.referral != nil }

// find returns the answer to a question for a type, nil for the denial.
func (n *node) find(typ uint16) *section {
	for i := range n.sets {
		if n.sets[i].typ == typ {
			return n.sets[i].answer
		}
	}
	if typ == typeANY && len(n.sets) > 0 {
		return smallest(n.sets).answer // RFC 8482 §4.1
	}
	return n.other
}

// answer returns what answers a lower-cased wire name; exists is false if the
// name does not exist and nothing stands for it.
func (z *zone) answer(name []byte, hash uint64, qtype uint16) (s *section, exists bool) {
	if z.referrals && covers(z.origin, name) {
		if s := z.referral(name, qtype); s != nil {
			return s, true
		}
	}
	switch at := z.find(name, hash); at.kind {
	case nowhere:
		return nil, false
	case atNode:
		s = z.nodes[at.node].find(qtype)
	case atAlias:
		s = z.aliases[at.node].find(qtype)
	}
	if s == nil {
		s = z.denial
	}
	return s, true
}

// place says which node answers for a name.
type place struct {
	kind placeKind
	node uint32 // in nodes, or in aliases
}

type placeKind uint8

const (
	nowhere   placeKind = iota // no such name
	atNode                     // in nodes
	atAlias                    // in aliases: a tenant, answered by CNAME
	atNothing                  // a name that exists only because of tenants below it
)

// find returns the place of a lower-cased wire name, or of the wildcard that
// stands for it.
func (z *zone) find(name []byte, hash uint64) place {
	p := z.lookup(name, hash)
	if p.kind == nowhere && z.wildcards && covers(z.origin, name) {
		return z.wildcard(name)
	}
	return p
}

// lookup returns the place of a name that exists.
func (z *zone) lookup(name []byte, hash uint64) place {
	if i, ok := z.names.find(name, hash); ok {
		return place{atNode, i}
	}
	if z.tenants != nil {
		return z.tenant(name, hash)
	}
	return place{}
}

// wildcard looks for the asterisk below the closest encloser, which is the
// longest ancestor that exists (RFC 4592 §3.3.1).
func (z *zone) wildcard(name []byte) place {
	for len(name) > len(z.origin) {
		name = name[1+int(name[0]):]
		if z.lookup(name, z.names.hash(name)).kind == nowhere {
			continue
		}
		var buf [2 + maxName]byte
		asterisk := append(append(buf[:0], 1, '*'), name...)
		if i, ok := z.names.find(asterisk, z.names.hash(asterisk)); ok {
			return place{atNode, i}
		}
		return place{}
	}
	return place{}
}

// referral returns the referral of the delegation that a name in the zone lies
// in, the highest if one lies in another; nil if there is none.
func (z *zone) referral(name []byte, qtype uint16) (s *section) {
	for i := 0; len(name) > len(z.origin); i++ {
		if at, ok := z.names.find(name, z.names.hash(name)); ok && (i > 0 || qtype != typeDS) {
			if r := z.nodes[at].referral; r != nil {
				s = r
			}
		}
		name = name[1+int(name[0]):]
	}
	return s
}

// covers reports whether a lower-cased wire name is the origin or below it.
func covers(origin, name []byte) bool {
	off := 0
	for len(name)-off > len(origin) {
		off += 1 + int(name[off])
	}
	return bytes.Equal(name[off:], origin)
}
