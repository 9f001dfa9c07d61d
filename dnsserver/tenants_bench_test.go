package dnsserver

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// crowd is a table of n tenants of ten services.
func crowd(b *testing.B, n int) *fleet.Tenants {
	changes := make([]fleet.TenantChange, n)
	for i := range changes {
		changes[i] = fleet.TenantChange{
			Domain:  fleet.TenantID(fmt.Sprintf("customer-%07d.voice.example.net", i)),
			Service: fleet.ServiceID(fmt.Sprintf("s%d.voice.example.net", i%10)),
		}
	}
	table, _, err := (*fleet.Tenants)(nil).Edit(changes)
	if err != nil {
		b.Fatal(err)
	}
	return table
}

// heap is what is in use, in octets.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkTenants is a zone of many tenants: the first zone of a process
// (start), a site failing over for all of them (failover), one tenant moving
// (move), and an answer (answer).
func BenchmarkTenants(b *testing.B) {
	zones := [2]*srv.Zone{manyServices(b, 1, 10, 10), manyServices(b, 2, 10, 910)}
	for _, n := range []int{100_000, 1_000_000} {
		before := heap()
		table := crowd(b, n)
		s, err := New(Config{Listen: loopback()})
		if err != nil {
			b.Fatal(err)
		}
		epoch := uint64(0)
		swap := func(s *Server, t *fleet.Tenants) {
			epoch++
			z := *zones[epoch%2]
			z.Epoch, z.SOA.Serial, z.Tenants = epoch, uint32(epoch), t
			if err := s.Serve(&z); err != nil {
				b.Fatal(err)
			}
		}
		swap(s, table)
		each := float64(heap()-before) / float64(n)
		b.Run(fmt.Sprintf("tenants=%d/start", n), func(b *testing.B) {
			for b.Loop() {
				fresh, _ := New(Config{Listen: loopback()})
				swap(fresh, table)
			}
			b.ReportMetric(each, "memory-B/tenant")
		})
		b.Run(fmt.Sprintf("tenants=%d/failover", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				swap(s, table)
			}
		})
		b.Run(fmt.Sprintf("tenants=%d/move", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				moved, _, err := table.Edit([]fleet.TenantChange{{Domain: "customer-0077777.voice.example.net", Service: fleet.ServiceID(fmt.Sprintf("s%d.voice.example.net", i%2))}})
				if err != nil {
					b.Fatal(err)
				}
				swap(s, moved)
			}
		})
		b.Run(fmt.Sprintf("tenants=%d/answer", n), func(b *testing.B) { answerCrowd(b, s, n) })
		runtime.KeepAlive(table)
	}
}

// answerCrowd asks for the tenants in a scattered order.
func answerCrowd(b *testing.B, s *Server, n int) {
	const asked = 1 << 14
	msgs := make([][]byte, asked)
	for i := range msgs {
		m := question(fmt.Sprintf("_sip._udp.customer-%07d.voice.example.net.", i*7919%n), "SRV")
		m.SetEdns0(1232, false)
		msgs[i], _ = m.Pack()
	}
	r := s.newResponder()
	out := make([]byte, maxUDPSize)
	client := netip.MustParseAddrPort("127.0.0.1:5353")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if len(s.answerUDP(r, out, msgs[i%asked], client, 1)) < 100 {
			b.Fatal("no answer")
		}
	}
}

// benchZone has three services, each with another order of the three sites, and
// tenants that take them in turn.
func benchZone(tb testing.TB, tenants int) *srv.Zone {
	var text strings.Builder
	text.WriteString("voice.example.net. 30 IN NS ns1.voice.example.net.\nns1.voice.example.net. 30 IN A 192.0.2.1\n")
	for i := range 3 {
		fmt.Fprintf(&text, "sbc.%c.voice.example.net. 30 IN A 198.51.100.%d\nsbc.%c.voice.example.net. 30 IN AAAA 2001:db8:%d::5060\n", 'a'+i, i+1, 'a'+i, i+1)
		name := fmt.Sprintf("s%d.voice.example.net.", i)
		for _, label := range []string{"_sip._udp", "_sip._tcp", "_sips._tcp"} {
			for k := range 3 {
				fmt.Fprintf(&text, "%s.%s 30 IN SRV %d 100 5060 sbc.%c.voice.example.net.\n", label, name, 10*(k+1), 'a'+(i+k)%3)
			}
		}
		for k, x := range []string{"SIPS+D2T _sips._tcp", "SIP+D2T _sip._tcp", "SIP+D2U _sip._udp"} {
			service, label, _ := strings.Cut(x, " ")
			fmt.Fprintf(&text, "%s 30 IN NAPTR %d 50 \"s\" \"%s\" \"\" %s.%s\n", name, 10*(k+1), service, label, name)
		}
	}
	z := zoneOf(tb, 1, text.String())
	changes := make([]fleet.TenantChange, tenants)
	for i := range changes {
		changes[i] = fleet.TenantChange{Domain: fleet.TenantID(fmt.Sprintf("t%06d.voice.example.net", i)), Service: fleet.ServiceID(fmt.Sprintf("s%d.voice.example.net", i%3))}
	}
	var err error
	if z.Tenants, _, err = (*fleet.Tenants)(nil).Edit(changes); err != nil {
		tb.Fatal(err)
	}
	return z
}
