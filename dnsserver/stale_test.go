package dnsserver

import (
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// An answer that is kept from an earlier time is the same answer, and says so
// (RFC 8914 §4.4); within the client's size, and not to clients without EDNS.
func TestStaleAnswersSaySo(t *testing.T) {
	s, err := New(Config{Listen: loopback()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(zoneOf(t, 1, labRecords)); err != nil {
		t.Fatal(err)
	}
	r := s.responder(&counters{})
	ask := func(edns bool) *dns.Msg {
		q := question("sip.calgary.voice.example.net.", "A")
		if edns {
			q.SetEdns0(512, false)
		}
		wire, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		var out dns.Msg
		if err := out.Unpack(r.respond(make([]byte, maxMessage), wire, UDP)); err != nil {
			t.Fatal(err)
		}
		return &out
	}
	stale := func(m *dns.Msg) bool {
		return m.IsEdns0() != nil && slices.ContainsFunc(m.IsEdns0().Option, func(o dns.EDNS0) bool {
			e, ok := o.(*dns.EDNS0_EDE)
			return ok && e.InfoCode == dns.ExtendedErrorCodeStaleAnswer
		})
	}
	for _, want := range []bool{false, true, false} {
		s.SetStale(want)
		if m := ask(true); stale(m) != want || len(m.Answer) != 1 || m.Rcode != dns.RcodeSuccess {
			t.Errorf("stale %v: %v", want, m)
		}
		if m := ask(false); m.IsEdns0() != nil || len(m.Answer) != 1 {
			t.Errorf("without EDNS: %v", m)
		}
	}
}
