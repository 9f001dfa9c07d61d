package dnsserver

import (
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// packName turns an absolute name in presentation form into wire form, in
// lower case.
func packName(name string) ([]byte, error) {
	buf := make([]byte, 255)
	n, err := dns.PackDomainName(dns.CanonicalName(name), buf, 0, nil, false)
	if err != nil {
		return nil, fmt.Errorf("pack name %q: %w", name, err)
	}
	return buf[:n], nil
}

// rrset packs all records of a set under the given owner; an empty owner is
// the question's name. Equal records stand once (RFC 2181 §5).
func (p *packer) rrset(owner string, s srv.RRset) {
	if s.TTL > 1<<31-1 { // RFC 2181 §8
		p.fail(fmt.Errorf("TTL %d is above 2^31-1", s.TTL))
	}
	for i, d := range s.Data {
		if slices.ContainsFunc(s.Data[:i], func(o srv.Data) bool { return srv.EqualData(o, d) }) {
			continue
		}
		p.owner(owner, uint16(s.Type), s.TTL)
		p.data(func() { p.rdata(d) })
	}
}

func (p *packer) rdata(d srv.Data) {
	switch d := d.(type) {
	case srv.A:
		if !d.Addr.Is4() {
			p.fail(fmt.Errorf("record A with %s", d.Addr))
			return
		}
		a := d.Addr.As4()
		p.bytes(a[:])
	case srv.AAAA:
		if !d.Addr.Is6() {
			p.fail(fmt.Errorf("record AAAA with %s", d.Addr))
			return
		}
		a := d.Addr.As16()
		p.bytes(a[:])
	case srv.NS:
		p.name(d.Host, true)
	case srv.CNAME:
		p.name(d.Target, true)
	case srv.Other:
		p.s.data = append(p.s.data, d.Wire...)
	case srv.TXT:
		if len(d.Strings) == 0 { // RFC 1035 §3.3.14: one or more
			p.fail(errors.New("TXT record without a string"))
		}
		for _, s := range d.Strings {
			p.text(s)
		}
	case srv.SRV: // RFC 2782: the target is not compressed
		p.u16(int(d.Priority))
		p.u16(int(d.Weight))
		p.u16(int(d.Port))
		p.name(d.Target, false)
	case srv.NAPTR: // RFC 3403 §4.1: nor is the replacement
		p.u16(int(d.Order))
		p.u16(int(d.Preference))
		p.text(d.Flags)
		p.text(d.Service)
		p.text(d.Regexp)
		p.name(d.Replacement, false)
	default:
		p.fail(fmt.Errorf("record of unknown type %T", d))
	}
}

func (p *packer) soa(owner string, s srv.SOA, ttl uint32) {
	p.owner(owner, uint16(srv.TypeSOA), ttl)
	p.data(func() { p.soaData(s) })
}

func (p *packer) soaData(s srv.SOA) {
	p.name(s.MName, true)
	p.name(s.RName, true)
	for _, v := range []uint32{s.Serial, s.Refresh, s.Retry, s.Expire, s.Minimum} {
		p.u32(v)
	}
}
