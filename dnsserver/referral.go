package dnsserver

import (
	"strings"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// referral packs the delegation of a part of the zone: its NS set as authority
// and the addresses of the name servers. Those of servers inside the part are
// what nobody finds without us: they belong to the answer itself, which is
// truncated when they do not fit (RFC 9471 §2).
func (b *builder) referral(s srv.RRset) (*section, error) {
	p := newPacker(b.out.origin)
	p.authority()
	p.rrset(s.Name, s)
	var inside, beside []*host
	for _, h := range b.hostsOf(&s) {
		if h.name == s.Name || strings.HasSuffix(h.name, "."+s.Name) {
			inside = append(inside, h)
		} else {
			beside = append(beside, h)
		}
	}
	p.glue()
	for _, h := range inside {
		for _, a := range h.sets {
			p.rrset(h.name, a)
		}
	}
	b.additional(p, beside)
	out, err := p.done()
	if err != nil {
		return nil, err
	}
	out.referral = true
	return out, nil
}
