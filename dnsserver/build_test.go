package dnsserver

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// twins are services that are answered alike until they are not.
const twins = `
_sip._udp.north.voice.example.net. 30 IN SRV 10 100 5060 sip.calgary.voice.example.net.
_sip._udp.north.voice.example.net. 30 IN SRV 20 100 5060 sip.vancouver.voice.example.net.
_sip._udp.south.voice.example.net. 30 IN SRV 10 100 5060 sip.calgary.voice.example.net.
_sip._udp.south.voice.example.net. 30 IN SRV 20 100 5060 sip.vancouver.voice.example.net.
`

// changedZone is the next zone, with a few sets that say something else.
func changedZone(z *srv.Zone, first []srv.RRset, r *rand.Rand) *srv.Zone {
	next := *z
	next.Epoch++
	next.SOA.Serial++
	next.Sets = slices.Clone(z.Sets)
	if r.IntN(3) == 0 { // all services move, or come back
		back := r.IntN(2) == 0
		for i := range next.Sets {
			switch s := &next.Sets[i]; {
			case s.Type != srv.TypeSRV:
			case back:
				j, _ := slices.BinarySearchFunc(first, s.Key(), func(o srv.RRset, k srv.Key) int { return o.Key().Compare(k) })
				s.Data = first[j].Data
			default:
				s.Data = slices.Clone(s.Data)
				changeData(s, r)
			}
		}
	}
	for range r.IntN(4) {
		i := r.IntN(len(next.Sets))
		s := &next.Sets[i]
		switch r.IntN(5) {
		case 0:
			s.TTL = 30 + uint32(r.IntN(2))
		case 1: // back to what the first zone said
			if j, ok := slices.BinarySearchFunc(first, s.Key(), func(o srv.RRset, k srv.Key) int { return o.Key().Compare(k) }); ok {
				s.Data = first[j].Data
			}
		case 2: // a text comes or goes
			if s.Type == srv.TypeTXT {
				next.Sets = slices.Delete(next.Sets, i, i+1)
				continue
			}
			k := srv.Key{Name: "text." + origin, Type: srv.TypeTXT}
			if _, ok := next.Lookup(k.Name, k.Type); !ok {
				next.Sets = append(next.Sets, srv.RRset{Name: k.Name, Type: k.Type, TTL: 30, Data: []srv.Data{srv.TXT{Strings: []string{"here"}}}})
				next.Sort()
			}
		default:
			s.Data = slices.Clone(s.Data)
			changeData(s, r)
		}
	}
	return &next
}

func changeData(s *srv.RRset, r *rand.Rand) {
	r.Shuffle(len(s.Data), func(a, b int) { s.Data[a], s.Data[b] = s.Data[b], s.Data[a] })
	switch d := s.Data[0].(type) {
	case srv.SRV:
		d.Priority = uint16(10 + r.IntN(3))
		s.Data[0] = d
	case srv.A:
		s.Data[0] = srv.A{Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + r.IntN(3))})}
	case srv.CNAME:
		s.Data[0] = srv.CNAME{Target: []string{"portal.", "nobody.", "_sip._udp.west.", "ns1."}[r.IntN(4)] + origin}
	}
}

// TestNextZoneAnswersAsAFreshOne: a zone that was packed after others answers
// as if it had been packed alone, whatever has changed since, and also after one
// that was packed in vain.
func TestNextZoneAnswersAsAFreshOne(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	z := zoneOf(t, 7, labRecords+besideRecords+manyTargets()+twins)
	first, old, shared := z.Sets, mustPack(t, z, nil), 0
	for range 300 {
		next := changedZone(z, first, r)
		if r.IntN(4) == 0 {
			bad := changedZone(next, first, r)
			bad.Sets = slices.Clone(bad.Sets)
			bad.Sets[len(bad.Sets)-1].TTL = 1 << 31
			if _, err := pack(bad, old, old.names.seed); err == nil {
				t.Fatal("a TTL of 2^31 was packed")
			}
		}
		now := mustPack(t, next, old)
		fresh := mustPack(t, next, nil)
		if n := sameAnswers(t, now, fresh, now.owners); n < 500 {
			t.Fatalf("%d questions only", n)
		}
		for i := range min(len(now.nodes), len(old.nodes)) {
			if len(now.nodes[i].sets) > 0 && len(old.nodes[i].sets) > 0 && &now.nodes[i].sets[0] == &old.nodes[i].sets[0] {
				shared++
			}
		}
		z, old = next, now
	}
	if shared < 5000 {
		t.Errorf("only %d nodes were taken over", shared)
	}
}
