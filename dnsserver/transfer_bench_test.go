package dnsserver

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// BenchmarkTransfer is a whole zone of many tenants to one secondary: records
// a second, and the memory that it takes, which does not grow with the zone.
func BenchmarkTransfer(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("tenants=%d", n), func(b *testing.B) {
			z := benchZone(b, n)
			s := start(b, withSecondary(), z)
			total := 0
			count := func([]byte, *transferRecord) error { total++; return nil }
			packed := s.zones.Load().steered
			if err := packed.eachSet(count); err != nil {
				b.Fatal(err)
			}
			if err := packed.eachTenant(count); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if got := countTransfer(b, s, total+2); got != total+2 {
					b.Fatalf("%d records of %d", got, total+2)
				}
			}
			b.ReportMetric(float64(total)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// countTransfer counts the records of a transfer, up to a number.
func countTransfer(b *testing.B, s *Server, most int) (got int) {
	m := question(origin, "AXFR")
	m.SetTsig(keyName, dns.HmacSHA256, 300, time.Now().Unix())
	wire, _, err := dns.TsigGenerate(m, keySecret, "", false)
	if err != nil {
		b.Fatal(err)
	}
	c, err := net.Dial("tcp", s.Addrs()[0].String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...)); err != nil {
		b.Fatal(err)
	}
	in, buf := bufio.NewReaderSize(c, 1<<16), make([]byte, maxMessage)
	for got < most {
		if _, err := io.ReadFull(in, buf[:2]); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(in, buf[:u16(buf)]); err != nil {
			b.Fatal(err)
		}
		n := int(u16(buf[6:]))
		if n == 0 {
			b.Fatal("no transfer")
		}
		got += n
	}
	return got
}
