package dnsserver

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// builder packs a zone. What is the same as in the zone before, names and
// sections, is taken over, and equal sets of different owners share one
// section: a swap costs what changed.
type builder struct {
	src   *srv.Zone
	old   *zone // never nil, maybe empty
	out   *zone
	hosts map[string]hostSets
	key   []byte // of the set at hand; a buffer
}

// hostSets are the addresses of a host in the zone.
type hostSets struct {
	sets []srv.RRset
	key  string
}

// pack makes a zone of src; old is the one before, or nil.
func pack(src *srv.Zone, old *zone) (*zone, error) {
	origin, err := packName(src.Origin)
	if err != nil {
		return nil, err
	}
	if old == nil || !bytes.Equal(origin, old.origin) {
		old = &zone{source: &srv.Zone{}}
	}
	b := &builder{src: src, old: old, hosts: map[string]hostSets{}, out: &zone{
		source: src, origin: origin, sections: make(map[string]*section, len(old.sections)),
	}}
	if err := b.index(); err != nil {
		return nil, err
	}
	if err := b.nodes(); err != nil {
		return nil, err
	}
	p := newPacker(origin)
	p.soa(src.Origin, src.SOA, min(src.SOA.TTL, src.SOA.Minimum)) // RFC 2308 §3
	b.out.denial, err = p.done()
	if err != nil {
		return nil, fmt.Errorf("pack SOA: %w", err)
	}
	b.out.denial.authority = true
	return b.out, nil
}

// index gives every name its node: owner i has node i.
func (b *builder) index() error {
	z := b.out
	same := func(x, y srv.RRset) bool { return x.Name == y.Name }
	if slices.EqualFunc(b.src.Sets, b.old.source.Sets, same) {
		z.owners, z.names, z.wildcards = b.old.owners, b.old.names, b.old.wildcards
		return nil
	}
	z.owners = ownersOf(b.src)
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

// nodes packs the sets of every owner.
func (b *builder) nodes() error {
	b.out.nodes = make([]node, len(b.out.owners))
	all := make([]nodeSet, 0, len(b.src.Sets)+1) // one block for all nodes
	sets := b.src.Sets
	for i, owner := range b.out.owners {
		first := len(all)
		if owner == b.src.Origin {
			p := newPacker(b.out.origin)
			p.soa("", b.src.SOA, b.src.SOA.TTL)
			soa, err := p.done()
			if err != nil {
				return fmt.Errorf("pack SOA: %w", err)
			}
			all = append(all, nodeSet{uint16(srv.TypeSOA), soa})
		}
		for ; len(sets) > 0 && sets[0].Name == owner; sets = sets[1:] {
			s, err := b.section(sets[0])
			if err != nil {
				return fmt.Errorf("pack %s: %w", sets[0].Key(), err)
			}
			all = append(all, nodeSet{uint16(sets[0].Type), s})
		}
		b.out.nodes[i] = newNode(all[first:len(all):len(all)])
	}
	return nil
}

func newNode(sets []nodeSet) node {
	n := node{sets: sets}
	for i := range sets {
		if sets[i].answer.cuts[0].size < sets[n.any].answer.cuts[0].size {
			n.any = i
		}
	}
	return n
}

// section packs a set with its additional records, unless an equal one is
// there.
func (b *builder) section(s srv.RRset) (*section, error) {
	if s.Type == srv.TypeNS && s.Name != b.src.Origin {
		return nil, errDelegation
	}
	hosts := b.hostsOf(s)
	b.key = appendKey(b.key[:0], s)
	for _, h := range hosts {
		b.key = append(b.key, b.hosts[h].key...)
	}
	if known := b.out.sections[string(b.key)]; known != nil {
		return known, nil
	}
	out := b.old.sections[string(b.key)]
	if out == nil {
		p := newPacker(b.out.origin)
		p.rrset("", s)
		p.cut()
		for _, h := range hosts {
			for _, a := range b.hosts[h].sets {
				p.rrset(h, a)
				p.cut()
			}
		}
		var err error
		if out, err = p.done(); err != nil {
			return nil, err
		}
	}
	b.out.sections[string(b.key)] = out
	return out, nil
}

// hostsOf lists the hosts whose addresses go with a set, each once: the
// targets of SRV (RFC 2782) and of NS (RFC 1035 §3.3.11).
func (b *builder) hostsOf(s srv.RRset) []string {
	if s.Type != srv.TypeSRV && s.Type != srv.TypeNS {
		return nil
	}
	hosts := make([]string, 0, len(s.Data))
	for _, d := range s.Data {
		host := ""
		switch d := d.(type) {
		case srv.SRV:
			host = strings.ToLower(d.Target)
		case srv.NS:
			host = strings.ToLower(d.Host)
		}
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
			b.lookHost(host)
		}
	}
	return hosts
}

// lookHost finds the addresses of a host, once for all sets.
func (b *builder) lookHost(host string) {
	if _, ok := b.hosts[host]; ok {
		return
	}
	var h hostSets
	var key []byte
	for _, t := range []srv.Type{srv.TypeA, srv.TypeAAAA} {
		if s, ok := b.src.Lookup(host, t); ok {
			h.sets = append(h.sets, s)
			key = appendKey(key, s)
		}
	}
	h.key = string(key)
	b.hosts[host] = h
}
