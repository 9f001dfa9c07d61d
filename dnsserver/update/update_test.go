package update_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/sipsteer/sipsteer/dnsserver/update"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	origin  = "voice.example.net."
	keyName = "update.example."
	secret  = "secret that has 32 octets in it!"
)

// steered is a zone of one service at two sites, with a tenant; first is the
// priority of calgary.
func steered(t *testing.T, epoch uint64, first uint16) *srv.Zone {
	t.Helper()
	addr := func(n byte) srv.Data { return srv.A{Addr: netip.AddrFrom4([4]byte{192, 0, 2, n})} }
	z := &srv.Zone{
		Origin: origin, Epoch: epoch, SOA: srv.SOA{MName: "ns." + origin, RName: "h." + origin, Serial: uint32(epoch)},
		Sets: []srv.RRset{
			{Name: origin, Type: srv.TypeNS, TTL: 60, Data: []srv.Data{srv.NS{Host: "ns1." + origin}}},
			{Name: "ns1." + origin, Type: srv.TypeA, TTL: 60, Data: []srv.Data{addr(1)}},
			{Name: "sip.calgary." + origin, Type: srv.TypeA, TTL: 60, Data: []srv.Data{addr(2)}},
			{Name: "sip.ottawa." + origin, Type: srv.TypeA, TTL: 60, Data: []srv.Data{addr(3), addr(4)}},
			{Name: "west." + origin, Type: srv.TypeNAPTR, TTL: 30, Data: []srv.Data{srv.NAPTR{Order: 10, Preference: 10, Flags: "s", Service: "SIP+D2U", Replacement: "_sip._udp.west." + origin}}},
			{Name: "_sip._udp.west." + origin, Type: srv.TypeSRV, TTL: 30, Data: []srv.Data{
				srv.SRV{Priority: first, Weight: 100, Port: 5060, Target: "sip.calgary." + origin}, srv.SRV{Priority: 20, Weight: 100, Port: 5060, Target: "sip.ottawa." + origin},
			}},
		},
		Steered: []srv.Key{{Name: "_sip._udp.west." + origin, Type: srv.TypeSRV}},
	}
	z.Sort()
	var err error
	if z.Tenants, _, err = z.Tenants.Edit([]fleet.TenantChange{{Domain: "acme.voice.example.net", Service: "west.voice.example.net"}}); err != nil {
		t.Fatal(err)
	}
	if err := z.Check(); err != nil {
		t.Fatal(err)
	}
	return z
}

// primaries are name servers of others that take dynamic updates.
var primaries = []struct{ name, program, prepare, args, config string }{
	{"bind", "named", "", "-g -c {{.Dir}}/conf", `
options {
  directory "{{.Dir}}"; pid-file none; session-keyfile "{{.Dir}}/session"; managed-keys-directory "{{.Dir}}";
  listen-on port {{.Port}} { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; notify no; dnssec-validation no;
};
controls { };
key "update.example." { algorithm hmac-sha256; secret "{{.Secret}}"; };
zone "voice.example.net" { type primary; file "{{.Dir}}/voice.zone"; allow-update { key "update.example."; }; };
`},
	{"knot", "knotd", "", "-c {{.Dir}}/conf", `
server:
    rundir: "{{.Dir}}"
    listen: 127.0.0.1@{{.Port}}
database:
    storage: "{{.Dir}}"
log:
  - target: stderr
    any: info
key:
  - id: update.example.
    algorithm: hmac-sha256
    secret: {{.Secret}}
acl:
  - id: update
    address: 127.0.0.1
    key: update.example.
    action: [update, transfer]
zone:
  - domain: voice.example.net
    storage: "{{.Dir}}"
    file: voice.zone
    acl: update
`},
	{"powerdns", "pdns_server", preparePowerDNS, "--config-dir={{.Dir}}", powerDNSConfig},
	{"powerdns-api", "pdns_server", preparePowerDNS, "--config-dir={{.Dir}}", powerDNSConfig},
}

// preparePowerDNS are lines of commands: it keeps zones and keys in a database.
const preparePowerDNS = `pdnsutil --config-dir={{.Dir}} load-zone voice.example.net {{.Dir}}/voice.zone
pdnsutil --config-dir={{.Dir}} import-tsig-key update.example hmac-sha256 {{.Secret}}
pdnsutil --config-dir={{.Dir}} set-meta voice.example.net TSIG-ALLOW-DNSUPDATE update.example`

const powerDNSConfig = `launch=lmdb
lmdb-filename={{.Dir}}/db
lmdb-shards=1
local-address=127.0.0.1
local-port={{.Port}}
socket-dir={{.Dir}}
dnsupdate=yes
allow-dnsupdate-from=127.0.0.0/8
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
webserver=yes
webserver-address={{.API}}
webserver-port=8081
webserver-allow-from=127.0.0.0/8
api=yes
api-key={{.APIKey}}
daemon=no
guardian=no
setuid=
setgid=
`

const apiKey = "the key of the API"

const zoneFile = `voice.example.net. 60 IN SOA ns1.voice.example.net. h.voice.example.net. 1 60 60 3600 5
voice.example.net. 60 IN NS ns1.voice.example.net.
ns1.voice.example.net. 60 IN A 192.0.2.9
www.voice.example.net. 60 IN A 192.0.2.80
`

// runPrimary starts a name server with the zone and returns where it listens.
func runPrimary(t *testing.T, program, prepare, args, config string) (at netip.AddrPort, api string) {
	t.Helper()
	path := loopbacktest.Look(t, program)[program]
	addr, apiAddr := loopbacktest.Fixed(t), loopbacktest.Address(t, 8081)
	loopbacktest.RunPeer(t, loopbacktest.Peer{Program: path, Prepare: prepare, Args: args, Config: config}, map[string]any{
		"Port": addr.Port(), "Secret": base64.StdEncoding.EncodeToString([]byte(secret)), "API": apiAddr, "APIKey": apiKey,
	}, map[string]string{"voice.zone": zoneFile})
	eventually(t, "the server answers", func() bool { return len(lookup(addr, "www."+origin, dns.TypeA)) == 1 })
	return addr, "http://" + netip.AddrPortFrom(apiAddr, 8081).String()
}

// lookup returns the data of a set, sorted.
func lookup(addr netip.AddrPort, name string, qtype uint16) []string {
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	c := &dns.Client{Net: "tcp", Timeout: time.Second}
	r, _, err := c.Exchange(m, addr.String())
	if err != nil {
		return nil
	}
	var out []string
	for _, rr := range r.Answer {
		out = append(out, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	slices.Sort(out)
	return out
}

// eventually waits for what must come about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-pause.C {
		if is() {
			return
		}
	}
	t.Fatalf("not so: %s", what)
}

func byUpdate(addr netip.AddrPort) update.Config {
	return update.Config{Server: addr, KeyName: keyName, Secret: []byte(secret)}
}

func newUpdater(t *testing.T, cfg update.Config) *update.Updater {
	t.Helper()
	cfg.Zone, cfg.Check = "voice.example.net", 100*time.Millisecond
	u, err := update.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	u.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := u.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return u
}

// The zone at BIND, Knot and PowerDNS follows what is steered and nothing else; what
// somebody else changes is seen and put right; a leader of an older epoch does
// not write.
func TestRealPrimaries(t *testing.T) {
	if testing.Short() {
		t.Skip("starts programs of others")
	}
	for _, p := range primaries {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			addr, api := runPrimary(t, p.program, p.prepare, p.args, p.config)
			cfg := byUpdate(addr)
			if p.name == "powerdns-api" {
				cfg = update.Config{PowerDNS: &update.PowerDNS{URL: api, Key: apiKey}}
			}
			next := newUpdater(t, cfg) // of another agent
			next.Served(steered(t, 7, 10))
			u := newUpdater(t, cfg)
			u.Lead(steered(t, 7, 10))
			eventually(t, "epoch 7 is written", func() bool { return u.Status().Epoch == 7 })
			both := func(first int) []string {
				out := []string{fmt.Sprintf("%d 100 5060 sip.calgary.%s", first, origin), "20 100 5060 sip.ottawa." + origin}
				slices.Sort(out)
				return out
			}
			for name, want := range map[string][]string{"_sip._udp.west.": both(10), "_sip._udp.acme.": both(10)} {
				if got := lookup(addr, name+origin, dns.TypeSRV); !slices.Equal(got, want) {
					t.Errorf("%s: %q", name, got)
				}
			}
			if got := lookup(addr, "www."+origin, dns.TypeA); !slices.Equal(got, []string{"192.0.2.80"}) {
				t.Errorf("what is not ours became %q", got)
			}
			written := u.Status().Written

			u.Lead(steered(t, 8, 910)) // calgary fails over
			eventually(t, "epoch 8 is written", func() bool { return u.Status().Epoch == 8 })
			if got := lookup(addr, "_sip._udp.acme."+origin, dns.TypeSRV); !slices.Equal(got, both(910)) {
				t.Errorf("after the failover: %q", got)
			}
			if n := u.Status().Written - written; n != 2 {
				t.Errorf("%d sets written for two that changed", n)
			}

			spoil(t, addr, "_sip._udp.west."+origin)
			eventually(t, "drift is put right", func() bool {
				return u.Status().Drift > 0 && slices.Equal(lookup(addr, "_sip._udp.west."+origin, dns.TypeSRV), both(910))
			})

			late := newUpdater(t, cfg)
			late.Lead(steered(t, 7, 10))
			eventually(t, "the older leader says why it does not write", func() bool { return strings.Contains(late.Status().Problem, update.ErrStale.Error()) })
			if got := lookup(addr, "_sip._udp.west."+origin, dns.TypeSRV); !slices.Equal(got, both(910)) || late.Status().Written > 0 {
				t.Errorf("an older leader has written: %q", got)
			}

			u.Follow()
			eventually(t, "it does not write any more", func() bool { return !u.Status().Writing })

			// Another leader takes away what it did not write itself.
			bare := steered(t, 9, 910)
			bare.Tenants = nil
			next.Lead(bare)
			eventually(t, "what is gone is gone", func() bool {
				return next.Status().Epoch == 9 && len(lookup(addr, "_sip._udp.acme."+origin, dns.TypeSRV)) == 0
			})
			if got := lookup(addr, "www."+origin, dns.TypeA); !slices.Equal(got, []string{"192.0.2.80"}) {
				t.Errorf("what is not ours became %q", got)
			}
		})
	}
}

// spoil deletes a set behind the updater's back.
func spoil(t *testing.T, addr netip.AddrPort, name string) {
	t.Helper()
	m := new(dns.Msg)
	m.SetUpdate(origin)
	m.RemoveRRset([]dns.RR{&dns.RR_Header{Name: name, Rrtype: dns.TypeSRV}}) // PowerDNS passes over the removal of a whole name
	m.SetTsig(keyName, dns.HmacSHA256, 300, time.Now().Unix())
	c := &dns.Client{Net: "tcp", TsigSecret: map[string]string{keyName: base64.StdEncoding.EncodeToString([]byte(secret))}}
	r, _, err := c.Exchange(m, addr.String())
	if err != nil || r.Rcode != dns.RcodeSuccess {
		t.Fatalf("%v %v", err, r)
	}
}

// A server that refuses, or is not there, is a problem that is shown, without
// the secret.
func TestProblemsAreShown(t *testing.T) {
	pc, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := &dns.Server{Listener: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		r := new(dns.Msg)
		r.SetRcode(m, dns.RcodeRefused)
		_ = w.WriteMsg(r)
	})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = refusing.ActivateAndServe()
	}()
	defer func() {
		_ = refusing.Shutdown()
		<-ended
	}()
	for _, addr := range []netip.AddrPort{pc.Addr().(*net.TCPAddr).AddrPort(), netip.MustParseAddrPort("127.0.0.1:1")} {
		u := newUpdater(t, byUpdate(addr))
		u.Lead(steered(t, 7, 10))
		eventually(t, "the problem is shown", func() bool { return u.Status().Problem != "" })
		if s := u.Status(); s.Epoch != 0 || strings.Contains(s.Problem, secret) {
			t.Errorf("%+v", s)
		}
	}
}

func TestConfigRefused(t *testing.T) {
	good := update.Config{Zone: "example.net", Server: netip.MustParseAddrPort("127.0.0.1:53"), KeyName: keyName, Secret: []byte(secret)}
	for name, spoil := range map[string]func(c *update.Config){
		"no zone":       func(c *update.Config) { c.Zone = "" },
		"no server":     func(c *update.Config) { c.Server = netip.AddrPort{} },
		"no key":        func(c *update.Config) { c.KeyName = "" },
		"short secret":  func(c *update.Config) { c.Secret = c.Secret[:15] },
		"negative time": func(c *update.Config) { c.Pause = -1 },
	} {
		c := good
		spoil(&c)
		if _, err := update.New(c); err == nil || errors.Is(err, context.Canceled) || strings.Contains(err.Error(), secret[:15]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
