package dnsserver

import (
	"errors"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// keptVersions is how many zones before the one served are kept for IXFR. They
// share with it what is the same: tenants, names, sections.
const keptVersions = 16

// incremental answers IXFR (RFC 1995): with the differences to the serial that
// the client has, as one step; with the whole zone if that serial is not kept,
// or the differences are larger; with the SOA alone if the client has it.
func (x *exchange) incremental(w *transferWriter, z *zone, serial uint32) error {
	if int32(serial-z.source.SOA.Serial) >= 0 {
		return w.soaOnly(z)
	}
	old := z.version(serial)
	if old == nil {
		x.s.transfers.whole.Add(1)
		return w.zone(z)
	}
	d, err := differ(old, z)
	if err != nil {
		return err
	}
	if d.larger() {
		x.s.transfers.whole.Add(1)
		return w.zone(z)
	}
	x.s.transfers.incremental.Add(1)
	return d.write(w)
}

// version returns the zone before this one that has the serial, if it is kept.
func (z *zone) version(serial uint32) *zone {
	for i := len(z.before) - 1; i >= 0; i-- {
		if z.before[i].source.SOA.Serial == serial {
			return z.before[i]
		}
	}
	return nil
}

// keep remembers the zone before this one: what it takes to tell its records.
func (z *zone) keep(old *zone) {
	if old == nil {
		return
	}
	past := old.before[max(0, len(old.before)+1-keptVersions):]
	z.before = append(slices.Clone(past), &zone{
		source: old.source, origin: old.origin, owners: old.owners, tenants: old.tenants, members: old.members, cohorts: old.cohorts, byCNAME: old.byCNAME,
	})
}

func (w *transferWriter) soaOnly(z *zone) error {
	soa, err := soaRecord(z.source.SOA)
	if err == nil {
		err = w.record(nil, soa)
	}
	if err != nil {
		return err
	}
	return w.flush()
}

// difference is what two versions of a zone do not have in common.
type difference struct {
	old, now       *zone
	gone, come     []srv.RRset          // sets, with only the records that differ
	goneOf, comeOf shares               // of the tenants who stay with their service
	every          bool                 // those are not empty, so every tenant is looked at
	moved          []fleet.TenantChange // tenants that have come, gone or moved
	was, is        shares               // all that tenants have
}

// differ compares two zones of one origin.
func differ(old, now *zone) (*difference, error) {
	d := &difference{old: old, now: now, goneOf: shares{}, comeOf: shares{}}
	d.gone, d.come = setsWithout(old.source, now.source), setsWithout(now.source, old.source)
	var err error
	if d.was, err = old.shares(); err != nil {
		return nil, err
	}
	if d.is, err = now.shares(); err != nil {
		return nil, err
	}
	for _, s := range old.source.Tenants.Services() {
		d.compare(s.Service)
	}
	d.moved = slices.Collect(now.source.Tenants.Diff(old.source.Tenants))
	return d, nil
}

// compare says what changes for the tenants of a service, by their buckets.
func (d *difference) compare(service fleet.ServiceID) {
	was, is := d.was[service], d.is[service]
	if was == nil || is == nil {
		return // all of its tenants have come or gone
	}
	gone, come := &bucketShares{alike: was.alike && is.alike}, &bucketShares{alike: was.alike && is.alike}
	same := func(a, b []share) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }
	for b := range was.lists {
		if b > 0 && same(was.lists[b], was.lists[b-1]) && same(is.lists[b], is.lists[b-1]) {
			gone.lists[b], come.lists[b] = gone.lists[b-1], come.lists[b-1]
			continue
		}
		gone.lists[b], come.lists[b] = sharesWithout(was.lists[b], is.lists[b]), sharesWithout(is.lists[b], was.lists[b])
		d.every = d.every || len(gone.lists[b])+len(come.lists[b]) > 0
	}
	d.goneOf[service], d.comeOf[service] = gone, come
}

// setsWithout lists the records of a that b does not have.
func setsWithout(a, b *srv.Zone) (out []srv.RRset) {
	for _, s := range a.Sets {
		other, ok := b.Lookup(s.Name, s.Type)
		if ok && other.TTL == s.TTL {
			s.Data = slices.DeleteFunc(slices.Clone(s.Data), func(d srv.Data) bool {
				return slices.ContainsFunc(other.Data, func(o srv.Data) bool { return srv.EqualData(d, o) })
			})
		}
		if len(s.Data) > 0 {
			out = append(out, s)
		}
	}
	return out
}

func sharesWithout(a, b []share) (out []share) {
	for i := range a {
		if !slices.ContainsFunc(b, func(o share) bool { return a[i].equal(&o) }) {
			out = append(out, a[i])
		}
	}
	return out
}

// larger reports whether the differences have more records than the zone.
func (d *difference) larger() bool {
	whole, parts := len(d.now.source.Sets), len(d.gone)+len(d.come)
	for _, s := range d.now.source.Tenants.Services() {
		whole += s.Tenants * d.is.records(s.Service) / fleet.Cohorts
		parts += s.Tenants * (d.goneOf.records(s.Service) + d.comeOf.records(s.Service)) / fleet.Cohorts
	}
	for _, c := range d.moved {
		was, _ := d.old.source.Tenants.Service(c.Domain)
		parts += len(d.was.of(c.Domain, was)) + len(d.is.of(c.Domain, c.Service))
	}
	return parts > whole
}

// records is how many records a tenant of each bucket has, summed up.
func (s shares) records(service fleet.ServiceID) (n int) {
	if has := s[service]; has != nil {
		for _, list := range has.lists {
			n += len(list)
		}
	}
	return n
}

// write writes the differences: what is gone behind the old SOA record, what
// has come behind the new one (RFC 1995 §4).
func (d *difference) write(w *transferWriter) error {
	before, err := soaRecord(d.old.source.SOA)
	if err != nil {
		return err
	}
	after, err := soaRecord(d.now.source.SOA)
	if err != nil {
		return err
	}
	return errors.Join(
		w.record(nil, after),
		w.record(nil, before),
		d.half(w, d.old, d.gone, d.goneOf, d.was),
		w.record(nil, after),
		d.half(w, d.now, d.come, d.comeOf, d.is),
		w.record(nil, after),
		w.flush(),
	)
}

// half writes what one version has and the other has not: sets, all of the
// tenants that have moved, and of the others what is different.
func (d *difference) half(w *transferWriter, has *zone, sets []srv.RRset, of, all shares) error {
	for _, s := range sets {
		if err := has.eachOf(s, w.record); err != nil {
			return err
		}
	}
	var o tenantOwner
	moved := map[fleet.TenantID]bool{}
	for _, c := range d.moved {
		moved[c.Domain] = true
		if service, ok := has.source.Tenants.Service(c.Domain); ok {
			if err := o.each(c.Domain, all.of(c.Domain, service), has.origin, w.record); err != nil {
				return err
			}
		}
	}
	if !d.every {
		return nil
	}
	for domain, service := range has.source.Tenants.All() {
		if list := of.of(domain, service); len(list) > 0 && !moved[domain] {
			if err := o.each(domain, list, has.origin, w.record); err != nil {
				return err
			}
		}
	}
	return nil
}
