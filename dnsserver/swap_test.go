package dnsserver_test

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// epochOf reads the epoch out of an answer's addresses or its SOA. It fails if
// the answer is empty or says two different ones.
func epochOf(m *dns.Msg) (uint64, error) {
	var epochs []uint64
	for _, rr := range append(append(append([]dns.RR{}, m.Answer...), m.Ns...), m.Extra...) {
		switch rr := rr.(type) {
		case *dns.SOA:
			epochs = append(epochs, uint64(rr.Serial))
		case *dns.A:
			epochs = append(epochs, uint64(rr.A.To4()[1])<<8|uint64(rr.A.To4()[2]))
		}
	}
	if m.Truncated || len(epochs) == 0 {
		return 0, fmt.Errorf("empty answer: %v", m)
	}
	for _, e := range epochs {
		if e != epochs[0] {
			return 0, fmt.Errorf("epochs %v in one answer", epochs)
		}
	}
	return epochs[0], nil
}

// witness asks the same few questions again and again until told to end.
type witness struct {
	c       *client
	asked   int
	last    uint64
	problem error
}

func (w *witness) run(end <-chan struct{}, floor func() uint64) {
	questions := []*dns.Msg{
		withEDNS(question("_sip._udp.west."+origin, dns.TypeSRV), 1232), question("nobody."+origin, dns.TypeA),
		question("west."+origin, dns.TypeA), question(origin, dns.TypeSOA), question("b.deep."+origin, dns.TypeA),
	}
	for ; ; w.asked++ {
		select {
		case <-end:
			return
		default:
		}
		before := floor()
		epoch, err := w.ask(questions[w.asked%len(questions)])
		switch {
		case err != nil:
			w.problem = err
		case epoch < before:
			w.problem = fmt.Errorf("answered from epoch %d after Serve(%d) had returned", epoch, before)
		case epoch < w.last:
			w.problem = fmt.Errorf("answered from epoch %d after %d", epoch, w.last)
		}
		if w.last = epoch; w.problem != nil {
			return
		}
	}
}

func (w *witness) ask(m *dns.Msg) (uint64, error) {
	msg, err := m.Pack()
	if err != nil {
		return 0, err
	}
	if err := w.c.write(msg); err != nil {
		return 0, err
	}
	raw, err := w.c.read()
	if err != nil {
		return 0, err
	}
	out := new(dns.Msg)
	if err := out.Unpack(raw); err != nil {
		return 0, err
	}
	return epochOf(out)
}

// Rules epoch-forward and never-empty, and "no answer mixes two epochs": while
// zones are swapped as fast as they come, every answer is whole, of one epoch,
// and never of one before the last that Serve returned for.
func TestSwapUnderLoad(t *testing.T) {
	s := start(t, dnsserver.Config{Workers: 2}, testZone(1))
	witnesses := []*witness{{c: udpClient(t, s)}, {c: udpClient(t, s)}, {c: udpClient(t, s)}, {c: tcpClient(t, s)}}
	end := make(chan struct{})
	var running sync.WaitGroup
	for _, w := range witnesses {
		running.Go(func() { w.run(end, s.Epoch) })
	}
	const last = 200
	for epoch := uint64(2); epoch <= last; epoch++ {
		if err := s.Serve(testZone(epoch)); err != nil {
			t.Error(err)
			break
		}
	}
	close(end)
	running.Wait()
	for i, w := range witnesses {
		if w.problem != nil {
			t.Errorf("witness %d: %v", i, w.problem)
		}
		if w.asked < 10 {
			t.Errorf("witness %d asked %d questions only: nothing was tested", i, w.asked)
		}
	}
	if got := s.Stats(); got.Epoch != last || got.Swaps != last {
		t.Errorf("epoch %d after %d swaps", got.Epoch, got.Swaps)
	}
}

// A zone that must not be served is refused for a stated reason, remembered,
// and the one before is still answered, whole.
func TestRefusedZones(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(z *srv.Zone)
		want  error
	}{
		{"older epoch", func(z *srv.Zone) { z.Epoch, z.SOA.Serial = 6, 6 }, dnsserver.ErrEpochBack},
		{"other records, same epoch", func(z *srv.Zone) { z.Epoch, z.SOA.Serial = 7, 7; z.Sets[0].TTL++ }, dnsserver.ErrEpochConflict},
		{"other SOA, same epoch", func(z *srv.Zone) { z.Epoch, z.SOA.Serial = 7, 7; z.SOA.Minimum++ }, dnsserver.ErrEpochConflict},
		{"serial is not the epoch", func(z *srv.Zone) { z.SOA.Serial++ }, srv.ErrMalformed},
		{"steered set is gone", func(z *srv.Zone) { z.Steered = append(z.Steered, srv.Key{Name: "gone." + origin, Type: srv.TypeSRV}) }, srv.ErrEmptySet},
		{"set without records", func(z *srv.Zone) { set(z, "none."+origin).Data = nil }, srv.ErrEmptySet},
		{"target without address", func(z *srv.Zone) { set(z, "none."+origin).Data = []srv.Data{srv.SRV{Target: "x." + origin}} }, srv.ErrDanglingTarget},
		{"label of 64 octets", func(z *srv.Zone) { rename(z, "none."+origin, repeat("a", 64)+"."+origin) }, dnsserver.ErrUnservable},
		{"name of 256 octets", func(z *srv.Zone) { rename(z, "none."+origin, repeat(repeat("a", 50)+".", 5)+origin) }, dnsserver.ErrUnservable},
		{"empty label", func(z *srv.Zone) { rename(z, "none."+origin, "a.."+origin) }, dnsserver.ErrUnservable},
		{"one name in two spellings", func(z *srv.Zone) { rename(z, "none."+origin, `\110ote.`+origin) }, dnsserver.ErrUnservable},
		{"CNAME beside other records", func(z *srv.Zone) { add(z, "note."+origin, srv.CNAME{Target: "elsewhere.example."}) }, dnsserver.ErrUnservable},
		{"two CNAMEs", func(z *srv.Zone) {
			add(z, "c."+origin, srv.CNAME{Target: "a.example."}, srv.CNAME{Target: "b.example."})
		}, dnsserver.ErrUnservable},
		{"CNAME at the apex", func(z *srv.Zone) { add(z, origin, srv.CNAME{Target: "elsewhere.example."}) }, dnsserver.ErrUnservable},
		{"CNAME to itself", func(z *srv.Zone) { add(z, "c."+origin, srv.CNAME{Target: "c." + origin}) }, dnsserver.ErrUnservable},
		{"CNAMEs in a circle", func(z *srv.Zone) {
			add(z, "c."+origin, srv.CNAME{Target: "d." + origin})
			add(z, "d."+origin, srv.CNAME{Target: "c." + origin})
		}, dnsserver.ErrUnservable},
		{"A with an IPv6 address", func(z *srv.Zone) { add(z, "v6."+origin, srv.A{Addr: netip.MustParseAddr("2001:db8::1")}) }, dnsserver.ErrUnservable},
		{"AAAA with an IPv4 address", func(z *srv.Zone) { add(z, "v4."+origin, srv.AAAA{Addr: netip.MustParseAddr("192.0.2.1")}) }, dnsserver.ErrUnservable},
		{"A without an address", func(z *srv.Zone) { add(z, "v0."+origin, srv.A{}) }, dnsserver.ErrUnservable},
		{"string of 256 octets", func(z *srv.Zone) { add(z, "long."+origin, srv.TXT{Strings: []string{repeat("x", 256)}}) }, dnsserver.ErrUnservable},
		{"TXT without a string", func(z *srv.Zone) { add(z, "no."+origin, srv.TXT{}) }, dnsserver.ErrUnservable},
		{"TTL over 2^31-1", func(z *srv.Zone) { set(z, "none."+origin).TTL = 1 << 31 }, dnsserver.ErrUnservable},
		{"target that is no name", func(z *srv.Zone) { set(z, "none."+origin).Data = []srv.Data{srv.SRV{Target: "a..b."}} }, dnsserver.ErrUnservable},
		{"set that fits no message", func(z *srv.Zone) { set(z, "note."+origin).Data = manyTexts() }, dnsserver.ErrUnservable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, dnsserver.Config{}, testZone(7))
			bad := testZone(8)
			tc.spoil(bad)
			err := s.Serve(bad)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			got := s.Stats()
			if s.Epoch() != 7 || got.Swaps != 1 || got.RefusedSwaps != 1 || got.LastRefusal != err.Error() {
				t.Errorf("epoch %d, stats %+v", s.Epoch(), got)
			}
			out := udpClient(t, s).ask(question("_sip._udp.west."+origin, dns.TypeSRV))
			if epoch, err := epochOf(out); epoch != 7 || err != nil || len(out.Answer) != 3 {
				t.Errorf("epoch %d, %v", epoch, err)
			}
			if err := s.Serve(testZone(8)); err != nil || s.Epoch() != 8 {
				t.Errorf("a good zone after it: epoch %d, %v", s.Epoch(), err)
			}
		})
	}
}

// The same zone again is no swap and no refusal: a restarted leader repeats
// itself. No zone at all is a refusal.
func TestSameZoneAgain(t *testing.T) {
	s := start(t, dnsserver.Config{}, testZone(7))
	if err := s.Serve(testZone(7)); err != nil {
		t.Error(err)
	}
	if got := s.Stats(); got.Swaps != 1 || got.RefusedSwaps != 0 {
		t.Errorf("stats %+v", got)
	}
	if err := s.Serve(nil); !errors.Is(err, dnsserver.ErrNoZone) {
		t.Errorf("got %v", err)
	}
}

// Names come and go with the epochs; what is gone is denied, and a name that
// had records and now only has names below it is an empty non-terminal.
func TestNamesFollowTheZone(t *testing.T) {
	s := start(t, dnsserver.Config{}, testZone(7))
	c := udpClient(t, s)
	for _, tc := range []struct {
		change func(z *srv.Zone)
		name   string
		rcode  int
		answer int
	}{
		{func(*srv.Zone) {}, "new." + origin, dns.RcodeNameError, 0},
		{func(z *srv.Zone) { add(z, "new."+origin, srv.A{Addr: siteAddr(1, 1)}) }, "new." + origin, dns.RcodeSuccess, 1},
		{func(z *srv.Zone) { add(z, "a.new."+origin, srv.A{Addr: siteAddr(1, 1)}) }, "new." + origin, dns.RcodeSuccess, 0},
		{func(*srv.Zone) {}, "a.new." + origin, dns.RcodeNameError, 0},
		{func(z *srv.Zone) { add(z, "*.wild."+origin, srv.A{Addr: siteAddr(1, 1)}) }, "x.y.wild." + origin, dns.RcodeSuccess, 1},
		{func(*srv.Zone) {}, "x.y.wild." + origin, dns.RcodeNameError, 0},
	} {
		z := testZone(s.Epoch() + 1)
		tc.change(z)
		if err := s.Serve(z); err != nil {
			t.Fatal(err)
		}
		if out := c.ask(question(tc.name, dns.TypeA)); out.Rcode != tc.rcode || len(out.Answer) != tc.answer {
			t.Errorf("epoch %d, %s: %v", z.Epoch, tc.name, out)
		}
	}
}

// set is a set of the zone, by owner.
func set(z *srv.Zone, owner string) *srv.RRset {
	for i := range z.Sets {
		if z.Sets[i].Name == owner {
			return &z.Sets[i]
		}
	}
	return nil
}

func add(z *srv.Zone, owner string, data ...srv.Data) {
	z.Sets = append(z.Sets, srv.RRset{Name: owner, Type: data[0].Type(), TTL: 60, Data: data})
	z.Sort()
}

func rename(z *srv.Zone, owner, to string) {
	s := set(z, owner)
	s.Name = to
	if s.Type == srv.TypeSRV && to == `\110ote.`+origin {
		s.Type, s.Data = srv.TypeTXT, []srv.Data{srv.TXT{Strings: []string{"twice"}}}
	}
	z.Sort()
}

// manyTexts are more records than the 65535 octets of a message hold.
func manyTexts() []srv.Data {
	var out []srv.Data
	for i := range 300 {
		out = append(out, srv.TXT{Strings: []string{fmt.Sprintf("%0255d", i)}})
	}
	return out
}
