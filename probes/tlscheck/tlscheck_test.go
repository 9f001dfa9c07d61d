package tlscheck_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ocsp"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
	"github.com/sipsteer/sipsteer/probes/tlscheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	domain = "west.voice.example.net"
	long   = 20 * time.Second
	short  = 400 * time.Millisecond
)

func probe(cfg tlscheck.Config, addr netip.AddrPort, roots *x509.CertPool, timeout time.Duration) probes.Result {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return tlscheck.New(cfg).Probe(ctx, probes.Spec{
		Check:   health.Check{Target: health.Target{Site: "calgary", Switch: "cgy1", Transport: fleet.TLS}, Kind: health.TLS},
		Address: addr, ServerName: domain, Roots: roots,
	})
}

// handshake serves handshakes only, and remembers nothing.
func handshake(cfg *tls.Config) func(net.Conn) {
	return func(c net.Conn) { _, _ = bufio.NewReader(tls.Server(c, cfg)).ReadByte() }
}

func TestCertificates(t *testing.T) {
	ca := wiretest.NewAuthority(t)
	day := 24 * time.Hour
	for _, tt := range []struct {
		name   string
		leaf   wiretest.Leaf
		cfg    tlscheck.Config
		roots  *x509.CertPool
		cause  health.Cause // none: success
		detail string
		absent string
	}{
		{name: "good, by DNS name", leaf: wiretest.Leaf{DNS: []string{"other.example.net", "West.Voice.Example.NET"}}, detail: "TLS 1.3, TLS_AES_128_GCM_SHA256, certificate valid until "},
		{name: "good, by SIP URI", leaf: wiretest.Leaf{URI: []string{"sip:" + domain}, DNS: []string{"host17.example.net"}}},
		{name: "expired", leaf: wiretest.Leaf{DNS: []string{domain}, NotBefore: time.Now().Add(-90 * day), NotAfter: time.Now().Add(-10*day - time.Hour)}, cause: health.CauseCertExpired, detail: `certificate of "west.voice.example.net" expired on `},
		{name: "says how long ago", leaf: wiretest.Leaf{DNS: []string{domain}, NotBefore: time.Now().Add(-90 * day), NotAfter: time.Now().Add(-10*day - time.Hour)}, cause: health.CauseCertExpired, detail: "(10 days ago)"},
		{name: "expired before its authority began: the authority is not blamed", leaf: wiretest.Leaf{DNS: []string{domain}, NotBefore: time.Now().Add(-12 * 365 * day), NotAfter: time.Now().Add(-11 * 365 * day)}, cause: health.CauseCertExpired, detail: "expired on ", absent: "authority"},
		{name: "expired a minute ago is inside the tolerance", leaf: wiretest.Leaf{DNS: []string{domain}, NotAfter: time.Now().Add(-time.Minute)}},
		{name: "not valid yet", leaf: wiretest.Leaf{DNS: []string{domain}, NotBefore: time.Now().Add(3 * day), NotAfter: time.Now().Add(9 * day)}, cause: health.CauseCertExpired, detail: "is not valid before"},
		{name: "another name", leaf: wiretest.Leaf{DNS: []string{"sip.calgary.voice.example.net"}}, cause: health.CauseCertName, detail: `for "sip.calgary.voice.example.net", not for "west.voice.example.net"`},
		{name: "a SIP URI outweighs the DNS name", leaf: wiretest.Leaf{URI: []string{"sip:east.voice.example.net"}, DNS: []string{domain}}, cause: health.CauseCertName, detail: `for "east.voice.example.net", not`},
		{name: "a user's URI is no domain", leaf: wiretest.Leaf{URI: []string{"sip:alice@" + domain}}, cause: health.CauseCertName, detail: "names no SIP domain"},
		{name: "a sips URI is no domain", leaf: wiretest.Leaf{URI: []string{"sips:" + domain}}, cause: health.CauseCertName},
		{name: "a suffix is another name", leaf: wiretest.Leaf{DNS: []string{"voice.example.net"}}, cause: health.CauseCertName},
		{name: "a wildcard does not count", leaf: wiretest.Leaf{DNS: []string{"*.voice.example.net"}}, cause: health.CauseCertName, detail: "wildcards do not count"},
		{name: "unless it is allowed", leaf: wiretest.Leaf{DNS: []string{"*.voice.example.net"}}, cfg: tlscheck.Config{AllowWildcards: true}},
		{name: "and only one label deep", leaf: wiretest.Leaf{DNS: []string{"*.example.net"}}, cfg: tlscheck.Config{AllowWildcards: true}, cause: health.CauseCertName},
		{name: "another authority", leaf: wiretest.Leaf{DNS: []string{domain}}, roots: wiretest.NewAuthority(t).Pool(), cause: health.CauseCertUntrust, detail: `signed by "wiretest CA", which is not trusted`},
		{name: "not for servers", leaf: wiretest.Leaf{DNS: []string{domain}, Usage: x509.ExtKeyUsageClientAuth}, cause: health.CauseCertInvalid, detail: "not for servers"},
		{name: "expired and for another name: both are said", leaf: wiretest.Leaf{DNS: []string{"x.example.net"}, NotBefore: time.Now().Add(-9 * day), NotAfter: time.Now().Add(-3 * day)}, cause: health.CauseCertExpired, detail: `; certificate is for "x.example.net"`},
		{name: "stapled as good", leaf: wiretest.Leaf{DNS: []string{domain}, Staple: status(ocsp.Good), MustStaple: true}, detail: "stapled as good"},
		{name: "revoked", leaf: wiretest.Leaf{DNS: []string{domain}, Staple: status(ocsp.Revoked)}, cause: health.CauseCertRevoked, detail: `certificate of "west.voice.example.net" was revoked by its authority on `},
		{name: "a staple that ended is only said", leaf: wiretest.Leaf{DNS: []string{domain}, Staple: status(ocsp.Good), StapleEnds: time.Now().Add(-time.Hour)}, detail: "with a stapled answer that ended on"},
		{name: "unless one is demanded", leaf: wiretest.Leaf{DNS: []string{domain}, Staple: status(ocsp.Good), StapleEnds: time.Now().Add(-time.Hour), MustStaple: true}, cause: health.CauseCertRevoked, detail: "(RFC 7633); it ended on"},
		{name: "one is demanded, none is there", leaf: wiretest.Leaf{DNS: []string{domain}, MustStaple: true}, cause: health.CauseCertRevoked, detail: "and none is"},
		{name: "control characters are not passed on", leaf: wiretest.Leaf{DNS: []string{"x\x1b[2J.example.net"}}, cause: health.CauseCertName, detail: `"x?[2J.example.net"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			roots := tt.roots
			if roots == nil {
				roots = ca.Pool()
			}
			got := probe(tt.cfg, wiretest.TCP(t, handshake(ca.Config(tt.leaf))), roots, long)
			want := health.Failure
			if tt.cause == health.CauseNone {
				want = health.Success
			}
			if tt.absent != "" && strings.Contains(got.Detail, tt.absent) {
				t.Errorf("detail %q names the %s", got.Detail, tt.absent)
			}
			if got.Outcome != want || got.Cause != tt.cause || !strings.Contains(got.Detail, tt.detail) {
				t.Errorf("got %v %q: %s\nwant %v %q: …%s…", got.Outcome, got.Cause, got.Detail, want, tt.cause, tt.detail)
			}
		})
	}
}

func status(s int) *int { return &s }

// TestTheCertificateIsNamed: the same one is known again at another site.
func TestTheCertificateIsNamed(t *testing.T) {
	ca := wiretest.NewAuthority(t)
	one, other := ca.Config(wiretest.Leaf{DNS: []string{"x.example.net"}}), ca.Config(wiretest.Leaf{DNS: []string{"x.example.net"}})
	seen := map[string]int{}
	for _, cfg := range []*tls.Config{one, one, other} {
		seen[probe(tlscheck.Config{}, wiretest.TCP(t, handshake(cfg)), ca.Pool(), long).Certificate]++
	}
	if len(seen) != 2 || seen[""] != 0 {
		t.Errorf("%v", seen)
	}
}

func TestHandshakes(t *testing.T) {
	ca := wiretest.NewAuthority(t)
	broken := ca.Config(wiretest.Leaf{DNS: []string{domain}})
	broken.Certificates[0].Certificate[0] = []byte("not a certificate")
	demanding := ca.Config(wiretest.Leaf{DNS: []string{domain}})
	demanding.ClientAuth, demanding.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
	for _, tt := range []struct {
		name    string
		serve   func(net.Conn) // nil: nobody listens
		timeout time.Duration
		cause   health.Cause
	}{
		{"hangs", wiretest.Silent, short, health.CauseTLSHang},
		{"nobody listens", nil, long, health.CauseRefused},
		{"reset", wiretest.Reset, long, health.CauseReset},
		{"closed at once", func(net.Conn) {}, long, health.CauseReset},
		{"refused by an alert", handshake(demanding), long, health.CauseTLSRefused},
		{"plain SIP", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte("SIP/2.0 400 Bad Request\r\n\r\n"))
			wiretest.Silent(c)
		}, long, health.CauseTLSRefused},
		{"a certificate that does not parse", handshake(broken), long, health.CauseCertInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			addr := netip.AddrPort{}
			if tt.serve == nil {
				addr = loopbacktest.AddrPort(t, 5061)
			} else {
				addr = wiretest.TCP(t, tt.serve)
			}
			if got := probe(tlscheck.Config{}, addr, ca.Pool(), tt.timeout); got.Outcome != health.Failure || got.Cause != tt.cause {
				t.Errorf("got %+v, want %s", got, tt.cause)
			}
		})
	}
}

func TestTheDomainIsAskedForInTheHandshake(t *testing.T) {
	ca := wiretest.NewAuthority(t)
	cfg := ca.Config(wiretest.Leaf{DNS: []string{domain}})
	asked := make(chan string, 1)
	cfg.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		asked <- h.ServerName
		return nil, nil
	}
	if got := probe(tlscheck.Config{}, wiretest.TCP(t, handshake(cfg)), ca.Pool(), long); got.Outcome != health.Success {
		t.Errorf("got %+v", got)
	}
	if name := <-asked; name != domain {
		t.Errorf("SNI %q, want %q", name, domain)
	}
}

// TestWhenTheCertificateEnds is known of a good one, and of one that is for another
// name.
func TestWhenTheCertificateEnds(t *testing.T) {
	ca := wiretest.NewAuthority(t)
	end := time.Now().Add(72 * time.Hour).Truncate(time.Second)
	for _, name := range []string{domain, "another.example.net"} {
		addr := wiretest.TCP(t, handshake(ca.Config(wiretest.Leaf{DNS: []string{name}, NotAfter: end})))
		got := probe(tlscheck.Config{}, addr, ca.Pool(), long)
		if !got.Ends.At.Equal(end) || got.Ends.Of != name {
			t.Errorf("%s: %+v, want %s", name, got.Ends, end)
		}
	}
}
