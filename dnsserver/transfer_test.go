package dnsserver

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

const (
	keyName   = "transfer.example."
	keySecret = "c2VjcmV0IHRoYXQgaGFzIDMyIG9jdGV0cyBpbiBpdCE=" // "secret that has 32 octets in it!"
)

// withSecondary lets 127.0.0.0/8 transfer with the key.
func withSecondary() Config {
	return Config{
		Keys:        []TSIGKey{{keyName, []byte("secret that has 32 octets in it!")}, {"other.example.", []byte("another secret of 32 octets, also")}},
		Secondaries: []Secondary{{From: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Key: keyName}},
	}
}

// fetch transfers a zone with a DNS library; serial 0 is AXFR.
func fetch(t testing.TB, s *Server, serial uint32) ([]dns.RR, error) {
	t.Helper()
	m := new(dns.Msg)
	if serial == 0 {
		m.SetAxfr(origin)
	} else {
		m.SetIxfr(origin, serial, "ns1."+origin, "x.")
	}
	return transferOver(&dns.Transfer{}, s, m)
}

func transferOver(tr *dns.Transfer, s *Server, m *dns.Msg) ([]dns.RR, error) {
	m.SetTsig(keyName, dns.HmacSHA256, 300, time.Now().Unix())
	tr.TsigSecret, tr.ReadTimeout = map[string]string{keyName: keySecret}, 10*time.Second
	in, err := tr.In(m, s.Addrs()[0].String())
	if err != nil {
		return nil, err
	}
	var out []dns.RR
	for e := range in {
		if e.Error != nil {
			err = e.Error
		}
		out = append(out, e.RR...)
	}
	return out, err
}

// harmedConn changes one octet of what is read, and ends after some.
type harmedConn struct {
	net.Conn
	at, end int // of the octets read
	flip    byte
	read    int
}

func (c *harmedConn) Read(p []byte) (int, error) {
	if c.read >= c.end {
		return 0, io.EOF
	}
	n, err := c.Conn.Read(p[:min(len(p), c.end-c.read)])
	if i := c.at - c.read; i >= 0 && i < n {
		p[i] ^= c.flip
	}
	c.read += n
	return n, err
}

// Write sends the question and that there is no other, so that the server ends
// the connection when it has answered.
func (c *harmedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	return n, errors.Join(err, c.Conn.(*net.TCPConn).CloseWrite())
}

// FuzzTransfer harms a transfer on its way. A secondary sees that, or has the
// zone: never a part of it or another one.
func FuzzTransfer(f *testing.F) {
	z := zoneOf(f, 7, labRecords)
	s := start(f, withSecondary(), z)
	want := listOf(parsed(f, z))
	f.Add(uint16(0), byte(1), ^uint16(0))  // the length of the message
	f.Add(uint16(5), byte(2), ^uint16(0))  // its RCODE
	f.Add(uint16(9), byte(1), ^uint16(0))  // how many records it has
	f.Add(uint16(13), byte(1), ^uint16(0)) // how many signatures
	f.Add(uint16(400), byte(32), ^uint16(0))
	f.Add(uint16(0), byte(0), uint16(700))
	f.Add(uint16(0), byte(0), ^uint16(0)) // unharmed
	f.Fuzz(func(t *testing.T, at uint16, flip byte, end uint16) {
		conn, err := net.Dial("tcp", s.Addrs()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		c := &harmedConn{Conn: conn, at: int(at), flip: flip, end: int(end)}
		defer c.Close()
		m := new(dns.Msg)
		m.SetAxfr(origin)
		got, err := transferOver(&dns.Transfer{Conn: &dns.Conn{Conn: c}}, s, m)
		switch {
		case err != nil && (flip == 0 || c.at >= c.read) && c.read < c.end:
			t.Fatalf("nothing was harmed: %v", err)
		case err == nil && !slices.Equal(listOf(got), want):
			t.Fatalf("taken for the zone:\n%s", strings.Join(listOf(got), "\n"))
		}
	})
}

// listOf prints records, sorted, without SOA.
func listOf(records []dns.RR) []string {
	var out []string
	for _, rr := range records {
		if rr.Header().Rrtype != dns.TypeSOA {
			out = append(out, strings.Join(strings.Fields(rr.String()), " "))
		}
	}
	slices.Sort(out)
	return out
}

// parsed reads a zone that is written out with a DNS library.
func parsed(t testing.TB, z *srv.Zone) []dns.RR {
	t.Helper()
	var out []dns.RR
	p := dns.NewZoneParser(strings.NewReader(z.String()), "", "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		out = append(out, rr)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// RFC 5936 §2.2: AXFR is all of the zone between two SOA records, tenants
// included, in as many signed messages as it takes (RFC 8945 §5.3.1).
func TestTransferWhole(t *testing.T) {
	many := fewTenants()
	for i := range 3000 {
		many[fleet.TenantID(fmt.Sprintf("t%d.voice.example.net", i))] = west
	}
	for _, answers := range []fleet.TenantAnswers{fleet.TenantsExpand, fleet.TenantsCNAME} {
		z := tenantZone(t, 7, answers, many)
		s := start(t, withSecondary(), z)
		got, err := fetch(t, s, 0)
		if err != nil {
			t.Fatal(err)
		}
		first, last := got[0], got[len(got)-1]
		if first.Header().Rrtype != dns.TypeSOA || first.String() != last.String() {
			t.Errorf("from %v to %v", first, last)
		}
		if want := listOf(parsed(t, writtenOut(t, z))); !slices.Equal(listOf(got), want) {
			t.Errorf("%s: %d records, want %d", answers, len(got)-2, len(want))
		}
		if st := s.Stats(); st.TransfersWhole != 1 || st.TransfersRefused != 0 {
			t.Errorf("%+v", st)
		}
	}
}

// What a client has, with the answer to IXFR applied, is the new zone, for any
// two of several random epochs; RFC 1995 §4, §5.
func TestTransferIncremental(t *testing.T) {
	base := []string{labRecords + eastRecords, strings.ReplaceAll(labRecords, "SRV 10 ", "SRV 910 ") + eastRecords, labRecords + eastRecords + besideRecords, labRecords + eastRecords + cohortRecords}
	domain := rapid.Custom(func(t *rapid.T) fleet.TenantID {
		return fleet.TenantID(fmt.Sprintf("t%d.voice.example.net", rapid.IntRange(0, 60).Draw(t, "i")))
	})
	kinds := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		s := start(t, withSecondary(), zoneOf(t, 1, base[0]))
		answers := rapid.SampledFrom([]fleet.TenantAnswers{fleet.TenantsExpand, fleet.TenantsCNAME}).Draw(rt, "answers")
		var table *fleet.Tenants
		had := map[uint32][]string{1: listOf(parsed(t, zoneOf(t, 1, base[0])))}
		for epoch := uint64(2); epoch <= 4; epoch++ {
			records := rapid.SampledFrom(base).Draw(rt, "records")
			z := zoneOf(t, epoch, records)
			if strings.HasSuffix(records, cohortRecords) {
				z.Cohorts = westCohort()
			}
			table = editTenants(t, table, rapid.MapOfN(domain, rapid.SampledFrom([]fleet.ServiceID{west, east, ""}), 0, 30).Draw(rt, "tenants"))
			z.Tenants, z.TenantAnswers = table, answers
			if err := s.Serve(z); err != nil {
				t.Fatal(err)
			}
			had[uint32(epoch)] = listOf(parsed(t, writtenOut(t, z)))
		}
		for serial, before := range had {
			got, err := fetch(t, s, serial)
			if err != nil {
				t.Fatal(err)
			}
			kind, after := applied(t, before, got)
			kinds[kind]++
			if !slices.Equal(after, had[4]) {
				t.Fatalf("from serial %d (%s): %d records, want %d", serial, kind, len(after), len(had[4]))
			}
		}
	})
	if kinds["difference"] == 0 || kinds["nothing"] == 0 {
		t.Errorf("not every kind of answer came: %v", kinds)
	}
	// A serial that this server never had: the zone comes whole.
	z := zoneOf(t, 9, base[0])
	got, err := fetch(t, start(t, withSecondary(), z), 5)
	if err != nil {
		t.Fatal(err)
	}
	if kind, after := applied(t, nil, got); kind != "whole" || !slices.Equal(after, listOf(parsed(t, writtenOut(t, z)))) {
		t.Errorf("from an unknown serial: %s, %d records", kind, len(after))
	}
}

// applied does what a secondary does with the answer to IXFR.
func applied(t testing.TB, before []string, answer []dns.RR) (kind string, after []string) {
	t.Helper()
	if len(answer) == 1 {
		return "nothing", before
	}
	if answer[1].Header().Rrtype != dns.TypeSOA {
		return "whole", listOf(answer)
	}
	has := map[string]bool{}
	for _, r := range before {
		has[r] = true
	}
	adding := true // the SOA in front turns it
	for _, rr := range answer[1 : len(answer)-1] {
		if rr.Header().Rrtype == dns.TypeSOA {
			adding = !adding
			continue
		}
		text := strings.Join(strings.Fields(rr.String()), " ")
		if has[text] == adding {
			t.Fatalf("adding %t: %s", adding, text)
		}
		has[text] = adding
	}
	maps.DeleteFunc(has, func(_ string, is bool) bool { return !is })
	return "difference", slices.Sorted(maps.Keys(has))
}

// A failover at many tenants is told by the few records of their service if
// they are CNAMEs, and by the whole zone if that is less than the difference.
func TestTransferOfFailover(t *testing.T) {
	many := map[fleet.TenantID]fleet.ServiceID{}
	for i := range 500 {
		many[fleet.TenantID(fmt.Sprintf("t%d.voice.example.net", i))] = west
	}
	for answers, most := range map[fleet.TenantAnswers]int{fleet.TenantsCNAME: 30, fleet.TenantsExpand: 1 << 20} {
		first := tenantZone(t, 1, answers, many)
		s := start(t, withSecondary(), first)
		next := zoneOf(t, 2, strings.ReplaceAll(labRecords, "SRV 10 ", "SRV 910 ")+eastRecords)
		next.Tenants, next.TenantAnswers = first.Tenants, answers
		if err := s.Serve(next); err != nil {
			t.Fatal(err)
		}
		got, err := fetch(t, s, 1)
		if err != nil || len(got) > most || len(got) < 5 {
			t.Errorf("%s: %d records, %v", answers, len(got), err)
		}
	}
}

// Nobody else gets the zone: without a key, with a wrong or unknown one, with
// one that may not, from elsewhere, of no zone of ours, over UDP. All are counted.
func TestTransferRefused(t *testing.T) {
	s := start(t, withSecondary(), zoneOf(t, 7, labRecords))
	elsewhere := withSecondary()
	elsewhere.Secondaries[0].From = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	far := start(t, elsewhere, zoneOf(t, 7, labRecords))
	for name, tc := range map[string]struct {
		s           *Server
		network     string
		zone        string
		key, secret string
		at          int64 // seconds from now
		rcode       int
		code        uint16
	}{
		"no key":           {s, "tcp", origin, "", "", 0, dns.RcodeRefused, 0},
		"unknown key":      {s, "tcp", origin, "who.example.", keySecret, 0, dns.RcodeNotAuth, dns.RcodeBadKey},
		"wrong secret":     {s, "tcp", origin, keyName, "d3Jvbmc=", 0, dns.RcodeNotAuth, dns.RcodeBadSig},
		"old":              {s, "tcp", origin, keyName, keySecret, -4000, dns.RcodeNotAuth, dns.RcodeBadTime},
		"from the future":  {s, "tcp", origin, keyName, keySecret, 4000, dns.RcodeNotAuth, dns.RcodeBadTime},
		"key that may not": {s, "tcp", origin, "other.example.", "YW5vdGhlciBzZWNyZXQgb2YgMzIgb2N0ZXRzLCBhbHNv", 0, dns.RcodeRefused, 0},
		"from elsewhere":   {far, "tcp", origin, keyName, keySecret, 0, dns.RcodeRefused, 0},
		"another zone":     {s, "tcp", "example.org.", keyName, keySecret, 0, dns.RcodeRefused, 0},
		"not the apex":     {s, "tcp", "west." + origin, keyName, keySecret, 0, dns.RcodeRefused, 0},
		"over UDP":         {s, "udp", origin, keyName, keySecret, 0, dns.RcodeRefused, 0},
	} {
		m := question(tc.zone, "AXFR")
		if tc.key != "" {
			m.SetTsig(tc.key, dns.HmacSHA256, 300, time.Now().Unix()+tc.at)
		}
		wire, err := m.Pack()
		if tc.key != "" {
			wire, _, err = dns.TsigGenerate(m, tc.secret, "", false)
		}
		if err != nil {
			t.Fatal(err)
		}
		refused := tc.s.Stats().TransfersRefused
		r := exchangeRaw(t, tc.s, tc.network, wire)
		if r.Rcode != tc.rcode || len(r.Answer) > 0 || tc.code != 0 && r.IsTsig().Error != tc.code {
			t.Errorf("%s: %v", name, r)
		}
		if tc.network == "tcp" && tc.s.Stats().TransfersRefused != refused+1 {
			t.Errorf("%s: not counted", name)
		}
	}
}

// exchangeRaw sends octets and reads one answer.
func exchangeRaw(t testing.TB, s *Server, network string, wire []byte) *dns.Msg {
	t.Helper()
	c, err := net.Dial(network, s.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	co := &dns.Conn{Conn: c}
	_ = co.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := co.Write(wire); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, maxMessage)
	n, err := co.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg)
	if err := m.Unpack(buf[:n]); err != nil {
		t.Fatal(err)
	}
	return m
}

// RFC 8945 §5.3: a signed question gets the answer of an unsigned one, signed;
// a library checks it. IXFR over UDP gets the SOA alone (RFC 1995 §2).
func TestSignedAnswers(t *testing.T) {
	s := start(t, withSecondary(), zoneOf(t, 7, labRecords))
	for _, network := range []string{"udp", "tcp"} {
		for _, qtype := range []string{"SOA", "SRV", "IXFR"} {
			if qtype == "IXFR" && network == "tcp" {
				continue
			}
			name := map[string]string{"SOA": origin, "IXFR": origin, "SRV": "_sip._udp.west." + origin}[qtype]
			m := question(name, qtype)
			m.SetTsig(keyName, dns.HmacSHA256, 300, time.Now().Unix())
			c := &dns.Client{Net: network, TsigSecret: map[string]string{keyName: keySecret}, Timeout: 10 * time.Second}
			r, _, err := c.Exchange(m, s.Addrs()[0].String())
			if err != nil || r.Rcode != 0 || len(r.Answer) == 0 || r.IsTsig() == nil || !r.Authoritative {
				t.Errorf("%s over %s: %v %v", qtype, network, err, r)
			}
		}
	}
}

func TestSecondariesRefused(t *testing.T) {
	from := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	key := TSIGKey{keyName, make([]byte, 32)}
	for name, cfg := range map[string]Config{
		"no key":            {Secondaries: []Secondary{{From: from}}},
		"key that is not":   {Keys: []TSIGKey{key}, Secondaries: []Secondary{{From: from, Key: "other."}}},
		"no address":        {Keys: []TSIGKey{key}, Secondaries: []Secondary{{Key: keyName}}},
		"short secret":      {Keys: []TSIGKey{{keyName, make([]byte, 15)}}},
		"key that is twice": {Keys: []TSIGKey{key, {"TRANSFER.example.", make([]byte, 32)}}},
		"key without name":  {Keys: []TSIGKey{{"", make([]byte, 32)}}},
	} {
		cfg.Listen = loopback()
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// RFC 1996 §3: secondaries are told of each new serial until they acknowledge
// it, signed; a forged acknowledgement does not count.
func TestNotify(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan uint32, 100)
	var forged bool
	secondary := &dns.Server{PacketConn: pc, TsigSecret: map[string]string{keyName: keySecret}, MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }}
	secondary.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		r := new(dns.Msg)
		r.SetReply(m)
		if w.TsigStatus() != nil || m.IsTsig() == nil || m.Opcode != dns.OpcodeNotify || len(m.Answer) != 1 {
			t.Errorf("got %v: %v", m, w.TsigStatus())
		}
		if !forged { // the first time, an answer without signature
			forged = true
			_ = w.WriteMsg(r)
			return
		}
		got <- m.Answer[0].(*dns.SOA).Serial
		r.SetTsig(keyName, dns.HmacSHA256, 300, time.Now().Unix())
		_ = w.WriteMsg(r)
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = secondary.ActivateAndServe()
	}()
	defer func() {
		_ = secondary.Shutdown()
		<-ended
	}()
	cfg := withSecondary()
	cfg.Secondaries[0].Notify = pc.LocalAddr().(*net.UDPAddr).AddrPort()
	s := start(t, cfg, zoneOf(t, 7, labRecords))
	want := func(serial uint32) {
		t.Helper()
		select {
		case n := <-got:
			if n != serial {
				t.Fatalf("told of %d, want %d", n, serial)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("not told of %d", serial)
		}
	}
	want(7)
	if err := s.Serve(zoneOf(t, 8, labRecords)); err != nil {
		t.Fatal(err)
	}
	want(8)
}

// Any octets as a TSIG record: an answer in proper form that gives nothing
// away.
func FuzzTSIG(f *testing.F) {
	for _, key := range []string{keyName, "who.example."} {
		m := question(origin, "AXFR")
		m.SetTsig(key, dns.HmacSHA256, 300, 1000)
		wire, _, err := dns.TsigGenerate(m, keySecret, "", false)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
		f.Add(wire[:len(wire)-1])
	}
	cfg := withSecondary()
	r := newTestResponder(f, cfg, zoneOf(f, 7, labRecords))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if len(msg) > 4096 {
			t.Skip("longer than any question")
		}
		r.now = 1000
		out := r.respond(make([]byte, maxMessage), msg, UDP)
		if out == nil {
			return
		}
		checkForm(t, msg, out, UDP)
		if r.q.qtype == typeAXFR && u16(out[6:]) != 0 {
			t.Fatalf("records over UDP: %x", out)
		}
	})
}
