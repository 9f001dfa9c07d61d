package phones_test

import (
	"testing"

	"github.com/emiago/sipgo/sip"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sipsteer/sipsteer/pkg/lab/phones"
)

// TestSRV: what moves a phone of the kind that was seen on the wire (baresip),
// and what does not (RFC 3263 §4.3).
func TestSRV(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault func(*world)
		moves bool
	}{
		{"503", func(w *world) { w.calgary.answers(503) }, true},
		{"silence", func(w *world) { w.calgary.answers(0) }, true},
		{"dns", func(w *world) { w.answer(0, "vancouver", "calgary") }, true},
		{"500", func(w *world) { w.calgary.answers(500) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			c := w.crowd(phones.Group{Kind: phones.SRV})
			w.at(c, "calgary")
			tt.fault(w)
			if tt.moves {
				w.at(c, "vancouver")
				return
			}
			w.lost(c)
			w.refreshes(w.calgary, 3)
			if n := w.vancouver.count(sip.REGISTER); n != 0 {
				t.Errorf("it registered at vancouver %d times", n)
			}
		})
	}
	t.Run("no memory", func(t *testing.T) {
		w := newWorld(t)
		c := w.crowd(phones.Group{Kind: phones.SRV})
		w.calgary.answers(503)
		w.at(c, "vancouver")
		if c.Snapshot().Refused == 0 {
			t.Error("no 503 was counted")
		}
		w.calgary.answers(200)
		w.at(c, "calgary")
	})
}

// TestTTL: an answer is kept for its TTL, whatever DNS says meanwhile.
func TestTTL(t *testing.T) {
	w := newWorld(t)
	w.answer(3600, "calgary", "vancouver")
	c := w.crowd(phones.Group{Kind: phones.SRV})
	w.at(c, "calgary")
	asked := w.dns.questions()[dnsmessage.TypeSRV]
	w.answer(0, "vancouver")
	w.refreshes(w.calgary, 3)
	if got := w.dns.questions()[dnsmessage.TypeSRV]; got != asked {
		t.Errorf("%d questions inside the TTL", got-asked)
	}
	w.at(c, "calgary")
}

// TestNAPTR: where NAPTR says another owner for the transport, it is followed
// (RFC 3263 §4.1).
func TestNAPTR(t *testing.T) {
	w := newWorld(t)
	const elsewhere = "_sip._udp.elsewhere.example.net."
	w.dns.add(west+".", &dnsmessage.UnknownResource{Type: 35, Data: naptr(10, "SIP+D2T", "_sip._tcp."+west+".")})
	w.dns.add(west+".", &dnsmessage.UnknownResource{Type: 35, Data: naptr(20, "SIP+D2U", elsewhere)})
	w.dns.add(elsewhere, &dnsmessage.SRVResource{Priority: 1, Port: w.vancouver.addr.Port(), Target: dnsmessage.MustNewName("sip.vancouver.example.net.")})
	w.at(w.crowd(phones.Group{Kind: phones.SRV}), "vancouver")
}

// naptr packs RDATA with flag "s" (RFC 3403 §4.1).
func naptr(order byte, service, replacement string) []byte {
	out := append([]byte{0, order, 0, 10, 1, 's', byte(len(service))}, service...)
	out = append(out, 0)
	for label := range labels(replacement) {
		out = append(append(out, byte(len(label))), label...)
	}
	return append(out, 0)
}

// TestLongCache: it goes on with an old answer for a minute, and moves upon 503
// inside that answer.
func TestLongCache(t *testing.T) {
	w := newWorld(t)
	quick, slow := w.crowd(phones.Group{Kind: phones.SRV}), w.crowd(phones.Group{Kind: phones.LongCache})
	w.at(quick, "calgary")
	w.at(slow, "calgary")
	w.answer(0, "vancouver", "calgary")
	w.at(quick, "vancouver")
	w.refreshes(w.calgary, 3) // only one phone is left there
	w.at(slow, "calgary")
	w.calgary.answers(503)
	w.at(slow, "vancouver")
}

// TestFollows503: it asks DNS once, moves only upon 503, and stays there.
func TestFollows503(t *testing.T) {
	w := newWorld(t)
	c := w.crowd(phones.Group{Kind: phones.Follows503})
	w.at(c, "calgary")
	asked := w.dns.questions()
	w.answer(0, "vancouver")
	w.refreshes(w.calgary, 3)
	w.at(c, "calgary")
	w.calgary.answers(0)
	w.lost(c)
	if n := w.vancouver.count(sip.REGISTER); n != 0 {
		t.Errorf("silence moved it: %d REGISTER at vancouver", n)
	}
	w.calgary.answers(503)
	w.at(c, "vancouver")
	w.calgary.answers(200)
	w.refreshes(w.vancouver, 3)
	w.at(c, "vancouver")
	if now := w.dns.questions(); now[dnsmessage.TypeSRV] != asked[dnsmessage.TypeSRV] {
		t.Errorf("it asked DNS again: %v, before %v", now, asked)
	}
}

// TestAOnly: it knows no SRV; only the address of the domain moves it.
func TestAOnly(t *testing.T) {
	w := newWorld(t)
	c := w.crowd(phones.Group{Kind: phones.AOnly})
	w.at(c, "calgary")
	w.calgary.answers(503)
	w.lost(c)
	if n := w.vancouver.count(sip.REGISTER); n != 0 {
		t.Errorf("503 moved it: %d REGISTER at vancouver", n)
	}
	w.answer(0, "vancouver")
	w.at(c, "vancouver")
	if q := w.dns.questions(); q[dnsmessage.TypeSRV] != 0 || q[35] != 0 {
		t.Errorf("it asked for more than addresses: %v", q)
	}
}

// TestPinned: it asks nobody and never moves: a straggler.
func TestPinned(t *testing.T) {
	w := newWorld(t)
	c := w.crowd(phones.Group{Kind: phones.Pinned, Server: w.calgary.addr})
	w.at(c, "calgary")
	w.answer(0, "vancouver")
	w.calgary.answers(503)
	w.lost(c)
	w.refreshes(w.calgary, 3)
	if n := w.vancouver.count(sip.REGISTER); n != 0 {
		t.Errorf("%d REGISTER at vancouver", n)
	}
	if q := w.dns.questions(); len(q) != 0 {
		t.Errorf("it asked DNS: %v", q)
	}
	if at := c.At("calgary"); len(at) != 1 || at[0].Kind != phones.Pinned {
		t.Errorf("at calgary: %+v", at)
	}
}
