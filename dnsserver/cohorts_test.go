package dnsserver

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// cohortRecords are the sets of a cohort of west that has left calgary, and of
// one that fades.
const cohortRecords = `
_c5.west.voice.example.net. 30 IN A 203.0.113.10
_c5.west.voice.example.net. 30 IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp._c5.west.voice.example.net.
_sip._udp._c5.west.voice.example.net. 30 IN SRV 20 100 5060 sip.vancouver.voice.example.net.
_sip._udp._c5.west.voice.example.net. 30 IN SRV 30 100 5060 sip.ottawa.voice.example.net.
_c90.west.voice.example.net. 30 IN A 192.0.2.10
_sip._udp._c90.west.voice.example.net. 30 IN SRV 10 100 5060 sip.calgary.voice.example.net.
`

// westCohort is the cohort to which cohortRecords belong. It has acme, a.b.c
// and about half of all others.
func westCohort() []srv.Cohort {
	var buckets []int
	for b := 5; b < fleet.Cohorts; b += 2 {
		buckets = append(buckets, b)
	}
	buckets = append(buckets, fleet.BucketOf("acme.voice.example.net"), fleet.BucketOf("a.b.c.voice.example.net"))
	return []srv.Cohort{{Service: west, Buckets: fleet.CohortOf(buckets...), Owner: "_c5.west.voice.example.net."}}
}

func cohortZone(t testing.TB, epoch uint64, answers fleet.TenantAnswers, tenants map[fleet.TenantID]fleet.ServiceID) *srv.Zone {
	t.Helper()
	z := zoneOf(t, epoch, labRecords+eastRecords+cohortRecords)
	z.Tenants, z.TenantAnswers, z.Cohorts = tenantTable(t, tenants), answers, westCohort()
	return z
}

// The tenants of a cohort are answered with its sets, as if each had them
// written out, and the others as before; also when the cohort comes, and goes.
func TestCohortsAnswerAsIfWrittenOut(t *testing.T) {
	for _, answers := range []fleet.TenantAnswers{fleet.TenantsExpand, fleet.TenantsCNAME} {
		t.Run(string(answers), func(t *testing.T) {
			before := mustPack(t, tenantZone(t, 6, answers, fewTenants()), nil)
			z := cohortZone(t, 7, answers, fewTenants())
			plain := writtenOut(t, z)
			during := mustPack(t, z, before)
			if n := sameAnswers(t, during, mustPack(t, plain, nil), namesAround(plain)); n < 4500 {
				t.Errorf("%d questions only", n)
			}
			other := *z // same names and tenants, another cohort
			other.Cohorts = []srv.Cohort{{Service: west, Buckets: fleet.AllTenants(), Owner: z.Cohorts[0].Owner}}
			plain = writtenOut(t, &other)
			sameAnswers(t, mustPack(t, &other, during), mustPack(t, plain, nil), namesAround(plain))
			z = tenantZone(t, 8, answers, fewTenants())
			plain = writtenOut(t, z)
			sameAnswers(t, mustPack(t, z, during), mustPack(t, plain, nil), namesAround(plain))
		})
	}
}

// An answer to a tenant of a cohort allocates nothing either.
func TestCohortsDoNotAllocate(t *testing.T) {
	for _, answers := range []fleet.TenantAnswers{fleet.TenantsExpand, fleet.TenantsCNAME} {
		r := newTestResponder(t, Config{}, cohortZone(t, 1, answers, fewTenants()))
		out := make([]byte, maxUDPSize)
		for _, name := range []string{"_sip._udp.ACME.voice.example.net.", "_sip._udp.x.b.c.voice.example.net.", "_sip._udp._c5.west.voice.example.net."} {
			msg, err := question(name, "SRV").Pack()
			if err != nil {
				t.Fatal(err)
			}
			if got := r.respond(out, msg, UDP); got[3]&0xF != 0 {
				t.Fatalf("%s: rcode %d", name, got[3]&0xF)
			}
			if n := testing.AllocsPerRun(1000, func() { r.respond(out, msg, UDP) }); n != 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
	}
}

// BenchmarkCohort is an answer to a tenant of a service with a cohort.
func BenchmarkCohort(b *testing.B) {
	r := newTestResponder(b, Config{}, cohortZone(b, 1, fleet.TenantsExpand, fewTenants()))
	out := make([]byte, maxUDPSize)
	msg, err := question("_sip._udp.acme.voice.example.net.", "SRV").Pack()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r.respond(out, msg, UDP)
	}
}

// The bucket of a wire name is that of the domain.
func TestBucketOfWireName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := strings.Join(rapid.SliceOfN(rapid.StringMatching("[a-z0-9-]{1,20}"), 1, 6).Draw(t, "labels"), ".")
		var buf [maxName]byte
		w, ok := wireOf(&buf, name)
		if !ok {
			t.Fatal("no name")
		}
		if got, want := bucketOf(w), fleet.BucketOf(fleet.TenantID(name)); got != want {
			t.Fatalf("%s: bucket %d, want %d", name, got, want)
		}
	})
}
