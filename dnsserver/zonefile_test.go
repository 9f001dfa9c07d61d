package dnsserver

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

const siteZone = `$ORIGIN example.net.
$TTL 300
@	IN	SOA	ns1 hostmaster 2026112101 3600 600 1209600 60
	IN	NS	ns1
	IN	NS	ns2.elsewhere.example.
	IN	MX	10 mail
	IN	CAA	0 issue "ca.example"
ns1	IN	A	192.0.2.1
mail 60	IN	A	192.0.2.2
	60	IN	AAAA 2001:db8::2
www	CNAME	mail
text	TXT	( "one"
		  "two; \"quoted\" \\ \200" ) ; a comment
_sip._udp SRV 10 0 5060 mail
voice	NS	ns1.voice
ns1.voice A	192.0.2.53
*.dyn	A	192.0.2.9
odd	TYPE65280 \# 3 0a0b0c
`

// A zone of its own is read, served beside the steered one and replaced by one
// with a higher serial only.
func TestZoneFile(t *testing.T) {
	z, err := ReadZone([]byte(siteZone), "example.net", "example.net.zone")
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, Config{}, zoneOf(t, 7, labRecords))
	if err := s.ServeOthers([]*srv.Zone{z}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, qtype string
		rcode       int
		want        []string
	}{
		{"example.net.", "MX", 0, []string{"example.net. MX 10 mail.example.net."}},
		{"example.net.", "SOA", 0, []string{"example.net. SOA ns1.example.net. hostmaster.example.net. 2026112101 3600 600 1209600 60"}},
		{"example.net.", "CAA", 0, []string{`example.net. CAA 0 issue "ca.example"`}},
		{"www.example.net.", "A", 0, []string{"www.example.net. CNAME mail.example.net.", "mail.example.net. A 192.0.2.2"}},
		{"text.example.net.", "TXT", 0, []string{`text.example.net. TXT "one" "two; \"quoted\" \\ \200"`}},
		{"_sip._udp.example.net.", "SRV", 0, []string{"_sip._udp.example.net. SRV 10 0 5060 mail.example.net."}},
		{"a.dyn.example.net.", "A", 0, []string{"a.dyn.example.net. A 192.0.2.9"}},
		{"nobody.example.net.", "A", dns.RcodeNameError, nil},
		// The zone below is served here too: its answers, not the referral.
		{"sip.calgary.voice.example.net.", "A", 0, []string{"sip.calgary.voice.example.net. A 192.0.2.10"}},
		{"nobody.voice.example.net.", "A", dns.RcodeNameError, nil},
		{"www.example.org.", "A", dns.RcodeRefused, nil},
	} {
		m := ask(t, s, "udp", question(tc.name, tc.qtype))
		var got []string
		for _, rr := range m.Answer {
			got = append(got, strings.Join(slices.Delete(strings.Fields(rr.String()), 1, 3), " "))
		}
		if m.Rcode != tc.rcode || !slices.Equal(got, tc.want) {
			t.Errorf("%s %s: %s %q, want %q", tc.name, tc.qtype, dns.RcodeToString[m.Rcode], got, tc.want)
		}
	}
	if m := ask(t, s, "udp", question("voice.example.net.", "DS")); len(m.Ns) != 1 || m.Ns[0].Header().Name != "example.net." {
		t.Errorf("DS is the parent's: %v", m)
	}
	changed, err := ReadZone([]byte(strings.ReplaceAll(siteZone, "192.0.2.9", "192.0.2.8")), "example.net", "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ServeOthers([]*srv.Zone{changed}); !errors.Is(err, ErrSerialBack) {
		t.Errorf("other records under the same serial: %v", err)
	}
	changed.SOA.Serial, changed.Epoch = 2026112102, 2026112102
	if err := errors.Join(s.ServeOthers([]*srv.Zone{changed}), s.ServeOthers([]*srv.Zone{changed})); err != nil {
		t.Error(err)
	}
	if m := ask(t, s, "udp", question("a.dyn.example.net.", "A")); !strings.Contains(m.String(), "192.0.2.8") {
		t.Errorf("got %v", m)
	}
	if err := s.ServeOthers([]*srv.Zone{changed, changed}); !errors.Is(err, ErrTwice) {
		t.Error(err)
	}
	steered := zoneOf(t, 8, labRecords)
	twin := *changed
	twin.Origin, twin.Sets = steered.Origin, steered.Sets
	if err := s.ServeOthers([]*srv.Zone{&twin}); !errors.Is(err, ErrTwice) {
		t.Error(err)
	}
}

// Before the steered zone is known the zone above it does not deny its names.
func TestOtherZonesWaitForTheSteered(t *testing.T) {
	z, err := ReadZone([]byte(siteZone), "example.net", "x")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Listen: loopback()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ServeOthers([]*srv.Zone{z}); err != nil {
		t.Fatal(err)
	}
	msg, _ := question("_sip._udp.west.voice.example.net.", "SRV").Pack()
	if out := s.newResponder().respond(make([]byte, 512), msg, UDP); rcode(out[3]&0xF) != rcodeServFail {
		t.Errorf("got %s", readable(out))
	}
}

// A broken file is refused whole, and every mistake is told with its line.
func TestZoneFileProblems(t *testing.T) {
	for name, tc := range map[string]struct {
		change [2]string
		want   []string // line and a part of the message
	}{
		"type that there is not":  {[2]string{"mail 60	IN	A	192.0.2.2", "mail 60	IN	AX	192.0.2.2"}, []string{"9: "}},
		"address that is none":    {[2]string{"192.0.2.2", "192.0.2.256"}, []string{"9: "}},
		"quote without end":       {[2]string{`"one"`, `"one`}, []string{": "}},
		"outside the zone":        {[2]string{"www	CNAME", "www.example.org. CNAME"}, []string{"11: www.example.org. is not in the zone"}},
		"two TTLs in a set":       {[2]string{"	60	IN	AAAA 2001:db8::2", "mail 61 IN A 192.0.2.3"}, []string{"10: mail.example.net. A has TTL 61, the record in line 9 has 60"}},
		"twice":                   {[2]string{"	60	IN	AAAA 2001:db8::2", "mail 60 IN A 192.0.2.2"}, []string{"10: mail.example.net. A 192.0.2.2 stands in line 9 already"}},
		"CNAME beside others":     {[2]string{"www	CNAME	mail", "ns1 CNAME mail"}, []string{"4: example.net. NS points to ns1.example.net., which is an alias", "11: ns1.example.net. has other records beside its CNAME"}},
		"second SOA":              {[2]string{"www	CNAME	mail", "@ SOA a b 1 2 3 4 5"}, []string{"11: a second SOA, the first is in line 3"}},
		"no NS":                   {[2]string{"	IN	NS	ns1\n	IN	NS	ns2.elsewhere.example.\n", "\n\n"}, []string{"3: no NS records"}},
		"alias as target":         {[2]string{"5060 mail", "5060 www"}, []string{"14: _sip._udp.example.net. SRV points to www.example.net., which is an alias"}},
		"target without address":  {[2]string{"10 mail", "10 post"}, []string{"6: example.net. MX points to post.example.net., which has no address"}},
		"below a delegation":      {[2]string{"ns1.voice A	192.0.2.53", "ns1.voice A 192.0.2.53\nx.voice TXT x"}, []string{"17: x.voice.example.net. TXT lies in voice.example.net., which is delegated"}},
		"class CH":                {[2]string{"www	CNAME	mail", "www CH TXT x"}, []string{"11: www.example.net.: class CH"}},
		"signed elsewhere":        {[2]string{"www	CNAME	mail", "www NSEC mail.example.net. A"}, []string{"11: www.example.net. NSEC: a zone that was signed"}},
		"include":                 {[2]string{"www	CNAME	mail", "$INCLUDE /etc/passwd"}, []string{"11: "}},
		"two mistakes, both told": {[2]string{"www	CNAME	mail", "www DNAME x\nww2 DNAME y"}, []string{"11: www.example.net. DNAME", "12: ww2.example.net. DNAME"}},
		"control characters":      {[2]string{"www	CNAME	mail", "www \x1b[31m mail"}, []string{"11: "}},
	} {
		text := strings.Replace(siteZone, tc.change[0], tc.change[1], 1)
		if text == siteZone {
			t.Fatalf("%s: nothing changed", name)
		}
		z, err := ReadZone([]byte(text), "example.net", "file")
		if err == nil || z != nil {
			t.Errorf("%s: taken", name)
			continue
		}
		for _, want := range tc.want {
			if !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "file:") {
				t.Errorf("%s: %q does not tell %q", name, err, want)
			}
		}
		if strings.ContainsAny(err.Error(), "\x1b\r") {
			t.Errorf("%s: control characters in %q", name, err)
		}
	}
}

// A file of many mistakes does not make a report without end.
func TestZoneFileManyProblems(t *testing.T) {
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "x%d.example.org. 60 IN A 192.0.2.1\n", i)
	}
	_, err := ReadZone([]byte(text.String()), "example.net", "file")
	if n := strings.Count(fmt.Sprint(err), "\n") + 1; n != maxZoneProblems {
		t.Errorf("%d problems", n)
	}
}

// Whatever octets a file holds, it is refused with a line, or packed and
// served; what is read, printed and read again is the same zone.
func FuzzZoneFile(f *testing.F) {
	f.Add([]byte(siteZone))
	f.Add([]byte("$TTL 60\n@ SOA . . 1 2 3 4 5\n@ NS a.\n*.x TXT \"\\000\\255\"\n"))
	f.Add([]byte("$GENERATE 1-3 a$ A 192.0.2.$\n"))
	f.Add([]byte("a 1 IN CNAME b\nb 1 IN CNAME a\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4096 {
			t.Skip("longer than what is worth the time")
		}
		z, err := ReadZone(text, "example.net", "file")
		if err != nil {
			if strings.ContainsAny(err.Error(), "\x1b\r\x00") {
				t.Fatalf("control characters in %q", err)
			}
			return
		}
		if z.SOA == (srv.SOA{}) {
			return
		}
		s, err := New(Config{Listen: loopback()})
		if err != nil {
			t.Fatal(err)
		}
		if s.ServeOthers([]*srv.Zone{z}) != nil {
			return
		}
		again, err := ReadZone([]byte(z.String()), "example.net", "again")
		if err != nil || !again.Equal(z) {
			t.Fatalf("printed and read again: %v\n%s", err, z)
		}
	})
}
