package dnsserver

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// servicesZone is a zone of so many services at three sites; first is the
// priority of calgary.
func servicesZone(epoch uint64, services int, first uint16) *srv.Zone {
	z := &srv.Zone{Origin: origin, Epoch: epoch, SOA: srv.SOA{MName: "ns1." + origin, RName: "h." + origin, Serial: uint32(epoch), Minimum: 5, TTL: 5}}
	add := func(name string, t srv.Type, data ...srv.Data) {
		z.Sets = append(z.Sets, srv.RRset{Name: name, Type: t, TTL: 30, Data: data})
	}
	add(origin, srv.TypeNS, srv.NS{Host: "ns1." + origin})
	add("ns1."+origin, srv.TypeA, srv.A{Addr: netip.MustParseAddr("192.0.2.53")})
	sites := []string{"calgary", "ottawa", "vancouver"}
	for i, s := range sites {
		add("sip."+s+"."+origin, srv.TypeA, srv.A{Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})})
		add("sip."+s+"."+origin, srv.TypeAAAA, srv.AAAA{Addr: netip.AddrFrom16([16]byte{0x20, 1, 15: byte(i)})})
	}
	for k := range services {
		name := fmt.Sprintf("s%04d.%s", k, origin)
		var naptr []srv.Data
		for i, label := range []string{"_sips._tcp.", "_sip._tcp.", "_sip._udp."} {
			var targets []srv.Data
			for j := range sites {
				p := uint16(10 * (j + 1))
				if j == 0 {
					p = first
				}
				targets = append(targets, srv.SRV{Priority: p, Weight: 100, Port: 5060, Target: "sip." + sites[(j+k)%3] + "." + origin})
			}
			add(label+name, srv.TypeSRV, targets...)
			z.Steered = append(z.Steered, srv.Key{Name: label + name, Type: srv.TypeSRV})
			naptr = append(naptr, srv.NAPTR{Order: uint16(i), Preference: 10, Flags: "s", Service: "SIP+D2U", Replacement: label + name})
		}
		add(name, srv.TypeNAPTR, naptr...)
		add(name, srv.TypeA, srv.A{Addr: netip.MustParseAddr("192.0.2.1")})
	}
	z.Sort()
	return z
}

// BenchmarkFailoverOf is what a failover costs from the moment the new zone is
// there: its check and its packing, apart. "whole" moves every service, "one" a
// single one.
func BenchmarkFailoverOf(b *testing.B) {
	for _, services := range []int{10, 100, 1000} {
		before := servicesZone(7, services, 10)
		whole, one := servicesZone(8, services, 910), servicesZone(8, services, 10)
		for i := range one.Sets {
			if one.Sets[i].Name == "_sip._udp.s0003."+origin {
				one.Sets[i].Data = whole.Sets[i].Data
			}
		}
		for _, tc := range []struct {
			name  string
			after *srv.Zone
		}{{"whole", whole}, {"one", one}} {
			zones := [2]*srv.Zone{before, tc.after}
			b.Run(fmt.Sprintf("%d-services/%s/check", services, tc.name), func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					if err := zones[i%2].CheckAfter(zones[1-i%2]); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("%d-services/%s/pack", services, tc.name), func(b *testing.B) {
				seed := maphash.MakeSeed()
				old, err := pack(zones[1], nil, seed)
				if err != nil {
					b.Fatal(err)
				}
				changes := [2]srv.Changes{zones[0].ChangesSince(zones[1]), zones[1].ChangesSince(zones[0])}
				for i := 0; b.Loop(); i++ {
					if old, err = packChanges(zones[i%2], old, changes[i%2], seed); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
