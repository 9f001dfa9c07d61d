package dns_test

import (
	"context"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/probes"
	dnsprobe "github.com/sipsteer/sipsteer/probes/dns"
)

// servers are name servers of others that listen on any address of loopback.
var servers = []loopbacktest.Peer{
	{Program: "knotd", Args: "-c {{.Dir}}/conf", Config: `
server:
    listen: {{.Address}}@{{.Port}}
    rundir: {{.Dir}}
database:
    storage: {{.Dir}}
zone:
  - domain: example.net
    file: {{.Dir}}/zone
`},
	{Program: "nsd", Args: "-d -c {{.Dir}}/conf", Config: `
server:
  server-count: 1
  ip-address: {{.Address}}@{{.Port}}
  username: ""
  chroot: ""
  zonesdir: "{{.Dir}}"
  database: ""
  pidfile: "{{.Dir}}/pid"
  xfrdfile: "{{.Dir}}/xfrd"
  zonelistfile: "{{.Dir}}/list"
  xfrdir: "{{.Dir}}"
remote-control:
  control-enable: no
zone:
  name: example.net
  zonefile: zone
`},
}

const zone = `$ORIGIN example.net.
$TTL 5
@ SOA ns.example.net. hostmaster.example.net. 1 60 60 600 5
@ NS ns
ns A 127.0.0.1
_sip._udp.west SRV 10 100 5060 sip.calgary
sip.calgary A 127.0.0.1
`

// TestNameServersOfOthers: what they answer is understood over UDP and TCP, and no
// less while it is written down.
func TestNameServersOfOthers(t *testing.T) {
	for _, peer := range servers {
		t.Run(peer.Program, func(t *testing.T) {
			t.Parallel()
			peer.Program = loopbacktest.Look(t, peer.Program)[peer.Program]
			addr := loopbacktest.AddrPort(t, 5300)
			loopbacktest.RunPeer(t, peer, map[string]any{"Address": addr.Addr(), "Port": addr.Port()}, map[string]string{"zone": zone})
			ask := func(tr fleet.Transport, q probes.Question, record bool) probes.Result {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				if record {
					ctx, _ = probes.Record(ctx)
				}
				return dnsprobe.New().Probe(ctx, probes.Spec{Check: health.Check{Target: health.Target{Transport: tr}, Kind: health.DNS.Named("a")}, Address: addr, Question: q})
			}
			good := probes.Question{Name: name, Type: "SRV", Contains: "sip.calgary."}
			pause := time.NewTicker(50 * time.Millisecond)
			defer pause.Stop()
			for end := time.Now().Add(time.Minute); ask(fleet.UDP, good, false).Outcome != health.Success; <-pause.C {
				if time.Now().After(end) {
					t.Fatalf("it does not answer: %+v", ask(fleet.UDP, good, false))
				}
			}
			for _, tr := range []fleet.Transport{fleet.UDP, fleet.TCP} {
				for _, record := range []bool{false, true} {
					for _, q := range []struct {
						probes.Question
						want health.Cause
					}{
						{good, health.CauseNone},
						{probes.Question{Name: name, Type: "SRV", Contains: "sip.ottawa."}, health.CauseContent},
						{probes.Question{Name: "nobody.example.net.", Type: "A"}, health.CauseStatus},
						{probes.Question{Name: "example.org.", Type: "A"}, health.CauseStatus},
					} {
						if got := ask(tr, q.Question, record); got.Cause != q.want {
							t.Errorf("%s over %s, written down %t: %+v, want cause %q", q.Name, tr, record, got, q.want)
						}
					}
				}
			}
		})
	}
}
