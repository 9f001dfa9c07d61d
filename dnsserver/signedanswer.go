package dnsserver

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// signedBuilder packs one answer with its signatures. Every name is answered as
// if it stood in the zone as it is, wildcards and tenants too (RFC 9824 §3.3), so
// there is one way to sign and one to deny.
type signedBuilder struct {
	b      *builder
	z      *zone
	p      *packer
	period uint32
	err    error
}

// signedOwner is where a signed set stands: in the message, and in full.
type signedOwner struct {
	said string // "" is the question's name
	wire []byte
}

// signedSection packs the answer to a question for a name of the zone, which is
// lower-cased.
func (z *zone) signedSection(name []byte, qtype uint16, period uint32) (*section, error) {
	x := &signedBuilder{
		b: &builder{src: z.source, out: z, shelf: &shelf{hosts: map[string]*host{}}}, z: z, p: newPacker(z.origin), period: period,
	}
	if cut := z.cutAbove(name, qtype); cut != nil {
		x.referral(cut)
	} else {
		x.answer(signedOwner{wire: name}, qtype)
	}
	if x.err != nil {
		return nil, x.err
	}
	return x.p.done()
}

// answer follows CNAMEs to what answers the question (RFC 1034 §4.3.2).
func (x *signedBuilder) answer(at signedOwner, qtype uint16) {
	for range maxChain + 1 {
		sets, exists := x.setsAt(at.wire)
		if len(sets) == 1 && sets[0].Type == srv.TypeCNAME && !matchesAlias(qtype) {
			x.set(at, sets[0])
			target := strings.ToLower(sets[0].Data[0].(srv.CNAME).Target)
			w, err := packName(target)
			if err != nil {
				x.err = err
				return
			}
			if !covers(x.z.origin, w) || x.b.delegated(target) {
				return // who asks goes on there
			}
			at = signedOwner{said: target, wire: w}
			continue
		}
		x.last(at, sets, exists, qtype)
		return
	}
}

// matchesAlias reports whether a CNAME itself answers a question for a type.
func matchesAlias(qtype uint16) bool {
	return qtype == uint16(srv.TypeCNAME) || qtype == typeANY || qtype == uint16(srv.TypeNSEC) || qtype == uint16(srv.TypeRRSIG)
}

// last packs what the end of a chain has, or its denial.
func (x *signedBuilder) last(at signedOwner, sets []srv.RRset, exists bool, qtype uint16) {
	apex := len(at.wire) == len(x.z.origin)
	switch {
	case !exists:
	case apex && (qtype == uint16(srv.TypeSOA) || qtype == typeANY):
		x.soa(at, x.z.source.SOA.TTL)
		return
	case qtype == uint16(srv.TypeNSEC):
		x.nsec(at, sets, true)
		return
	case qtype == typeANY && len(sets) > 0: // RFC 8482 §4.1
		x.set(at, sets[0])
		return
	case qtype == uint16(srv.TypeRRSIG) && len(sets) > 0: // RFC 8482 §4.1 for signatures
		records, err := recordsOf(sets[0])
		if err != nil {
			x.err = err
			return
		}
		x.sign(at, records, sets[0].TTL)
		return
	}
	for _, s := range sets {
		if uint16(s.Type) == qtype {
			x.set(at, s)
			x.additional(x.b.hostsOf(&s))
			return
		}
	}
	x.deny(at, sets, exists)
}

// deny packs the SOA record and the NSEC record that proves what there is not.
func (x *signedBuilder) deny(at signedOwner, sets []srv.RRset, exists bool) {
	x.p.authority()
	soa := x.z.source.SOA
	x.soa(signedOwner{x.z.source.Origin, x.z.origin}, min(soa.TTL, soa.Minimum)) // RFC 2308 §3
	x.nsec(at, sets, exists)
	if !exists {
		x.p.s.rcode = rcodeNXDomain
	}
}

// nsec packs the NSEC record of a name (RFC 9824 §3.1, §3.2, §3.4).
func (x *signedBuilder) nsec(at signedOwner, sets []srv.RRset, exists bool) {
	types := []uint16{uint16(srv.TypeRRSIG), uint16(srv.TypeNSEC)}
	for _, s := range sets {
		types = append(types, uint16(s.Type))
	}
	if len(at.wire) == len(x.z.origin) {
		types = append(types, uint16(srv.TypeSOA))
	}
	if !exists {
		types = append(types, typeNXNAME)
	}
	soa := x.z.source.SOA
	record := nsecRecord(at.wire, x.z.origin, types, min(soa.TTL, soa.Minimum)) // RFC 9077 §3
	x.record(at.said, &record)
	x.sign(at, []transferRecord{record}, record.ttl)
}

// soa packs the SOA record with a TTL that may be lower than that which is
// signed.
func (x *signedBuilder) soa(at signedOwner, ttl uint32) {
	x.p.soa(at.said, x.z.source.SOA, ttl)
	record, err := soaRecord(x.z.source.SOA)
	if err != nil {
		x.err = err
		return
	}
	x.sign(at, []transferRecord{*record}, ttl)
}

// set packs a set and its signatures.
func (x *signedBuilder) set(at signedOwner, s srv.RRset) {
	records, err := recordsOf(s)
	if err != nil {
		x.err = err
		return
	}
	x.p.rrset(at.said, s)
	x.sign(at, records, s.TTL)
}

func (x *signedBuilder) sign(at signedOwner, set []transferRecord, ttl uint32) {
	if x.err != nil {
		return
	}
	signatures, err := x.z.signing.sign(at.wire, x.z.origin, set, x.period)
	if err != nil {
		x.err = err
		return
	}
	for _, rdata := range signatures {
		x.record(at.said, &transferRecord{uint16(srv.TypeRRSIG), ttl, rdata})
	}
}

func (x *signedBuilder) record(owner string, r *transferRecord) {
	x.p.owner(owner, r.typ, r.ttl)
	x.p.data(func() { x.p.bytes(r.data) })
}

// additional packs the addresses of hosts, signed, each with a cut behind it
// (RFC 4035 §3.1.1).
func (x *signedBuilder) additional(hosts []*host) {
	x.p.cut()
	for _, h := range hosts {
		w, err := packName(h.name)
		if err != nil {
			x.err = err
			return
		}
		for _, a := range h.sets {
			if x.b.delegated(h.name) { // glue is not ours to sign
				x.p.rrset(h.name, a)
			} else {
				x.set(signedOwner{h.name, w}, a)
			}
			x.p.cut()
		}
	}
}

// referral packs a delegation: the NS set, which is not signed, and the DS set or
// the proof that there is none (RFC 4035 §3.1.4).
func (x *signedBuilder) referral(cut []byte) {
	owner, _, err := dns.UnpackDomainName(cut, 0)
	if err != nil {
		x.err = fmt.Errorf("read name of a delegation: %w", err)
		return
	}
	at := signedOwner{owner, cut}
	x.p.authority()
	sets, _ := x.setsAt(cut)
	var ns, ds srv.RRset
	for _, s := range sets {
		switch s.Type {
		case srv.TypeNS:
			ns = s
		case srv.TypeDS:
			ds = s
		}
	}
	x.p.rrset(owner, ns)
	if len(ds.Data) > 0 {
		x.set(at, ds)
	} else {
		x.nsec(at, []srv.RRset{ns}, true)
	}
	x.p.glue()
	var beside []*host
	for _, h := range x.b.hostsOf(&ns) {
		if h.name != owner && !strings.HasSuffix(h.name, "."+owner) {
			beside = append(beside, h)
			continue
		}
		for _, a := range h.sets {
			x.p.rrset(h.name, a)
		}
	}
	x.additional(beside)
	x.p.s.referral = true
}

// setsAt returns the sets of a name, its own or those that stand for it.
func (x *signedBuilder) setsAt(name []byte) (sets []srv.RRset, exists bool) {
	z := x.z
	at := z.find(name, z.names.hash(name))
	switch at.kind {
	case nowhere:
		return nil, false
	case atNothing:
		return nil, true
	}
	owner := z.owners[at.node]
	sets = z.source.SetsOf(owner)
	switch {
	case at.kind == atAlias && len(sets) > 0:
		return []srv.RRset{{Type: srv.TypeCNAME, TTL: sets[0].TTL, Data: []srv.Data{srv.CNAME{Target: owner}}}}, true
	case at.kind == atNode && z.nodes[at.node].referral != nil: // what else stands there is the child's
		return slices.DeleteFunc(slices.Clone(sets), func(s srv.RRset) bool { return s.Type != srv.TypeNS && s.Type != srv.TypeDS }), true
	}
	return sets, true
}

// cutAbove returns the name of the delegation that a name lies in, nil if it
// lies in none; the highest if one lies in another.
func (z *zone) cutAbove(name []byte, qtype uint16) (cut []byte) {
	if !z.referrals {
		return nil
	}
	for i := 0; len(name) > len(z.origin); i++ {
		if at, ok := z.names.find(name, z.names.hash(name)); ok && (i > 0 || qtype != typeDS) && z.nodes[at].referral != nil {
			cut = name
		}
		name = name[1+int(name[0]):]
	}
	return cut
}
