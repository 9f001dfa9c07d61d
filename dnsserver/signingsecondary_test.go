package dnsserver

import (
	"fmt"
	"net/netip"
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
policy:
  - id: signs
    algorithm: ecdsap256sha256
    single-type-signing: on
` + knotSecondary + `    dnssec-signing: on
    dnssec-policy: signs
`

// A secondary that signs by itself takes the zone that is not signed here, and
// delv believes what it answers, after a failover too.
func TestSecondarySigns(t *testing.T) {
	if testing.Short() {
		t.Skip("starts programs of others")
	}
	programs := loopbacktest.Look(t, "knotd", "delv")
	t.Parallel()
	at := loopbacktest.Fixed(t)
	cfg := withSecondary()
	cfg.Secondaries[0].Notify = at
	first := tenantZone(t, 7, fleet.TenantsExpand, fewTenants())
	s := start(t, cfg, first)
	runPeer(t, loopbacktest.Peer{Program: programs["knotd"], Args: "-c {{.Dir}}/conf", Config: signingKnot}, at, s.Addrs()[0].Port())
	delv := loopbacktest.NewDelv(t, programs["delv"], origin, keyOf(t, at))
	waitDelv(t, delv, at, "SRV\t10 ")
	next := zoneOf(t, 8, strings.ReplaceAll(labRecords, "SRV 10 ", "SRV 910 ")+eastRecords)
	next.Tenants = first.Tenants
	began := time.Now()
	if err := s.Serve(next); err != nil {
		t.Fatal(err)
	}
	waitDelv(t, delv, at, "SRV\t910 ")
	t.Logf("signed the failover after %s", time.Since(began).Round(time.Millisecond))
}

// keyOf waits until a name server has a key of the zone.
func keyOf(t *testing.T, at netip.AddrPort) string {
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
				return fmt.Sprint(k.Flags, k.Protocol, k.Algorithm, " ", k.PublicKey)
			}
		}
	}
	t.Fatalf("%s does not sign: %v, %v", at, err, last)
	return ""
}

// waitDelv waits until delv believes a tenant's set, with a text in it, and the
// denial of another name.
func waitDelv(t *testing.T, delv loopbacktest.Delv, at netip.AddrPort, text string) {
	t.Helper()
	ask := func(name, qtype string) string {
		out, _ := delv.Ask(t, at, name+origin, qtype)
		return out
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
