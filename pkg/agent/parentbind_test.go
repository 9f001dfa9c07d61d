package agent

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
)

// bindParent is BIND with the signed zone example.net, in which voice.example.net
// is delegated, and what the keeper of such a zone does by hand or by cron.
type bindParent struct {
	programs map[string]string
	dir      string
	at       netip.AddrPort
	anchor   *dns.DNSKEY // what is trusted of the whole tree
}

// parentSecret signs updates of the parent zone.
const parentSecret = "cGFyZW50IHpvbmUgc2VjcmV0IQ=="

const parentConfig = `
options {
  directory "{{.Dir}}"; pid-file none; session-keyfile "{{.Dir}}/session"; managed-keys-directory "{{.Dir}}";
  listen-on port {{.Port}} { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; notify no; dnssec-validation no;
};
controls { };
key "parent." { algorithm hmac-sha256; secret "{{.Secret}}"; };
zone "example.net" {
  type primary; file "{{.Dir}}/zone"; masterfile-format text;
  dnssec-policy default; inline-signing no; allow-update { key "parent."; };
};
`

const parentZone = `$TTL 1
@ IN SOA ns hostmaster 1 3600 600 86400 1
@ IN NS ns
ns IN A 127.0.0.1
voice IN NS ns1.voice
ns1.voice IN A {{.Child}}
`

// runParent starts the parent zone, and waits until it is signed.
func runParent(t testing.TB, programs map[string]string, child netip.Addr) *bindParent {
	t.Helper()
	p := &bindParent{programs: programs, dir: t.TempDir(), at: loopbacktest.Fixed(t)}
	values := map[string]any{"Dir": p.dir, "Port": p.at.Port(), "Secret": parentSecret, "Child": child}
	loopbacktest.WriteFilled(t, filepath.Join(p.dir, "conf"), parentConfig, values)
	loopbacktest.WriteFilled(t, filepath.Join(p.dir, "zone"), parentZone, values)
	loopbacktest.Run(t, programs["named"], "-g", "-c", filepath.Join(p.dir, "conf"))
	var last error
	for end := time.Now().Add(patience); p.anchor == nil; pause(t.Context(), 50*time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the parent zone is not signed: %v", last)
		}
		m := new(dns.Msg)
		m.SetQuestion("example.net.", dns.TypeDNSKEY)
		m.SetEdns0(4096, true)
		r, _, err := (&dns.Client{Timeout: 5 * time.Second, Net: "tcp"}).Exchange(m, p.at.String())
		if last = err; err != nil {
			continue
		}
		for _, rr := range r.Answer {
			if k, ok := rr.(*dns.DNSKEY); ok && len(r.Answer) > 1 { // and a signature
				p.anchor = k
			}
		}
	}
	return p
}

// update changes the parent zone.
func (p *bindParent) update(t testing.TB, script string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), p.programs["nsupdate"], "-y", "hmac-sha256:parent.:"+parentSecret)
	cmd.Stdin = strings.NewReader(fmt.Sprintf("server 127.0.0.1 %d\nzone example.net.\n%s\nsend\n", p.at.Port(), script))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("update the parent zone: %v\n%s\n%s", err, script, out)
	}
}

// follow reads CDS and CDNSKEY at the child's name server, and changes the DS set
// as they ask for (RFC 7344 §5), after dnssec-cds has proven them by the DS set as
// it is. It says whether there was something to change.
func (p *bindParent) follow(t testing.TB, child netip.AddrPort) bool {
	t.Helper()
	of := filepath.Join(p.dir, "child")
	set := filepath.Join(p.dir, "dsset")
	p.save(t, of, child, dns.TypeDNSKEY, dns.TypeCDNSKEY, dns.TypeCDS)
	p.save(t, set, p.at, dns.TypeDS)
	// No signature may be older than this file, against replay; ours begin a day
	// before the day that they are made in.
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(set, old, old); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), p.programs["dnssec-cds"], "-u", "-T", "1", "-f", of, "-d", set, "voice.example.net")
	var said bytes.Buffer
	cmd.Stderr = &said
	script, err := cmd.Output()
	if err != nil {
		text, _ := os.ReadFile(of)
		t.Fatalf("dnssec-cds: %v\n%s\nof\n%s", err, said.String(), text)
	}
	if !bytes.Contains(script, []byte("update ")) {
		return false
	}
	p.update(t, string(script))
	return true
}

// forget takes the DS set away when the child asks for that in an answer that is
// proven (RFC 8078 §4). Dnssec-cds of BIND 9.18 takes what asks for it for a key.
func (p *bindParent) forget(t testing.TB, resolver netip.AddrPort) {
	t.Helper()
	for qtype, want := range map[string]string{"CDS": "CDS\t0 0 0 00", "CDNSKEY": "CDNSKEY\t0 3 0 AA=="} {
		if out := p.delv(t, resolver, "voice.example.net.", qtype); !strings.Contains(out, "; fully validated") || !strings.Contains(out, want) {
			t.Fatalf("%s does not ask for the end of the trust:\n%s", qtype, out)
		}
	}
	p.update(t, "update delete voice.example.net. DS")
}

// save writes the sets of the zone as a name server has them, with signatures,
// into a file.
func (p *bindParent) save(t testing.TB, file string, at netip.AddrPort, types ...uint16) {
	t.Helper()
	var text strings.Builder
	for _, qtype := range types {
		m := new(dns.Msg)
		m.SetQuestion("voice.example.net.", qtype)
		m.SetEdns0(4096, true)
		r, _, err := (&dns.Client{Timeout: 10 * time.Second, Net: "tcp"}).Exchange(m, at.String())
		if err != nil {
			t.Fatal(err)
		}
		for _, rr := range r.Answer {
			if qtype != dns.TypeDS || rr.Header().Rrtype == dns.TypeDS {
				text.WriteString(rr.String() + "\n")
			}
		}
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// delv asks through the resolver, and proves the answer by itself.
func (p *bindParent) delv(t testing.TB, resolver netip.AddrPort, name, qtype string) string {
	t.Helper()
	key := fmt.Sprint(p.anchor.Flags, p.anchor.Protocol, p.anchor.Algorithm, " ", p.anchor.PublicKey)
	out, err := loopbacktest.NewDelv(t, p.programs["delv"], "example.net", key).Ask(t, resolver, name, qtype)
	if err != nil {
		t.Errorf("delv %s %s: %v", name, qtype, err)
	}
	return out
}

const validatorConfig = `
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
  module-config: "validator iterator"
  trust-anchor: "{{.Anchor}}"
  cache-max-ttl: 1
  cache-max-negative-ttl: 1
stub-zone:
  name: "example.net"
  stub-addr: {{.Parent}}
remote-control:
  control-enable: no
`

// runValidator starts a resolver that knows the parent zone's name server and key,
// and nothing of the child.
func runValidator(t testing.TB, programs map[string]string, p *bindParent) netip.AddrPort {
	t.Helper()
	at := loopbacktest.AddrPort(t, 5353)
	dir := t.TempDir()
	loopbacktest.WriteFilled(t, filepath.Join(dir, "conf"), validatorConfig, map[string]any{
		"Dir": dir, "Addr": at.Addr(), "Port": at.Port(), "Parent": fmt.Sprintf("%s@%d", p.at.Addr(), p.at.Port()),
		"Anchor": fmt.Sprintf("example.net. DNSKEY %d %d %d %s", p.anchor.Flags, p.anchor.Protocol, p.anchor.Algorithm, p.anchor.PublicKey),
	})
	loopbacktest.Run(t, programs["unbound"], "-d", "-c", filepath.Join(dir, "conf"))
	return at
}
