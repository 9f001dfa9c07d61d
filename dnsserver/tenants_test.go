package dnsserver

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

const eastRecords = `
east.voice.example.net. 30 IN A 198.51.100.10
east.voice.example.net. 30 IN NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.east.voice.example.net.
_sip._udp.east.voice.example.net. 30 IN SRV 10 100 5060 sip.ottawa.voice.example.net.
_sip._udp.east.voice.example.net. 30 IN SRV 20 100 5060 sip.calgary.voice.example.net.
*.wild.voice.example.net. 30 IN A 192.0.2.99
`

const (
	west = "west.voice.example.net"
	east = "east.voice.example.net"
)

// tenantTable makes a table of a map.
func tenantTable(t testing.TB, m map[fleet.TenantID]fleet.ServiceID) *fleet.Tenants {
	t.Helper()
	return editTenants(t, nil, m)
}

// editTenants changes a table; no service removes.
func editTenants(t testing.TB, table *fleet.Tenants, m map[fleet.TenantID]fleet.ServiceID) *fleet.Tenants {
	t.Helper()
	var changes []fleet.TenantChange
	for _, d := range slices.Sorted(maps.Keys(m)) {
		changes = append(changes, fleet.TenantChange{Domain: d, Service: m[d]})
	}
	out, _, err := table.Edit(changes)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// fewTenants are plain ones, one below another, some below names that have
// nothing, and one that a wildcard would stand for.
func fewTenants() map[fleet.TenantID]fleet.ServiceID {
	return map[fleet.TenantID]fleet.ServiceID{
		"acme.voice.example.net": west, "zebra.voice.example.net": east, "shop.acme.voice.example.net": east,
		"a.b.c.voice.example.net": west, "x.b.c.voice.example.net": west, "t.wild.voice.example.net": west,
	}
}

func tenantZone(t testing.TB, epoch uint64, answers fleet.TenantAnswers, tenants map[fleet.TenantID]fleet.ServiceID) *srv.Zone {
	t.Helper()
	z := zoneOf(t, epoch, labRecords+eastRecords)
	z.Tenants, z.TenantAnswers = tenantTable(t, tenants), answers
	return z
}

// writtenOut is the zone with every tenant as record sets of its own.
func writtenOut(t testing.TB, z *srv.Zone) *srv.Zone {
	t.Helper()
	out := *z
	out.Tenants = nil
	out.Sets = slices.Clone(z.Sets)
	for domain, service := range z.Tenants.All() {
		owner := srv.ServiceOwner(service)
		for _, c := range z.Cohorts {
			if c.Service == service && c.Buckets.Has(fleet.BucketOf(domain)) {
				owner = c.Owner
			}
		}
		for _, s := range z.Sets {
			ofCohort := strings.HasPrefix(s.Name, "_c") || strings.Contains(s.Name, "._c")
			if s.Name != owner && !strings.HasSuffix(s.Name, "."+owner) || ofCohort && !strings.HasPrefix(owner, "_c") {
				continue
			}
			named := s
			named.Name = strings.TrimSuffix(s.Name, owner) + string(domain) + "."
			if z.TenantAnswers == fleet.TenantsCNAME {
				named.Type, named.TTL, named.Data = srv.TypeCNAME, s.TTL, []srv.Data{srv.CNAME{Target: s.Name}}
			}
			out.Sets = append(out.Sets, named)
		}
	}
	out.Sort()
	out.Sets = slices.CompactFunc(out.Sets, func(a, b srv.RRset) bool { return a.Key() == b.Key() })
	return &out
}

// namesAround are the names of a zone and such as are near them.
func namesAround(z *srv.Zone) []string {
	seen := map[string]bool{".": true, "net.": true, "org.": true}
	for _, s := range z.Sets {
		for name := s.Name; name != ""; name = parent(name) {
			for _, near := range []string{name, "x." + name, "_sip._udp." + name, "_udp." + name, "_x." + name, "_sip._udp.x." + name, strings.ToUpper(name)} {
				seen[near] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// sameAnswers compares two zones, octet by octet, for every name near theirs.
func sameAnswers(t testing.TB, got, want *zone, names []string) (asked int) {
	t.Helper()
	r, ref := newTestResponder(t, Config{}, nil), newTestResponder(t, Config{}, nil)
	r.zones.Store(&zones{steered: got})
	ref.zones.Store(&zones{steered: want})
	a, b := make([]byte, maxMessage), make([]byte, maxMessage)
	for _, name := range names {
		for _, qtype := range []string{"A", "AAAA", "SRV", "NAPTR", "TXT", "CNAME", "ANY", "SOA"} {
			m := question(name, qtype)
			m.Id = 7
			for _, size := range []uint16{0, 1232} {
				if size > 0 {
					m.SetEdns0(size, false)
				}
				msg, err := m.Pack()
				if err != nil {
					t.Fatal(err)
				}
				x, y := r.respond(a, msg, UDP), ref.respond(b, msg, UDP)
				if asked++; !bytes.Equal(x, y) {
					t.Fatalf("%s %s:\n%s\nwant\n%s", name, qtype, readable(x), readable(y))
				}
			}
		}
	}
	return asked
}

func readable(msg []byte) string {
	var m dns.Msg
	if err := m.Unpack(msg); err != nil {
		return fmt.Sprintf("%x (%v)", msg, err)
	}
	return m.String()
}

func mustPack(t testing.TB, z *srv.Zone, old *zone) *zone {
	t.Helper()
	if err := z.Check(); err != nil {
		t.Fatal(err)
	}
	seed := maphash.MakeSeed()
	if old != nil {
		seed = old.names.seed
	}
	out, err := pack(z, old, seed)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Tenants are answered as if each had its records in the zone: the same octets
// for every question, at, below, above and beside them.
func TestTenantsAnswerAsIfWrittenOut(t *testing.T) {
	for _, answers := range []fleet.TenantAnswers{fleet.TenantsExpand, fleet.TenantsCNAME} {
		t.Run(string(answers), func(t *testing.T) {
			z := tenantZone(t, 7, answers, fewTenants())
			plain := writtenOut(t, z)
			if n := sameAnswers(t, mustPack(t, z, nil), mustPack(t, plain, nil), namesAround(plain)); n < 5000 {
				t.Errorf("%d questions only", n)
			}
		})
	}
}

// Random edits of the tenants, one after the other, leave an index that
// answers as one made anew, and as records written out.
func TestTenantsFollowEdits(t *testing.T) {
	label := rapid.SampledFrom([]string{"a", "b", "c", "dd"})
	domain := rapid.Custom(func(t *rapid.T) fleet.TenantID {
		labels := rapid.SliceOfN(label, 1, 3).Draw(t, "labels")
		return fleet.TenantID(strings.Join(labels, ".") + ".voice.example.net")
	})
	service := rapid.SampledFrom([]fleet.ServiceID{west, east, "", ""})
	base := zoneOf(t, 1, labRecords+eastRecords)
	rapid.Check(t, func(rt *rapid.T) {
		answers := rapid.SampledFrom([]fleet.TenantAnswers{fleet.TenantsExpand, fleet.TenantsCNAME}).Draw(rt, "answers")
		var table *fleet.Tenants
		var packed *zone
		for range rapid.IntRange(1, 4).Draw(rt, "edits") {
			table = editTenants(t, table, rapid.MapOfN(domain, service, 0, 12).Draw(rt, "edit"))
			z := *base
			z.Tenants, z.TenantAnswers = table, answers
			packed = mustPack(t, &z, packed)
			plain := writtenOut(t, &z)
			names := []string{}
			for _, s := range plain.Sets {
				for name := s.Name; name != base.Origin; name = parent(name) {
					names = append(names, name, "x."+name)
				}
			}
			slices.Sort(names)
			sameAnswers(t, packed, mustPack(t, plain, nil), slices.Compact(names))
		}
	})
}

// While the tenants stay, a new epoch takes the index over; when few change,
// most of it.
func TestTenantsIndexIsShared(t *testing.T) {
	many := map[fleet.TenantID]fleet.ServiceID{}
	for i := range 20000 {
		many[fleet.TenantID(fmt.Sprintf("t%05d.voice.example.net", i))] = west
	}
	z := tenantZone(t, 1, fleet.TenantsExpand, many)
	first := mustPack(t, z, nil)
	moved := *z
	moved.Epoch, moved.SOA.Serial = 2, 2
	moved.Sets = zoneOf(t, 2, strings.ReplaceAll(labRecords+eastRecords, "SRV 10 ", "SRV 910 ")).Sets
	if second := mustPack(t, &moved, first); second.tenants != first.tenants || second.names != first.names {
		t.Error("a failover has made a new index")
	}
	edited := *z
	edited.Tenants = editTenants(t, z.Tenants, map[fleet.TenantID]fleet.ServiceID{"t00007.voice.example.net": east, "new.voice.example.net": east})
	third := mustPack(t, &edited, first)
	differ := 0
	for i := range third.tenants.shards {
		if third.tenants.shards[i] != first.tenants.shards[i] {
			differ++
		}
	}
	if differ > 2 || len(third.tenants.shards) < 50 {
		t.Errorf("two tenants changed, %d shards of %d are new", differ, len(third.tenants.shards))
	}
}

// Tenants that cannot be answered are refused, with the zone.
func TestTenantsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		tenants map[fleet.TenantID]fleet.ServiceID
		records string
		want    error
	}{
		"outside the zone":        {map[fleet.TenantID]fleet.ServiceID{"acme.example.org": west}, "", ErrUnservable},
		"the zone itself":         {map[fleet.TenantID]fleet.ServiceID{"voice.example.net": west}, "", ErrUnservable},
		"a service's name":        {map[fleet.TenantID]fleet.ServiceID{"west.voice.example.net": east}, "", ErrUnservable},
		"above a host":            {map[fleet.TenantID]fleet.ServiceID{"calgary.voice.example.net": east}, "", ErrUnservable},
		"service that is not":     {map[fleet.TenantID]fleet.ServiceID{"acme.voice.example.net": "south.voice.example.net"}, "", srv.ErrEmptySet},
		"service without records": {map[fleet.TenantID]fleet.ServiceID{"acme.voice.example.net": "sip.ottawa.voice.example.net"}, "", srv.ErrEmptySet},
		"delegated":               {fewTenants(), "c.voice.example.net. 30 IN NS ns.elsewhere.example.", ErrUnservable},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := New(Config{Listen: loopback()})
			if err != nil {
				t.Fatal(err)
			}
			good := tenantZone(t, 1, fleet.TenantsExpand, fewTenants())
			if err := s.Serve(good); err != nil {
				t.Fatal(err)
			}
			bad := zoneOf(t, 2, labRecords+eastRecords+tc.records)
			bad.Tenants = tenantTable(t, tc.tenants)
			if err := s.Serve(bad); !errors.Is(err, tc.want) || s.Epoch() != 1 {
				t.Errorf("epoch %d, %v; want %v", s.Epoch(), err, tc.want)
			}
		})
	}
}

// The same epoch with other tenants is another zone.
func TestTenantsBelongToTheEpoch(t *testing.T) {
	s, err := New(Config{Listen: loopback()})
	if err != nil {
		t.Fatal(err)
	}
	z := tenantZone(t, 1, fleet.TenantsExpand, fewTenants())
	again := tenantZone(t, 1, fleet.TenantsExpand, fewTenants())
	other := *z
	other.Tenants = editTenants(t, z.Tenants, map[fleet.TenantID]fleet.ServiceID{"acme.voice.example.net": east})
	if err := errors.Join(s.Serve(z), s.Serve(again)); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(&other); !errors.Is(err, ErrEpochConflict) {
		t.Error(err)
	}
}
