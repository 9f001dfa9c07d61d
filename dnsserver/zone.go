package dnsserver

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// zone is a srv.Zone packed for answering. It is never changed.
type zone struct {
	source *srv.Zone
	origin []byte   // wire form, lower case
	owners []string // of nodes, in their order
	names  *names
	nodes  []node
	denial *section // the SOA as authority, for NXDOMAIN and NODATA
	// wildcards says whether any name begins with an asterisk label.
	wildcards bool
}

// node is what a name answers. One without sets is an empty non-terminal
// (RFC 4592 §2.2.2): it exists, and answers NODATA.
type node struct {
	sets []nodeSet
	any  *section // the smallest set, for ANY (RFC 8482 §4.1)
}

type nodeSet struct {
	typ    uint16
	answer *section
}

func (n *node) find(typ uint16) *section {
	for i := range n.sets {
		if n.sets[i].typ == typ {
			return n.sets[i].answer
		}
	}
	if typ == typeANY {
		return n.any
	}
	return nil
}

// find looks for a lower-cased wire name and returns its node; exists is false
// if the name does not exist and no wildcard stands for it.
func (z *zone) find(name []byte, hash uint64) (n *node, exists bool) {
	i, ok := z.names.find(name, hash)
	if !ok && z.wildcards {
		i, ok = z.wildcard(name)
	}
	if !ok {
		return nil, false
	}
	return &z.nodes[i], true
}

// wildcard looks for the asterisk below the closest encloser, which is the
// longest ancestor that exists (RFC 4592 §3.3.1).
func (z *zone) wildcard(name []byte) (uint32, bool) {
	if !z.covers(name) {
		return 0, false
	}
	for len(name) > len(z.origin) {
		name = name[1+int(name[0]):]
		if _, ok := z.names.find(name, z.names.hash(name)); !ok {
			continue
		}
		var buf [2 + maxName]byte
		asterisk := append(append(buf[:0], 1, '*'), name...)
		return z.names.find(asterisk, z.names.hash(asterisk))
	}
	return 0, false
}

// covers reports whether a lower-cased wire name is the origin or below it.
func (z *zone) covers(name []byte) bool {
	off := 0
	for len(name)-off > len(z.origin) {
		off += 1 + int(name[off])
	}
	return bytes.Equal(name[off:], z.origin)
}

// pack makes a zone of z. Of the old zone, if there is one, it takes over the
// names when they are the same, so that a swap costs what changed: the sets.
func pack(z *srv.Zone, old *zone) (*zone, error) {
	origin, err := packName(z.Origin)
	if err != nil {
		return nil, err
	}
	out := &zone{source: z, origin: origin, owners: ownersOf(z)}
	if err := out.index(old); err != nil {
		return nil, err
	}
	out.nodes = make([]node, len(out.owners))
	sets := z.Sets
	for i, owner := range out.owners {
		n := &out.nodes[i]
		if owner == z.Origin {
			if err := n.addSOA(z, origin); err != nil {
				return nil, err
			}
		}
		for ; len(sets) > 0 && sets[0].Name == owner; sets = sets[1:] {
			if sets[0].Type == srv.TypeNS && owner != z.Origin {
				return nil, fmt.Errorf("%s: delegations are not served", sets[0].Key())
			}
			if err := n.add(z, origin, sets[0]); err != nil {
				return nil, err
			}
		}
	}
	p := newPacker(origin)
	p.soa(z.Origin, z.SOA, min(z.SOA.TTL, z.SOA.Minimum)) // RFC 2308 §3
	p.n.records = 1
	p.cut()
	p.s.authority = true
	out.denial, err = p.done()
	return out, err
}

// ownersOf lists the owners of sets and the empty non-terminals between them
// and the origin, in the order of the sets.
func ownersOf(z *srv.Zone) []string {
	seen := map[string]bool{z.Origin: true}
	owners := []string{z.Origin}
	for i := range z.Sets {
		for name := z.Sets[i].Name; !seen[name]; name = parent(name) {
			seen[name] = true
			owners = append(owners, name)
		}
	}
	slices.Sort(owners)
	return owners
}

// parent cuts the first label off a name in presentation form.
func parent(name string) string {
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '\\':
			i++
		case '.':
			return name[i+1:]
		}
	}
	return ""
}

// index gives owner i the node i.
func (z *zone) index(old *zone) error {
	if old != nil && slices.Equal(z.owners, old.owners) {
		z.names, z.wildcards = old.names, old.wildcards
		return nil
	}
	z.names = newNames(len(z.owners))
	for i, owner := range z.owners {
		w, err := packName(owner)
		if err != nil {
			return err
		}
		if !z.covers(w) {
			return fmt.Errorf("name %q is not in %s", owner, z.source.Origin)
		}
		if _, twice := z.names.find(w, z.names.hash(w)); twice {
			return fmt.Errorf("name %q stands twice, written differently", owner)
		}
		z.names.add(w, uint32(i))
		z.wildcards = z.wildcards || bytes.HasPrefix(w, []byte{1, '*'})
	}
	return nil
}

// add packs a set with its additional records.
func (n *node) add(z *srv.Zone, origin []byte, s srv.RRset) error {
	p := newPacker(origin)
	p.n.records = p.rrset("", s)
	p.cut()
	var done []string
	for _, d := range s.Data {
		host := hostOf(d)
		if host == "" || slices.Contains(done, host) {
			continue
		}
		done = append(done, host)
		for _, t := range []srv.Type{srv.TypeA, srv.TypeAAAA} {
			if a, ok := z.Lookup(strings.ToLower(host), t); ok {
				p.n.additional += p.rrset(host, a)
				p.cut()
			}
		}
	}
	return n.keep(p, s.Key())
}

// hostOf is the host whose addresses go with a record: the target of SRV
// (RFC 2782) and of NS (RFC 1035 §3.3.11).
func hostOf(d srv.Data) string {
	switch d := d.(type) {
	case srv.SRV:
		return d.Target
	case srv.NS:
		return d.Host
	}
	return ""
}

func (n *node) addSOA(z *srv.Zone, origin []byte) error {
	p := newPacker(origin)
	p.soa("", z.SOA, z.SOA.TTL)
	p.n.records = 1
	p.cut()
	return n.keep(p, srv.Key{Name: z.Origin, Type: srv.TypeSOA})
}

// keep adds the packed set, and makes it the answer to ANY if it is the
// smallest, then without its additional records.
func (n *node) keep(p *packer, k srv.Key) error {
	s, err := p.done()
	if err != nil {
		return fmt.Errorf("pack %s: %w", k, err)
	}
	n.sets = append(n.sets, nodeSet{typ: uint16(k.Type), answer: s})
	if n.any == nil || cmp.Less(s.cuts[0].size, n.any.cuts[0].size) {
		least := *s
		least.cuts = s.cuts[:1]
		n.any = &least
	}
	return nil
}
