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

// knotSecondary takes the zone by a key, and listens to NOTIFY.
const knotSecondary = `
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
zone:
  - domain: voice.example.net
    storage: "{{.Dir}}"
    master: primary
    acl: primary
`

// secondaryPeers are name servers of others, as secondaries of ours.
var secondaryPeers = []struct{ name, program, prepare, args, config string }{
	{"knot", "knotd", "", "-c {{.Dir}}/conf", knotSecondary},
	{"nsd", "nsd", "", "-d -c {{.Dir}}/conf", `
server:
  server-count: 1
  ip-address: 127.0.0.1@{{.Port}}
  username: ""
  chroot: ""
  zonesdir: "{{.Dir}}"
  database: ""
  pidfile: "{{.Dir}}/pid"
  xfrdfile: "{{.Dir}}/xfrd"
  zonelistfile: "{{.Dir}}/list"
  xfrdir: "{{.Dir}}"
  xfrd-reload-timeout: 0
remote-control:
  control-enable: no
key:
  name: transfer.example.
  algorithm: hmac-sha256
  secret: {{.Secret}}
zone:
  name: voice.example.net
  zonefile: voice.zone
  request-xfr: 127.0.0.1@{{.Primary}} transfer.example.
  allow-notify: 127.0.0.1 transfer.example.
`},
	{"bind", "named", "", "-g -c {{.Dir}}/conf", `
options {
  directory "{{.Dir}}"; pid-file none; session-keyfile "{{.Dir}}/session"; managed-keys-directory "{{.Dir}}";
  listen-on port {{.Port}} { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; notify no; dnssec-validation no;
};
controls { };
key "transfer.example." { algorithm hmac-sha256; secret "{{.Secret}}"; };
zone "voice.example.net" {
  type secondary; file "{{.Dir}}/voice.zone"; masterfile-format text;
  primaries { 127.0.0.1 port {{.Primary}} key "transfer.example."; };
  allow-notify { key "transfer.example."; };
};
`},
	{"powerdns", "pdns_server", `pdnsutil --config-dir={{.Dir}} create-secondary-zone voice.example.net 127.0.0.1:{{.Primary}}
pdnsutil --config-dir={{.Dir}} import-tsig-key transfer.example hmac-sha256 {{.Secret}}
pdnsutil --config-dir={{.Dir}} activate-tsig-key voice.example.net transfer.example secondary`, "--config-dir={{.Dir}} --config-name=", `launch=lmdb
lmdb-filename={{.Dir}}/db
lmdb-shards=1
local-address=127.0.0.1
local-port={{.Port}}
socket-dir={{.Dir}}
secondary=yes
secondary-do-renotify=no
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
xfr-cycle-interval=1
daemon=no
guardian=no
setuid=
setgid=
`},
}

// Real name servers follow as secondaries: they fetch the zone, and after a
// failover they are told, fetch what is new and answer it.
func TestRealSecondaries(t *testing.T) {
	if testing.Short() {
		t.Skip("starts programs of others")
	}
	for _, peer := range secondaryPeers {
		t.Run(peer.name, func(t *testing.T) {
			program := loopbacktest.Look(t, peer.program)[peer.program]
			t.Parallel()
			at := loopbacktest.Fixed(t)
			cfg := withSecondary()
			cfg.Secondaries[0].Notify = at
			first := tenantZone(t, 7, fleet.TenantsExpand, fewTenants())
			s := start(t, cfg, first)
			runPeer(t, loopbacktest.Peer{Program: program, Prepare: peer.prepare, Args: peer.args, Config: peer.config}, at, s.Addrs()[0].Port())
			follow(t, at, 7, "10")
			next := zoneOf(t, 8, strings.ReplaceAll(labRecords, "SRV 10 ", "SRV 910 ")+eastRecords)
			next.Tenants = first.Tenants
			began := time.Now()
			if err := s.Serve(next); err != nil {
				t.Fatal(err)
			}
			follow(t, at, 8, "910")
			t.Logf("followed the failover after %s", time.Since(began).Round(time.Millisecond))
			if st := s.Stats(); st.TransfersWhole+st.TransfersIncremental < 2 || st.TransfersRefused > 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// runPeer runs a secondary of ours until the test ends.
func runPeer(t *testing.T, peer loopbacktest.Peer, at netip.AddrPort, primary uint16) {
	t.Helper()
	loopbacktest.RunPeer(t, peer, map[string]any{"Port": at.Port(), "Primary": primary, "Secret": keySecret}, nil)
}

// follow waits until a secondary answers with a serial, and a tenant's first
// target with a priority.
func follow(t *testing.T, at netip.AddrPort, serial uint32, priority string) {
	t.Helper()
	c := &dns.Client{Timeout: 500 * time.Millisecond}
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	var last *dns.Msg
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); <-pause.C {
		r, _, err := c.Exchange(question(origin, "SOA"), at.String())
		if err != nil || len(r.Answer) == 0 || r.Answer[0].(*dns.SOA).Serial != serial {
			continue
		}
		if last, _, err = c.Exchange(question("_sip._udp.acme."+origin, "SRV"), at.String()); err == nil && len(last.Answer) == 3 {
			var got []string
			for _, rr := range last.Answer {
				got = append(got, fmt.Sprint(rr.(*dns.SRV).Priority))
			}
			if strings.Contains(" "+strings.Join(got, " ")+" ", " "+priority+" ") {
				return
			}
		}
	}
	t.Fatalf("serial %d with priority %s is not answered; last: %v", serial, priority, last)
}
