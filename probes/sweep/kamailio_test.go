//go:build unix

package sweep_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
	"github.com/sipsteer/sipsteer/probes/sweep"
	"github.com/sipsteer/sipsteer/probes/tlscheck"
)

const kamailioConfig = `#!KAMAILIO
debug=0
log_stderror=yes
children=1
tcp_children=2
auto_aliases=no
enable_tls=yes
listen=tls:%[1]s
loadmodule "sl.so"
loadmodule "tls.so"
modparam("tls", "config", "%[2]s")
request_route { sl_send_reply("200", "OK"); }
`

// TestNamesOfARealKamailio: a softswitch with a certificate for each tenant, of which
// one has expired and one was forgotten; and the one that ends first of the others.
func TestNamesOfARealKamailio(t *testing.T) {
	ca, dir := wiretest.NewAuthority(t), t.TempDir()
	addr := netip.AddrPortFrom(loopbacktest.Address(t, 5061), 5061)
	var profiles strings.Builder
	profile := func(head, server string, leaf wiretest.Leaf) {
		own := filepath.Join(dir, fmt.Sprint(strings.Count(profiles.String(), "[")))
		if err := os.Mkdir(own, 0o700); err != nil {
			t.Fatal(err)
		}
		cert, key := wiretest.WritePEM(t, own, ca.Config(leaf))
		fmt.Fprintf(&profiles, "[server:%s]\nmethod = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\nprivate_key = %s\ncertificate = %s\n", head, key, cert)
		if server != "" {
			fmt.Fprintf(&profiles, "server_name = %s\n", server)
		}
	}
	in := func(d time.Duration) time.Time { return time.Now().Add(d).Truncate(time.Second) }
	const day = 24 * time.Hour
	profile("default", "", wiretest.Leaf{DNS: []string{"platform.example.net"}, NotAfter: in(400 * day)})
	profile(addr.String(), "a.example.net", wiretest.Leaf{DNS: []string{"a.example.net"}, NotAfter: in(400 * day)})
	profile(addr.String(), "b.example.net", wiretest.Leaf{DNS: []string{"b.example.net"}, NotBefore: in(-9 * day), NotAfter: in(-day)})
	profile(addr.String(), "c.example.net", wiretest.Leaf{DNS: []string{"c.example.net"}, NotAfter: in(5 * day)})
	file := filepath.Join(dir, "tls.cfg")
	if err := os.WriteFile(file, []byte(profiles.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	wiretest.Kamailio(t, "kamailio, kamailio-tls-modules", fmt.Sprintf(kamailioConfig, addr, file), func() bool {
		conn, err := net.DialTimeout("tcp", addr.String(), time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	names := []string{"a.example.net", "b.example.net", "c.example.net", "forgotten.example.net"}
	p := sweep.New(sweep.Config{Names: func(fleet.SiteID) []string { return names }, Handshake: tlscheck.New(tlscheck.Config{})})
	s := spec()
	s.Address, s.Roots, s.Times.Timeout = addr, ca.Pool(), 30*time.Second
	s.Question.Cycle = s.Times.Interval // all of them at once
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got := p.Probe(ctx, s)
	if got.Outcome != health.Failure || got.Cause != health.CauseCertExpired || got.Certificate == "" {
		t.Errorf("%+v", got)
	}
	for _, want := range []string{"2 of 4 names are bad: ", `b.example.net: certificate of "b.example.net" expired on `, `forgotten.example.net: certificate is for "platform.example.net"`} {
		if !strings.Contains(got.Detail, want) {
			t.Errorf("no %q in %q", want, got.Detail)
		}
	}
	if want := (probes.Ending{At: in(5 * day), Of: "c.example.net"}); got.Ends.Of != want.Of || got.Ends.At.Sub(want.At).Abs() > time.Minute {
		t.Errorf("ends %+v, want %+v", got.Ends, want)
	}
}
