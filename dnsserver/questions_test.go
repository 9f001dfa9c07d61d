package dnsserver

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// mixedQuestions are 70 % SRV for UDP, 15 % for TCP, 5 % for TLS, 5 % NAPTR, 4 %
// addresses of targets, 1 % names that there are not.
func mixedQuestions(b *testing.B, tenants int) [][]byte {
	r := rand.New(rand.NewPCG(7, 7))
	out := make([][]byte, 1<<16)
	for i := range out {
		name, qtype := fmt.Sprintf("t%06d.voice.example.net.", r.IntN(tenants)), "SRV"
		switch x := r.IntN(100); {
		case x < 70:
			name = "_sip._udp." + name
		case x < 85:
			name = "_sip._tcp." + name
		case x < 90:
			name = "_sips._tcp." + name
		case x < 95:
			qtype = "NAPTR"
		case x < 99:
			name, qtype = fmt.Sprintf("sbc.%c.voice.example.net.", 'a'+r.IntN(3)), []string{"A", "AAAA"}[r.IntN(2)]
		default:
			name, qtype = "nobody-"+name, "A"
		}
		m, err := question(name, qtype).Pack()
		if err != nil {
			b.Fatal(err)
		}
		out[i] = m
	}
	return out
}
