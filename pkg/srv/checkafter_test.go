package srv_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// smallZone has two services at two hosts.
func smallZone() *srv.Zone {
	const origin = "v.example."
	z := &srv.Zone{Origin: origin, Epoch: 7, SOA: srv.SOA{Serial: 7}, Sets: []srv.RRset{
		{Name: origin, Type: srv.TypeNS, TTL: 60, Data: []srv.Data{srv.NS{Host: "ns." + origin}}},
		{Name: "ns." + origin, Type: srv.TypeA, TTL: 60, Data: []srv.Data{srv.A{Addr: netip.MustParseAddr("192.0.2.1")}}},
	}}
	for i, h := range []string{"a.", "b."} {
		z.Sets = append(z.Sets, srv.RRset{Name: h + origin, Type: srv.TypeA, TTL: 60, Data: []srv.Data{srv.A{Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(9 + i)})}}})
		owner := "_sip._udp.s" + h + origin
		z.Sets = append(z.Sets, srv.RRset{Name: owner, Type: srv.TypeSRV, TTL: 60, Data: []srv.Data{srv.SRV{Priority: 10, Port: 5060, Target: "a." + origin}, srv.SRV{Priority: 20, Port: 5060, Target: "b." + origin}}})
		z.Sets = append(z.Sets, srv.RRset{Name: "s" + h + origin, Type: srv.TypeNAPTR, TTL: 60, Data: []srv.Data{srv.NAPTR{Order: 1, Flags: "s", Replacement: owner}}})
		z.Steered = append(z.Steered, srv.Key{Name: owner, Type: srv.TypeSRV})
	}
	z.Sort()
	return z
}

// spoiled changes a zone in some ways, most of them bad.
func spoiled(z *srv.Zone, r *rand.Rand) *srv.Zone {
	out := *z
	out.Sets, out.Steered = slices.Clone(z.Sets), slices.Clone(z.Steered)
	for range 1 + r.IntN(2) {
		i := r.IntN(len(out.Sets))
		s := &out.Sets[i]
		switch r.IntN(8) {
		case 0:
			s.Data = nil
		case 1:
			out.Sets = slices.Delete(out.Sets, i, i+1)
		case 2:
			s.Data = append(slices.Clone(s.Data), srv.SRV{Target: "nowhere.v.example."})
		case 3:
			if s.Type == srv.TypeSRV {
				s.Data = []srv.Data{srv.SRV{Priority: 5, Target: "b.v.example."}}
			}
		case 4:
			if s.Type == srv.TypeSRV {
				s.Data = []srv.Data{srv.SRV{Priority: 5, Target: "nowhere.v.example."}}
			}
		case 5:
			out.Steered = append(out.Steered, srv.Key{Name: "none.v.example.", Type: srv.TypeSRV})
		case 6:
			out.Sets[0], out.Sets[i] = out.Sets[i], out.Sets[0]
		case 7:
			out.Epoch++
			if r.IntN(2) == 0 {
				out.SOA.Serial++
			}
		}
	}
	return &out
}

// A check that looks only at what has changed says what the whole one says.
func TestCheckAfterAgreesWithCheck(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	good, bad := 0, 0
	for range 20_000 {
		z := smallZone()
		next := spoiled(z, r)
		whole, part := next.Check(), next.CheckAfter(z)
		if fmt.Sprint(whole) != fmt.Sprint(part) {
			t.Fatalf("%v, after the zone before: %v\n%s", whole, part, next)
		}
		if whole == nil {
			good++
		} else {
			bad++
		}
	}
	if good < 1000 || bad < 1000 {
		t.Errorf("%d good, %d bad", good, bad)
	}
}
