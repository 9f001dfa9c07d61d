package dnsserver

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// validated are questions of every kind that an answer may be of. An answer
// without data is a denial.
var validated = []struct{ kind, name, qtype, data string }{
	{"a set", "_sip._udp.west.", "SRV", "sip.calgary.voice.example.net."},
	{"the apex", "", "SOA", "ns1.voice.example.net."},
	{"keys", "", "DNSKEY", "257 3 13"},
	{"a tenant's set", "_sip._udp.acme.", "SRV", "sip.calgary.voice.example.net."},
	{"a tenant's NAPTR", "shop.acme.", "NAPTR", "SIP+D2U"},
	{"a wildcard", "x.y.wild.", "A", "192.0.2.99"},
	{"an alias", "old.", "A", "192.0.2.80"},
	{"a wildcard's alias", "toany.", "AAAA", "2001:db8::80"},
	{"no data", "west.", "MX", ""},
	{"no data at a tenant", "acme.", "MX", ""},
	{"no data at a wildcard", "x.y.wild.", "TXT", ""},
	{"an empty non-terminal", "b.empty.", "A", ""},
	{"a name above tenants", "b.c.", "A", ""},
	{"no such name", "nobody.", "A", ""},
	{"no such name below a tenant", "_x._udp.acme.", "SRV", ""},
	{"a large answer, over TCP", "_sip._tcp.big.", "SRV", "target-39.sites.voice.example.net."},
	{"no DS", "child.", "DS", ""},
	{"DS", "branch.", "DS", "4711 13 2"},
	{"mixed case of data", "mail.", "MX", "10 "},
}

// validatorZone is the zone that validators ask about.
func validatorZone(t *testing.T, epoch uint64, mode fleet.TenantAnswers, first string, keys ...srv.SigningKey) *srv.Zone {
	t.Helper()
	z := zoneOf(t, epoch, strings.ReplaceAll(signedRecords+manyTargets(), "SRV 10 100", "SRV "+first+" 100"))
	z.Tenants, z.TenantAnswers = tenantTable(t, fewTenants()), mode
	return withKeys(z, keys...)
}

// leaving asks the zone above to name no key any more (RFC 8078 §4).
func leaving(z *srv.Zone) *srv.Zone {
	for i := range z.Sets {
		if t := z.Sets[i].Type; t == srv.TypeCDS || t == srv.TypeCDNSKEY {
			z.Sets[i].Data = []srv.Data{srv.NoDS(t)}
		}
	}
	return z
}

// delv, BIND's validator, believes every answer.
func TestDelvValidates(t *testing.T) {
	program := loopbacktest.Look(t, "delv")["delv"]
	for _, mode := range []fleet.TenantAnswers{fleet.TenantsExpand, fleet.TenantsCNAME} {
		key := testKey(t, true)
		s := start(t, Config{Unseal: unsealTest}, validatorZone(t, 7, mode, "10", key))
		delv := loopbacktest.NewDelv(t, program, origin, "257 3 13 "+base64.StdEncoding.EncodeToString([]byte(key.Public)))
		believed := func(name, qtype string) string {
			out, err := delv.Ask(t, s.Addrs()[0], name+origin, qtype)
			if err != nil {
				t.Errorf("delv %s %s: %v", name, qtype, err)
			}
			return out
		}
		for _, q := range validated {
			out := believed(q.name, q.qtype)
			denied := strings.Contains(out, "; negative response") || strings.Contains(out, "resolution failed: ncache") // the latter behind an alias
			if !strings.Contains(out, "fully validated") || !strings.Contains(out, q.data) || denied != (q.data == "") {
				t.Errorf("%s, tenants %s: %s %s:\n%s", q.kind, mode, q.name, q.qtype, out)
			}
		}
		if err := s.Serve(validatorZone(t, 8, mode, "910", key)); err != nil {
			t.Fatal(err)
		}
		if out := believed("_sip._udp.acme.", "SRV"); !strings.Contains(out, "; fully validated") || !strings.Contains(out, "SRV\t910 ") {
			t.Errorf("after a failover, tenants %s:\n%s", mode, out)
		}
		if err := s.Serve(leaving(validatorZone(t, 9, mode, "910", key))); err != nil {
			t.Fatal(err)
		}
		for qtype, want := range map[string]string{"CDS": "CDS\t0 0 0 00", "CDNSKEY": "CDNSKEY\t0 3 0 AA=="} {
			if out := believed("", qtype); !strings.Contains(out, "; fully validated") || !strings.Contains(out, want) {
				t.Errorf("no DS record is asked for, tenants %s:\n%s", mode, out)
			}
		}
	}
}

const unboundConfig = `
server:
  directory: "{{.Dir}}"
  chroot: ""
  username: ""
  pidfile: "{{.Dir}}/pid"
  use-syslog: no
  verbosity: 1
  val-log-level: 2
  interface: {{.Addr}}
  port: {{.Port}}
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  do-ip6: no
  use-caps-for-id: yes
  qname-minimisation: yes
  module-config: "validator iterator"
  trust-anchor: "{{.Anchor}}"
  cache-max-ttl: 1
  cache-max-negative-ttl: 1
stub-zone:
  name: "voice.example.net"
  stub-addr: {{.Server}}
remote-control:
  control-enable: no
`

// Unbound, a resolver that validates, believes every answer, and follows a
// failover and the roll-over of the key.
func TestUnboundValidates(t *testing.T) {
	unbound := loopbacktest.Look(t, "unbound")["unbound"]
	for _, mode := range []fleet.TenantAnswers{fleet.TenantsExpand, fleet.TenantsCNAME} {
		old, next := testKey(t, true), testKey(t, false)
		s := start(t, Config{Unseal: unsealTest}, validatorZone(t, 7, mode, "10", old))
		resolver := runUnbound(t, unbound, s.Addrs()[0], old)
		for _, q := range validated {
			checkBelieved(t, resolver, q.name, q.qtype, q.kind, func(m *dns.Msg) bool {
				has := slices.ContainsFunc(m.Answer, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.StringToType[q.qtype] })
				return strings.Contains(fmt.Sprint(m.Answer), q.data) && has == (q.data != "")
			})
		}
		if err := s.Serve(validatorZone(t, 8, mode, "910", old, next)); err != nil {
			t.Fatal(err)
		}
		checkBelieved(t, resolver, "_sip._udp.acme.", "SRV", "a failover", func(m *dns.Msg) bool {
			return strings.Contains(fmt.Sprint(m.Answer), "SRV\t910 ")
		})
		old.Signs, next.Signs = false, true
		if err := s.Serve(validatorZone(t, 9, mode, "10", old, next)); err != nil {
			t.Fatal(err)
		}
		checkBelieved(t, resolver, "_sip._udp.acme.", "SRV", "the new key", func(m *dns.Msg) bool {
			return strings.Contains(fmt.Sprint(m.Answer), fmt.Sprintf(" %d voice.example.net.", next.Tag())) && strings.Contains(fmt.Sprint(m.Answer), "SRV\t10 ")
		})
		if err := s.Serve(leaving(validatorZone(t, 10, mode, "10", old, next))); err != nil {
			t.Fatal(err)
		}
		checkBelieved(t, resolver, "", "CDS", "no DS record is asked for", func(m *dns.Msg) bool { return strings.Contains(fmt.Sprint(m.Answer), "CDS\t0 0 0 00") })
		checkBelieved(t, resolver, "_sip._udp.shop.acme.", "SRV", "the zone is signed meanwhile", func(m *dns.Msg) bool { return len(m.Answer) > 0 })
		if err := s.Serve(validatorZone(t, 11, mode, "10")); err != nil { // keys gone, while their zone is trusted
			t.Fatal(err)
		}
		waitReply(t, resolver, "_sip._udp.zebra.", "SRV", "an unsigned answer", func(m *dns.Msg) bool { return m.Rcode == dns.RcodeServerFailure })
	}
}

// runUnbound starts a resolver that trusts a key, and returns where it answers.
func runUnbound(t *testing.T, program string, server netip.AddrPort, key srv.SigningKey) string {
	t.Helper()
	at := loopbacktest.AddrPort(t, 5353)
	dir := t.TempDir()
	file := filepath.Join(dir, "conf")
	loopbacktest.WriteFilled(t, file, unboundConfig, map[string]any{
		"Dir": dir, "Addr": at.Addr(), "Port": at.Port(), "Server": fmt.Sprintf("%s@%d", server.Addr(), server.Port()),
		"Anchor": origin + " DS " + key.DS(origin, srv.TypeDS).Text,
	})
	loopbacktest.Run(t, program, "-d", "-c", file)
	return at.String()
}

// checkBelieved waits for an answer that is as it should be, and signed with
// what the resolver trusts (AD).
func checkBelieved(t *testing.T, resolver, name, qtype, kind string, good func(*dns.Msg) bool) {
	t.Helper()
	waitReply(t, resolver, name, qtype, kind, func(m *dns.Msg) bool {
		return m.AuthenticatedData && m.Rcode == dns.RcodeSuccess && good(m)
	})
}

func waitReply(t *testing.T, resolver, name, qtype, kind string, good func(*dns.Msg) bool) {
	t.Helper()
	c := &dns.Client{Timeout: 2 * time.Second, Net: "tcp"}
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	var last *dns.Msg
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-pause.C {
		m := question(name+origin, qtype)
		m.RecursionDesired = true
		m.SetEdns0(4096, true)
		if last, _, err = c.Exchange(m, resolver); err == nil && good(last) {
			return
		}
	}
	t.Fatalf("%s: %s %s: %v, %v", kind, name, qtype, err, last)
}
