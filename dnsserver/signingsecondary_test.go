package dnsserver

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
)

// signingKnot is the way to have both signatures and secondaries: the zone has no
// keys here, and Knot signs what it is given.
const signingKnot = `
server:
    rundir: "{{.Dir}}"
    listen: 127.0.0.1@{{.Port}}
database:
    storage: "{{.Dir}}"
log:
  - target: stderr
    any: info
key:
  - id: transfer.example.
    algorithm: hmac-sha256
    secret: {{.Secret}}
remote:
  - id: primary
    address: 127.0.0.1@{{.Primary}}
    key: transfer.example.
acl:
  - id: primary
    address: 127.0.0.1
    key: transfer.example.
    action: notify
policy:
  - id: signs
    algorithm: ecdsap256sha256
    single-type-signing: on
zone:
  - domain: voice.example.net
    storage: "{{.Dir}}"
    master: primary
    acl: primary
    dnssec-signing: on
    dnssec-policy: signs
`

// A secondary that signs by itself takes the zone that is not signed here, and
// delv believes what it answers, after a failover too.
func TestSecondarySigns(t *testing.T) {
	if testing.Short() {
		t.Skip("starts programs of others")
	}
	knot, err := lookProgram("knotd")
	if err != nil {
		t.Skip("knotd is not installed")
	}
	delv, err := lookProgram("delv")
	if err != nil {
		t.Skip("delv (bind9-dnsutils) is not installed")
	}
	t.Parallel()
	at := loopbacktest.Fixed(t)
	cfg := withSecondary()
	cfg.Secondaries[0].Notify = at
	first := tenantZone(t, 7, fleet.TenantsExpand, fewTenants())
	s := start(t, cfg, first)
	runPeer(t, knot, "", "-c {{.Dir}}/conf", signingKnot, at, s.Addrs()[0].Port())
	anchors := anchorsOf(t, at)
	waitDelv(t, delv, at, anchors, "SRV\t10 ")
	next := zoneOf(t, 8, strings.ReplaceAll(labRecords, "SRV 10 ", "SRV 910 ")+eastRecords)
	next.Tenants = first.Tenants
	began := time.Now()
	if err := s.Serve(next); err != nil {
		t.Fatal(err)
	}
	waitDelv(t, delv, at, anchors, "SRV\t910 ")
	t.Logf("signed the failover after %s", time.Since(began).Round(time.Millisecond))
}

// anchorsOf waits until a name server has keys, and writes them down as trusted.
func anchorsOf(t *testing.T, at netip.AddrPort) string {
	t.Helper()
	c := &dns.Client{Timeout: time.Second, Net: "tcp"}
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	var last *dns.Msg
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-pause.C {
		if last, _, err = c.Exchange(question(origin, "DNSKEY"), at.String()); err != nil {
			continue
		}
		for _, rr := range last.Answer {
			if k, ok := rr.(*dns.DNSKEY); ok {
				file := filepath.Join(t.TempDir(), "anchors")
				text := fmt.Sprintf("trust-anchors { %q static-key %d %d %d %q; };\n", origin, k.Flags, k.Protocol, k.Algorithm, k.PublicKey)
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				return file
			}
		}
	}
	t.Fatalf("%s does not sign: %v, %v", at, err, last)
	return ""
}

// waitDelv waits until delv believes a tenant's set, with a text in it, and the
// denial of another name.
func waitDelv(t *testing.T, delv string, at netip.AddrPort, anchors, text string) {
	t.Helper()
	ask := func(name, qtype string) string {
		out, _ := exec.CommandContext(t.Context(), delv, "@"+at.Addr().String(), "-p", strconv.Itoa(int(at.Port())), "-a", anchors, "+root="+origin, name+origin, qtype).CombinedOutput()
		return string(out)
	}
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	var set, denial string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-pause.C {
		set, denial = ask("_sip._udp.acme.", "SRV"), ask("nobody.", "A")
		if strings.Contains(set, "; fully validated") && strings.Contains(set, text) && strings.Contains(denial, "; negative response, fully validated") {
			return
		}
	}
	t.Fatalf("delv does not believe %q:\n%s\n%s", text, set, denial)
}
