package dnsserver_test

import (
	"encoding/binary"
	"io"
	"net"
	"testing"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"

	"github.com/sipsteer/sipsteer/dnsserver"
)

// window is how many questions a benchmark's client has under way.
const window = 64

// benchQuestions are asked in turn.
func benchQuestions(b *testing.B) map[string][]byte {
	return map[string][]byte{
		"SRV":      packed(b, question("_sip._udp.west."+origin, dns.TypeSRV)),
		"SRV-EDNS": packed(b, withEDNS(question("_sip._udp.west."+origin, dns.TypeSRV), 1232)),
		"NXDOMAIN": packed(b, question("nobody."+origin, dns.TypeA)),
	}
}

// BenchmarkUDP is answers through a socket, from one client in a closed window
// on the same machine: the client's work is in the figure. "plain" is the loop
// with one system call for each datagram.
func BenchmarkUDP(b *testing.B) {
	for _, loop := range []struct {
		name     string
		portable bool
	}{{"batch", false}, {"plain", true}} {
		s := start(b, dnsserver.Config{Workers: 1, Portable: loop.portable}, testZone(7))
		for name, msg := range benchQuestions(b) {
			b.Run(loop.name+"/"+name, func(b *testing.B) { askInWindow(b, s, msg) })
		}
	}
}

func askInWindow(b *testing.B, s *dnsserver.Server, msg []byte) {
	conn := ipv4.NewPacketConn(dial(b, s, "udp").(net.PacketConn))
	out, in := make([]ipv4.Message, window), make([]ipv4.Message, window)
	for i := range out {
		out[i].Buffers = [][]byte{msg}
		in[i].Buffers = [][]byte{make([]byte, 1500)}
	}
	send := func(n int) {
		for n > 0 {
			k, err := conn.WriteBatch(out[:n], 0)
			if err != nil {
				b.Fatal(err)
			}
			n -= k
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	send(min(window, b.N))
	for sent, got := min(window, b.N), 0; got < b.N; {
		n, err := conn.ReadBatch(in, 0)
		if err != nil {
			b.Fatal(err)
		}
		got += n
		more := min(n, b.N-sent)
		send(more)
		sent += more
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
}

// BenchmarkTCP is answers over one connection, pipelined.
func BenchmarkTCP(b *testing.B) {
	s := start(b, dnsserver.Config{}, testZone(7))
	for name, msg := range benchQuestions(b) {
		b.Run(name, func(b *testing.B) {
			conn := dial(b, s, "tcp")
			var burst []byte
			for range window {
				burst = append(binary.BigEndian.AppendUint16(burst, uint16(len(msg))), msg...)
			}
			one := len(burst) / window
			buf := make([]byte, dns.MaxMsgSize)
			b.ReportAllocs()
			b.ResetTimer()
			for left := b.N; left > 0; left -= window {
				n := min(left, window)
				if _, err := conn.Write(burst[:n*one]); err != nil {
					b.Fatal(err)
				}
				for range n {
					if _, err := io.ReadFull(conn, buf[:2]); err != nil {
						b.Fatal(err)
					}
					if _, err := io.ReadFull(conn, buf[:binary.BigEndian.Uint16(buf)]); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
		})
	}
}
