package dnsserver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// manyServices is a zone of n services at three sites, all of which list
// calgary with the given priority.
func manyServices(t testing.TB, epoch uint64, n, priority int) *srv.Zone {
	var b strings.Builder
	b.WriteString(labRecords)
	for i := range n {
		name := fmt.Sprintf("s%d.voice.example.net.", i)
		for _, label := range []string{"_sip._udp.", "_sip._tcp.", "_sips._tcp."} {
			fmt.Fprintf(&b, "%s%s 30 IN SRV %d 100 5060 sip.calgary.voice.example.net.\n", label, name, priority)
			fmt.Fprintf(&b, "%s%s 30 IN SRV 20 100 5060 sip.ottawa.voice.example.net.\n", label, name)
			fmt.Fprintf(&b, "%s%s 30 IN SRV 30 100 5060 sip.vancouver.voice.example.net.\n", label, name)
		}
		fmt.Fprintf(&b, "%s 30 IN NAPTR 10 10 \"s\" \"SIP+D2U\" \"\" _sip._udp.%s\n", name, name)
		fmt.Fprintf(&b, "%s 30 IN A 192.0.2.10\n", name)
	}
	return zoneOf(t, epoch, b.String())
}

// BenchmarkServe is a failover that changes every service: check, pack, swap.
func BenchmarkServe(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) {
			s, err := New(Config{Listen: loopback()})
			if err != nil {
				b.Fatal(err)
			}
			zones := [2]*srv.Zone{manyServices(b, 1, n, 10), manyServices(b, 2, n, 910)}
			epoch := uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				epoch++
				z := *zones[epoch%2]
				z.Epoch, z.SOA.Serial = epoch, uint32(epoch)
				if err := s.Serve(&z); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
