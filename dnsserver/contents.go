package dnsserver

import (
	"bytes"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// takeRecord is given one record after the other. The owner is in wire form,
// without the zone's origin.
type takeRecord func(owner []byte, r *transferRecord) error

// eachSet yields the records of all sets, without the SOA.
func (z *zone) eachSet(take takeRecord) error {
	for _, s := range z.source.Sets {
		if err := z.eachOf(s, take); err != nil {
			return err
		}
	}
	return nil
}

func (z *zone) eachOf(s srv.RRset, take takeRecord) error {
	owner, err := packName(s.Name)
	if err != nil {
		return err
	}
	records, err := recordsOf(s)
	if err != nil {
		return err
	}
	for i := range records {
		if err := take(owner[:len(owner)-len(z.origin)], &records[i]); err != nil {
			return err
		}
	}
	return nil
}

// recordsOf packs the records of a set, each by itself.
func recordsOf(s srv.RRset) ([]transferRecord, error) {
	var out []transferRecord
	for i, d := range s.Data {
		if slices.ContainsFunc(s.Data[:i], func(o srv.Data) bool { return srv.EqualData(o, d) }) {
			continue
		}
		p := newPacker([]byte{0})
		p.plain = true
		p.rdata(d)
		if p.err != nil {
			return nil, p.err
		}
		out = append(out, transferRecord{uint16(s.Type), s.TTL, p.s.data})
	}
	return out, nil
}

func soaRecord(s srv.SOA) (*transferRecord, error) {
	p := newPacker([]byte{0})
	p.plain = true
	p.soaData(s)
	return &transferRecord{uint16(srv.TypeSOA), s.TTL, p.s.data}, p.err
}

// share is what every tenant of a service has: records, and in front of the
// tenant's name the labels where they stand.
type share struct {
	prefix []byte
	record transferRecord
}

func (s *share) equal(o *share) bool {
	return s.record.typ == o.record.typ && s.record.ttl == o.record.ttl && bytes.Equal(s.prefix, o.prefix) && bytes.Equal(s.record.data, o.record.data)
}

// shares are what tenants have, by their service and bucket. Those who have the
// same share the list.
type shares map[fleet.ServiceID]*bucketShares

// bucketShares are what the tenants of one service have, by their bucket.
type bucketShares struct {
	lists [fleet.Cohorts][]share
	alike bool // all lists are the first: no bucket needs to be worked out
}

// of returns what a tenant has.
func (s shares) of(tenant fleet.TenantID, service fleet.ServiceID) []share {
	switch has := s[service]; {
	case has == nil:
		return nil
	case has.alike:
		return has.lists[0]
	default:
		return has.lists[fleet.BucketOf(tenant)]
	}
}

// shares lists what the tenants of each service have.
func (z *zone) shares() (shares, error) {
	out := shares{}
	if z.tenants == nil {
		return out, nil
	}
	for i, service := range z.tenants.services {
		rest, err := z.sharesOf(z.members[i])
		if err != nil {
			return nil, err
		}
		has := &bucketShares{alike: true}
		for bucket := range has.lists {
			has.lists[bucket] = rest
		}
		if z.cohorts != nil && z.cohorts[i] != nil {
			has.alike = false
			for k, m := range z.cohorts[i].lists {
				own, err := z.sharesOf(m)
				if err != nil {
					return nil, err
				}
				for bucket, at := range z.cohorts[i].at {
					if int(at) == k+1 {
						has.lists[bucket] = own
					}
				}
			}
		}
		out[service] = has
	}
	return out, nil
}

// sharesOf lists the records of some members.
func (z *zone) sharesOf(m members) (out []share, err error) {
	for _, x := range m {
		list, err := z.sharesAt(x)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// sharesAt lists the records of one member: those of its sets, or the CNAME to
// them.
func (z *zone) sharesAt(x member) (out []share, err error) {
	owner := z.owners[x.node]
	first, _ := slices.BinarySearchFunc(z.source.Sets, owner, func(s srv.RRset, name string) int { return bytes.Compare([]byte(s.Name), []byte(name)) })
	for _, s := range z.source.Sets[first:] {
		if s.Name != owner {
			break
		}
		if z.byCNAME {
			s = srv.RRset{Type: srv.TypeCNAME, TTL: s.TTL, Data: []srv.Data{srv.CNAME{Target: owner}}}
		}
		records, err := recordsOf(s)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			out = append(out, share{x.prefix, r})
		}
		if z.byCNAME {
			break // of all sets there is one
		}
	}
	return out, nil
}

// eachTenant yields the records of all tenants.
func (z *zone) eachTenant(take takeRecord) error {
	shares, err := z.shares()
	if err != nil {
		return err
	}
	var o tenantOwner
	for domain, service := range z.source.Tenants.All() {
		if err := o.each(domain, shares.of(domain, service), z.origin, take); err != nil {
			return err
		}
	}
	return nil
}

// tenantOwner makes the owners of a tenant's records; it is a buffer.
type tenantOwner struct {
	wire  [maxName]byte
	owner [2 * maxName]byte
}

// each yields some records of one tenant.
func (o *tenantOwner) each(domain fleet.TenantID, list []share, origin []byte, take takeRecord) error {
	name, _ := wireOf(&o.wire, string(domain))
	name = name[:len(name)-len(origin)]
	for i := range list {
		owner := append(append(o.owner[:0], list[i].prefix...), name...)
		if err := take(owner, &list[i].record); err != nil {
			return err
		}
	}
	return nil
}
