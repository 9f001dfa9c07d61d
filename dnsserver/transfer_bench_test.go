package dnsserver

import (
	"bufio"
	"encoding/binary"
	"errors"
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
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("tenants=%d", n), func(b *testing.B) {
			z := benchZone(b, n)
			s := start(b, withSecondary(), z)
			total := countRecords(b, s)
			b.ReportAllocs()
			for b.Loop() {
				if got := countTransfer(b, s, total); got != total {
					b.Fatalf("%d records of %d", got, total)
				}
			}
			b.ReportMetric(float64(total)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// countRecords counts what a transfer has: the SOA record is in it twice.
func countRecords(tb testing.TB, s *Server) int {
	tb.Helper()
	total := 2
	count := func([]byte, *transferRecord) error { total++; return nil }
	packed := s.zones.Load().steered
	if err := errors.Join(packed.eachSet(count), packed.eachTenant(count)); err != nil {
		tb.Fatal(err)
	}
	return total
}

// countTransfer counts the records of a transfer, up to a number.
func countTransfer(b *testing.B, s *Server, most int) int {
	c := askTransfer(b, s)
	defer c.Close()
	return readTransfer(b, bufio.NewReaderSize(c, 1<<16), most)
}

// askTransfer asks for the whole zone.
func askTransfer(tb testing.TB, s *Server) net.Conn {
	tb.Helper()
	m := question(origin, "AXFR")
	m.SetTsig(keyName, dns.HmacSHA256, 300, time.Now().Unix())
	wire, _, err := dns.TsigGenerate(m, keySecret, "", false)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := net.Dial("tcp", s.Addrs()[0].String())
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...)); err != nil {
		tb.Fatal(err)
	}
	return c
}

// readTransfer reads messages until so many records have come, and counts them.
func readTransfer(tb testing.TB, in io.Reader, most int) (got int) {
	tb.Helper()
	buf := make([]byte, maxMessage)
	for got < most {
		if _, err := io.ReadFull(in, buf[:2]); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.ReadFull(in, buf[:u16(buf)]); err != nil {
			tb.Fatal(err)
		}
		n := int(u16(buf[6:]))
		if n == 0 {
			tb.Fatal("no transfer")
		}
		got += n
	}
	return got
}
