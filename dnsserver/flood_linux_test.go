package dnsserver

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestFlood asks a server without end, half of it for names that there are not,
// half of it with signatures, and looks at its memory all the while: it is as
// flat at the end as after the first tenth. SIPSTEER_FLOOD says for how long, and
// without it nothing is done; make flood takes an hour.
func TestFlood(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("SIPSTEER_FLOOD"))
	if err != nil {
		t.Skip("SIPSTEER_FLOOD does not say how long: make flood")
	}
	s, err := New(Config{Listen: loopback(), Unseal: unsealTest, RateLimit: RateLimit{Loopback: true, PerSecond: 100_000}})
	if err != nil {
		t.Fatal(err)
	}
	z := withKeys(benchZone(&testing.B{}, 100_000), testKey(t, true))
	if err := s.Serve(z); err != nil {
		t.Fatal(err)
	}
	r := s.responder(&counters{})
	client := netip.MustParseAddrPort("127.0.0.1:5353")
	out := make([]byte, maxUDPSize)
	random := rand.New(rand.NewPCG(1, 2))
	began, last := time.Now(), time.Duration(0)
	var early, most uint64
	asked := 0
	for time.Since(began) < length {
		for range 1000 {
			msg := floodQuestion(t, random)
			s.answerUDP(r, out, msg, client, uint32(time.Now().Unix()))
			asked++
		}
		at := time.Since(began)
		if at-last < length/100 {
			continue
		}
		last = at
		switch used := liveHeap(); {
		case at < length/10:
			early = max(early, used)
		default:
			most = max(most, used)
		}
	}
	t.Logf("%d questions in %s: at most %d MiB in the first tenth, %d MiB after it", asked, length, early>>20, most>>20)
	if most > early+early/10+8<<20 {
		t.Errorf("memory grows: %d MiB after %d MiB", most>>20, early>>20)
	}
}

// liveHeap is what is reachable, in octets.
func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func floodQuestion(t *testing.T, random *rand.Rand) []byte {
	name := fmt.Sprintf("_sip._udp.t%06d.%s", random.IntN(100_000), origin)
	if random.IntN(2) == 0 {
		name = fmt.Sprintf("n%d.%s", random.Uint64(), origin)
	}
	m := question(name, []string{"SRV", "A", "NAPTR"}[random.IntN(3)])
	if random.IntN(2) == 0 {
		m.SetEdns0(1232, true)
	}
	if random.IntN(10) == 0 {
		m.Question[0].Qtype = dns.TypeANY
	}
	msg, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return msg
}
