package dnsserver

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// builder packs a zone. What is the same as in the zone before, names, nodes and
// sections, is taken over, and equal sets of different owners share one section:
// a swap costs what changed.
type builder struct {
	src     *srv.Zone
	old     *zone // never nil, maybe empty
	changes srv.Changes
	out     *zone
	shelf   *shelf
	stays   bool  // what the shelf has is still right
	left    []int // of changes.Sets, those that were not reached yet
	moved   map[*section]movedSection
	key     []byte  // of the set at hand; a buffer
	hosts   []*host // of the set at hand; a buffer
}

// movedSection is what took the place of a section, first found at a set.
type movedSection struct {
	set *srv.RRset
	to  *section
}

// span is a run of sets.
type span struct{ from, to int }

// pack makes a zone of src; old is the one before, or nil. All zones of a
// server hash names with one seed.
func pack(src *srv.Zone, old *zone, seed maphash.Seed) (*zone, error) {
	var before *srv.Zone
	if old != nil {
		before = old.source
	}
	return packChanges(src, old, src.ChangesSince(before), seed)
}

// packChanges is pack for who has compared src with old's.
func packChanges(src *srv.Zone, old *zone, changes srv.Changes, seed maphash.Seed) (*zone, error) {
	origin, err := packName(src.Origin)
	if err != nil {
		return nil, err
	}
	if old == nil || !bytes.Equal(origin, old.origin) {
		old, changes = &zone{source: &srv.Zone{}}, srv.Changes{}
	}
	b := &builder{src: src, old: old, changes: changes, out: &zone{source: src, origin: origin}}
	b.shelf, b.stays = old.shelf.forZone(src)
	b.out.shelf = b.shelf
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
	if b.changes.SameForm {
		z.owners, z.spans, z.names, z.wildcards = b.old.owners, b.old.spans, b.old.names, b.old.wildcards
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
	z.spans = spansOf(b.src.Sets, z.owners)
	return nil
}

func spansOf(sets []srv.RRset, owners []string) []span {
	spans, at := make([]span, len(owners)), 0
	for i, owner := range owners {
		spans[i].from = at
		for at < len(sets) && sets[at].Name == owner {
			at++
		}
		spans[i].to = at
	}
	return spans
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

// fill packs the sets of every owner, but for those that stay as they are.
func (b *builder) fill() error {
	z := b.out
	z.nodes = make([]node, len(z.owners))
	keep := b.changes.SameForm && b.stays
	if keep {
		copy(z.nodes, b.old.nodes)
		z.referrals = b.old.referrals
		b.left = b.changes.Sets
	}
	few := keep && len(b.left) < len(z.owners)/8
	var all []nodeSet // one block for all nodes, unless a few would hold a large one for long
	if !few {
		all = make([]nodeSet, 0, len(b.src.Sets)+1)
	}
	for i := range z.nodes {
		n := &z.nodes[i]
		stays := keep && (len(b.left) == 0 || b.left[0] >= z.spans[i].to) && !n.tellsOthers() && z.owners[i] != b.src.Origin // its SOA is another
		if stays && few {
			continue
		}
		if few {
			all = nil
		}
		first := len(all)
		if stays {
			all = append(all, n.sets...)
		} else {
			before := n.sets
			*n = node{}
			var err error
			if all, err = b.node(i, all, before); err != nil {
				return fmt.Errorf("pack %s: %w", z.owners[i], err)
			}
		}
		if sets := all[first:len(all):len(all)]; len(sets) > 0 {
			n.sets = sets
		}
	}
	return nil
}

func (b *builder) setsOf(owner int) []srv.RRset {
	z := b.out
	return b.src.Sets[z.spans[owner].from:z.spans[owner].to]
}

// node packs the sets of one owner and appends them. What the owner had in the
// zone before is nil where that does not help.
func (b *builder) node(i int, all, before []nodeSet) ([]nodeSet, error) {
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
	for k := range sets {
		s := &sets[k]
		changed := b.isChanged(z.spans[i].from + k)
		switch {
		case s.Type == srv.TypeCNAME:
			if len(sets) > 1 || len(s.Data) > 1 || z.owners[i] == b.src.Origin {
				return nil, errCNAME
			}
			n, err := b.alias(*s)
			z.nodes[i] = n
			return all, err
		case s.Type == srv.TypeNS && s.Name != b.src.Origin:
			r, err := b.referral(*s)
			if err != nil {
				return nil, err
			}
			z.nodes[i].referral, z.referrals = r, true
			continue
		}
		packed, err := b.sectionAfter(sectionOf(before, s.Type), changed, s)
		if err != nil {
			return nil, err
		}
		all = append(all, nodeSet{uint16(s.Type), packed})
	}
	return all, nil
}

// isChanged reports whether a set is the next of those that have changed.
func (b *builder) isChanged(set int) bool {
	if len(b.left) == 0 || b.left[0] != set {
		return false
	}
	b.left = b.left[1:]
	return true
}

func sectionOf(sets []nodeSet, t srv.Type) *section {
	for i := range sets {
		if sets[i].typ == uint16(t) {
			return sets[i].answer
		}
	}
	return nil
}

// sectionAfter packs a set that was answered with a section before. Owners that
// shared one nearly always share the next one too, as all services that a
// failover moves alike: comparing is quicker than looking it up.
func (b *builder) sectionAfter(before *section, changed bool, s *srv.RRset) (*section, error) {
	if before == nil {
		return b.section(s)
	}
	if !changed {
		return before, nil
	}
	m := b.moved[before]
	if m.to != nil && m.set.Equal(s) {
		return m.to, nil
	}
	out, err := b.section(s)
	if b.moved == nil {
		b.moved = map[*section]movedSection{}
	}
	b.moved[before] = movedSection{s, out}
	return out, err
}

// smallest is the set that answers ANY.
func smallest(sets []nodeSet) *nodeSet {
	least := &sets[0]
	for i := range sets {
		if sets[i].answer.cuts[0].size < least.answer.cuts[0].size {
			least = &sets[i]
		}
	}
	return least
}

// section packs a set with its additional records, unless an equal one is
// there: within a zone, equal sets have equal additional records.
func (b *builder) section(s *srv.RRset) (*section, error) {
	b.key = appendKey(b.key[:0], s)
	if known := b.shelf.sections[string(b.key)]; known != nil {
		return known, nil
	}
	p := newPacker(b.out.origin)
	p.rrset("", *s)
	b.additional(p, b.hostsOf(s))
	out, err := p.done()
	if err != nil {
		return nil, err
	}
	b.shelf.sections[string(b.key)] = out
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
// targets of SRV (RFC 2782) and NS (RFC 1035 §3.3.11). The list is good until it
// is called again.
func (b *builder) hostsOf(s *srv.RRset) []*host {
	b.hosts = b.hosts[:0]
	for _, d := range s.Data {
		var h *host
		switch d := d.(type) {
		case srv.SRV:
			h = b.shelf.host(b.src, d.Target)
		case srv.NS:
			h = b.shelf.host(b.src, d.Host)
		}
		if h != nil && !slices.Contains(b.hosts, h) {
			b.hosts = append(b.hosts, h)
		}
	}
	return b.hosts
}
