package dnsserver

import (
	"bytes"
	"fmt"
	"hash/maphash"
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
	spans []span           // of src.Sets, by owner
	hosts map[string]*host // by their names as they are written in data
	key   []byte           // of the set at hand; a buffer
}

// span is a run of sets.
type span struct{ from, to int }

// host is a host with its addresses in the zone.
type host struct {
	name string // lower-cased
	sets []srv.RRset
	key  []byte // of the sets
}

// pack makes a zone of src; old is the one before, or nil. All zones of a
// server hash names with one seed.
func pack(src *srv.Zone, old *zone, seed maphash.Seed) (*zone, error) {
	origin, err := packName(src.Origin)
	if err != nil {
		return nil, err
	}
	if old == nil || !bytes.Equal(origin, old.origin) {
		old = &zone{source: &srv.Zone{}}
	}
	b := &builder{src: src, old: old, hosts: map[string]*host{}, out: &zone{
		source: src, origin: origin, sections: make(map[string]*section, len(old.sections)),
	}}
	for _, step := range []func() error{
		func() error { return b.index(seed) }, b.shareWithTenants, b.deny, b.fill, b.aliasTenants,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return b.out, nil
}

// deny packs the SOA as authority.
func (b *builder) deny() (err error) {
	p := newPacker(b.out.origin)
	p.authority()
	p.soa(b.src.Origin, b.src.SOA, min(b.src.SOA.TTL, b.src.SOA.Minimum)) // RFC 2308 §3
	if b.out.denial, err = p.done(); err != nil {
		return fmt.Errorf("pack SOA: %w", err)
	}
	return nil
}

// index gives every name its node: owner i has node i.
func (b *builder) index(seed maphash.Seed) error {
	z := b.out
	same := func(x, y srv.RRset) bool { return x.Name == y.Name && x.Type == y.Type }
	if slices.EqualFunc(b.src.Sets, b.old.source.Sets, same) {
		z.owners, z.names, z.wildcards = b.old.owners, b.old.names, b.old.wildcards
		return nil
	}
	z.owners = ownersOf(b.src)
	z.names = newNames(seed, len(z.owners))
	for i, owner := range z.owners {
		w, err := packName(owner)
		if err != nil {
			return err
		}
		if !covers(z.origin, w) {
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

// fill packs the sets of every owner.
func (b *builder) fill() error {
	z := b.out
	z.nodes = make([]node, len(z.owners))
	b.spans = make([]span, len(z.owners))
	at := 0
	for i, owner := range z.owners {
		b.spans[i].from = at
		for at < len(b.src.Sets) && b.src.Sets[at].Name == owner {
			at++
		}
		b.spans[i].to = at
	}
	all := make([]nodeSet, 0, len(b.src.Sets)+1) // one block for all nodes
	for i, owner := range z.owners {
		first := len(all)
		var err error
		if all, err = b.node(i, all); err != nil {
			return fmt.Errorf("pack %s: %w", owner, err)
		}
		if sets := all[first:len(all):len(all)]; len(sets) > 0 {
			z.nodes[i].sets, z.nodes[i].any = sets, smallest(sets)
		}
	}
	return nil
}

func (b *builder) setsOf(owner int) []srv.RRset {
	return b.src.Sets[b.spans[owner].from:b.spans[owner].to]
}

// node packs the sets of one owner and appends them.
func (b *builder) node(i int, all []nodeSet) ([]nodeSet, error) {
	z, sets := b.out, b.setsOf(i)
	if z.owners[i] == b.src.Origin {
		p := newPacker(z.origin)
		p.soa("", b.src.SOA, b.src.SOA.TTL)
		soa, err := p.done()
		if err != nil {
			return nil, err
		}
		all = append(all, nodeSet{uint16(srv.TypeSOA), soa})
	}
	for _, s := range sets {
		switch {
		case s.Type == srv.TypeCNAME:
			if len(sets) > 1 || len(s.Data) > 1 || z.owners[i] == b.src.Origin {
				return nil, errCNAME
			}
			n, err := b.alias(s)
			z.nodes[i] = n
			return all, err
		case s.Type == srv.TypeNS && s.Name != b.src.Origin:
			r, err := b.referral(s)
			if err != nil {
				return nil, err
			}
			z.nodes[i].referral, z.referrals = r, true
			continue
		}
		packed, err := b.section(s)
		if err != nil {
			return nil, err
		}
		all = append(all, nodeSet{uint16(s.Type), packed})
	}
	return all, nil
}

// smallest is the set that answers ANY.
func smallest(sets []nodeSet) int {
	least := 0
	for i := range sets {
		if sets[i].answer.cuts[0].size < sets[least].answer.cuts[0].size {
			least = i
		}
	}
	return least
}

// section packs a set with its additional records, unless an equal one is
// there.
func (b *builder) section(s srv.RRset) (*section, error) {
	hosts := b.hostsOf(s)
	b.key = appendKey(b.key[:0], s)
	for _, h := range hosts {
		b.key = append(b.key, h.key...)
	}
	if known := b.out.sections[string(b.key)]; known != nil {
		return known, nil
	}
	out := b.old.sections[string(b.key)]
	if out == nil {
		p := newPacker(b.out.origin)
		p.rrset("", s)
		b.additional(p, hosts)
		var err error
		if out, err = p.done(); err != nil {
			return nil, err
		}
	}
	b.out.sections[string(b.key)] = out
	return out, nil
}

// additional ends the first cut and adds one for the addresses of each host.
func (b *builder) additional(p *packer, hosts []*host) {
	p.cut()
	for _, h := range hosts {
		for _, a := range h.sets {
			p.rrset(h.name, a)
			p.cut()
		}
	}
}

// hostsOf lists the hosts whose addresses go with a set, each once: the
// targets of SRV (RFC 2782) and NS (RFC 1035 §3.3.11).
func (b *builder) hostsOf(s srv.RRset) []*host {
	if s.Type != srv.TypeSRV && s.Type != srv.TypeNS {
		return nil
	}
	hosts := make([]*host, 0, len(s.Data))
	for _, d := range s.Data {
		var h *host
		switch d := d.(type) {
		case srv.SRV:
			h = b.lookHost(d.Target)
		case srv.NS:
			h = b.lookHost(d.Host)
		}
		if h != nil && !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// lookHost finds the addresses of a host, once for all sets.
func (b *builder) lookHost(written string) *host {
	if h := b.hosts[written]; h != nil {
		return h
	}
	if name := strings.ToLower(written); name != written {
		h := b.lookHost(name)
		b.hosts[written] = h
		return h
	}
	h := &host{name: written}
	for _, t := range []srv.Type{srv.TypeA, srv.TypeAAAA} {
		if s, ok := b.src.Lookup(h.name, t); ok {
			h.sets = append(h.sets, s)
			h.key = appendKey(h.key, s)
		}
	}
	b.hosts[h.name] = h
	return h
}
