package dnsserver

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// besideRecords is what may stand in a zone beside what is steered.
const besideRecords = `
www.voice.example.net. 300 IN CNAME portal.voice.example.net.
portal.voice.example.net. 300 IN A 192.0.2.80
portal.voice.example.net. 300 IN AAAA 2001:db8::80
old.voice.example.net. 300 IN CNAME www.voice.example.net.
away.voice.example.net. 300 IN CNAME cdn.elsewhere.example.
lost.voice.example.net. 300 IN CNAME nobody.voice.example.net.
part.voice.example.net. 300 IN CNAME host.branch.voice.example.net.
*.any.voice.example.net. 300 IN CNAME portal.voice.example.net.
toany.voice.example.net. 300 IN CNAME x.y.any.voice.example.net.
branch.voice.example.net. 300 IN NS ns.branch.voice.example.net.
branch.voice.example.net. 300 IN NS ns.elsewhere.example.
branch.voice.example.net. 300 IN NS ns1.voice.example.net.
ns.branch.voice.example.net. 300 IN A 192.0.2.54
ns.branch.voice.example.net. 300 IN AAAA 2001:db8::54
deep.branch.voice.example.net. 300 IN NS ns.elsewhere.example.
`

// told is what stands in an answer, in short: owner, type and data.
func told(m *dns.Msg) (out []string) {
	for i, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, rr := range section {
			if rr.Header().Rrtype == dns.TypeOPT {
				continue
			}
			text := strings.Fields(strings.ReplaceAll(rr.String(), ".voice.example.net.", ""))
			if rr.Header().Rrtype == dns.TypeSOA {
				text = text[:4]
			}
			out = append(out, []string{"", "authority ", "additional "}[i]+strings.Join(append(text[:1:1], text[3:]...), " "))
		}
	}
	return out
}

type toldCase struct {
	name, qtype string
	rcode       int
	aa          bool
	want        []string
}

func checkTold(t *testing.T, cases []toldCase) {
	t.Helper()
	s := start(t, Config{}, zoneOf(t, 7, labRecords+besideRecords))
	for _, tc := range cases {
		for _, network := range []string{"udp", "tcp"} {
			m := ask(t, s, network, question(tc.name+".voice.example.net.", tc.qtype))
			if m.Rcode != tc.rcode || m.Authoritative != tc.aa || !slices.Equal(told(m), tc.want) {
				t.Errorf("%s %s: %s, AA %t\n%s\nwant\n%s", tc.name, tc.qtype, dns.RcodeToString[m.Rcode], m.Authoritative, strings.Join(told(m), "\n"), strings.Join(tc.want, "\n"))
			}
		}
	}
}

// RFC 1034 §4.3.2 step 3a: a CNAME is followed as far as the zone goes; RFC
// 6604 §3: the code is that of the last name; RFC 2308 §2.1, §2.2: SOA with
// what its end denies.
func TestAliases(t *testing.T) {
	const denial = "authority voice.example.net. SOA"
	checkTold(t, []toldCase{
		{"www", "A", 0, true, []string{"www CNAME portal", "portal A 192.0.2.80"}},
		{"www", "AAAA", 0, true, []string{"www CNAME portal", "portal AAAA 2001:db8::80"}},
		{"www", "MX", 0, true, []string{"www CNAME portal", denial}},
		{"www", "CNAME", 0, true, []string{"www CNAME portal"}},
		{"www", "ANY", 0, true, []string{"www CNAME portal"}},
		{"old", "A", 0, true, []string{"old CNAME www", "www CNAME portal", "portal A 192.0.2.80"}},
		{"away", "A", 0, true, []string{"away CNAME cdn.elsewhere.example."}},
		{"lost", "A", dns.RcodeNameError, true, []string{"lost CNAME nobody", denial}},
		{"part", "A", 0, true, []string{"part CNAME host.branch"}},
		{"x.any", "A", 0, true, []string{"x.any CNAME portal", "portal A 192.0.2.80"}},
		{"toany", "AAAA", 0, true, []string{"toany CNAME x.y.any", "x.y.any CNAME portal", "portal AAAA 2001:db8::80"}},
	})
}

// RFC 1034 §4.3.2 step 3b: what lies in a delegated part is referred, without
// AA, with glue; RFC 4035 §3.1.4.1: but DS is the parent's.
func TestReferrals(t *testing.T) {
	referral := []string{
		"authority branch NS ns.branch", "authority branch NS ns.elsewhere.example.", "authority branch NS ns1",
		"additional ns.branch A 192.0.2.54", "additional ns.branch AAAA 2001:db8::54", "additional ns1 A 192.0.2.53",
	}
	var cases []toldCase
	for _, name := range []string{"branch", "host.branch", "ns.branch", "a.b.branch", "deep.branch", "x.deep.branch"} {
		cases = append(cases, toldCase{name, "A", 0, false, referral})
	}
	cases = append(
		cases, toldCase{"branch", "NS", 0, false, referral}, toldCase{"host.branch", "DS", 0, false, referral},
		toldCase{"branch", "DS", 0, true, []string{"authority voice.example.net. SOA"}},
	)
	checkTold(t, cases)
}

// RFC 9471 §2: glue that nobody finds elsewhere is not left out: the referral
// is truncated instead, while other addresses may go.
func TestGlueIsNotLeftOut(t *testing.T) {
	var glue strings.Builder
	for i := range 20 {
		host := "ns" + strings.Repeat("x", i) + ".wide.voice.example.net."
		glue.WriteString("wide.voice.example.net. 300 IN NS " + host + "\n" + host + " 300 IN A 192.0.2.54\n")
	}
	s := start(t, Config{}, zoneOf(t, 7, labRecords+glue.String()))
	m := question("x.wide.voice.example.net.", "A")
	if r := ask(t, s, "udp", m); !r.Truncated || len(r.Ns) > 0 {
		t.Errorf("got %v", r)
	}
	if r := ask(t, s, "tcp", m); r.Truncated || len(r.Ns) != 20 || len(r.Extra) != 20 {
		t.Errorf("got %v", r)
	}
}
