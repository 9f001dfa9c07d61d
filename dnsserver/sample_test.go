package dnsserver

import (
	"net"
	"net/netip"
	"testing"
	"time"

	dnstap "github.com/dnstap/golang-dnstap"
	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/dnsserver/tap"
)

// What is asked is sampled by the share that was set, over UDP and over
// connections of one question each, with the answer that was sent.
func TestSamples(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan *dnstap.Dnstap, 1000)
	go collect(l, got)
	s := start(t, Config{Tap: &tap.Config{Network: "tcp", Address: l.Addr().String(), Sample: 4}}, zoneOf(t, 7, labRecords))
	r := s.responder(&counters{})
	msg, err := question("west."+origin, "A").Pack()
	if err != nil {
		t.Fatal(err)
	}
	client := netip.MustParseAddrPort("192.0.2.1:5353")
	for range 40 {
		s.answerUDP(r, make([]byte, maxUDPSize), msg, client, 1)
	}
	for range 10 {
		d := receive(t, got)
		m := new(dns.Msg)
		if err := m.Unpack(d.GetMessage().ResponseMessage); err != nil || len(m.Answer) != 1 || d.GetMessage().GetSocketProtocol() != dnstap.SocketProtocol_UDP {
			t.Fatalf("%v: %v", err, d)
		}
	}
	if len(got) > 0 {
		t.Errorf("%d samples too many", len(got))
	}
	for len(got) == 0 { // one of four, by chance, has the turn
		ask(t, s, "tcp", question("west."+origin, "A"))
	}
	if d := receive(t, got); d.GetMessage().GetSocketProtocol() != dnstap.SocketProtocol_TCP {
		t.Error(d)
	}
}

// collect reads the frames of one connection, until it ends.
func collect(l net.Listener, got chan<- *dnstap.Dnstap) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	r, err := dnstap.NewReader(c, &dnstap.ReaderOptions{Bidirectional: true})
	if err != nil {
		return
	}
	for d := dnstap.NewDecoder(r, 1<<16); ; {
		sample := &dnstap.Dnstap{}
		if err := d.Decode(sample); err != nil {
			return
		}
		got <- sample
	}
}

func receive(t *testing.T, got <-chan *dnstap.Dnstap) *dnstap.Dnstap {
	t.Helper()
	select {
	case d := <-got:
		return d
	case <-time.After(30 * time.Second):
		t.Fatal("no sample")
		return nil
	}
}

// Answers that took long are counted.
func TestSlowAnswers(t *testing.T) {
	r := newTestResponder(t, Config{}, nil)
	r.slow(time.Now().Add(-time.Second), 3)
	r.slow(time.Now().Add(time.Hour), 5)
	if n := r.count.slow.Load(); n != 3 {
		t.Errorf("%d slow answers", n)
	}
}
