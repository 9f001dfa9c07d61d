package certlint

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

// TestWhatIsFound changes one thing in a good certificate at a time.
func TestWhatIsFound(t *testing.T) {
	ca := newAuthority(t, "ca")
	key := newKey(t)
	for _, tt := range []struct {
		name   string
		change func(c *x509.Certificate)
		want   []string
	}{
		{"good", func(*x509.Certificate) {}, nil},
		{"expired", func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }, []string{"bad expired"}},
		{"not yet", func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) }, []string{"bad not-yet-valid"}},
		{"inverted", func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.Add(-time.Hour), now.Add(-2*time.Hour) }, []string{"bad dates-inverted", "bad expired"}},
		{"soon", func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, 13) }, []string{"warn expires-soon"}},
		{"clients only", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, []string{"bad usage"}},
		{"no signature usage", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, []string{"warn key-usage", "warn zlint"}},
		{"no names", func(c *x509.Certificate) { c.DNSNames = nil }, []string{"warn no-names"}},
		{"wildcard", func(c *x509.Certificate) { c.DNSNames = []string{"*.example.net"} }, []string{"warn wildcard"}},
		{"address as name", func(c *x509.Certificate) { c.DNSNames = []string{"192.0.2.1"} }, []string{"warn name-form"}},
		{"long common name", func(c *x509.Certificate) { c.Subject.CommonName = strings.Repeat("x", 65) }, []string{"warn attribute-length"}},
		{"a country in small letters", func(c *x509.Certificate) { c.Subject.Country = []string{"ca"} }, []string{"warn zlint"}},
		{"a name twice", func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, c.DNSNames...) }, []string{"note zlint"}},
		{"country", func(c *x509.Certificate) { c.Subject.Country = []string{"CAN"} }, []string{"warn attribute-length"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leaf := leafFor("a.example.net")
			tt.change(leaf)
			dir := write(t, map[string]string{"a.pem": certPEM(ca.issue(t, leaf, key), ca.cert.Raw), "a.key": keyPEM(t, key)})
			res := check(t, Config{Horizon: 14 * 24 * time.Hour, Trial: TrialNone}, dir)
			if got := rules(t, res, "a.pem"); !slices.Equal(got, tt.want) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNamesThatWereAskedFor(t *testing.T) {
	ca, key := newAuthority(t, "ca"), newKey(t)
	leaf := leafFor("*.example.net")
	dir := write(t, map[string]string{"a.pem": certPEM(ca.issue(t, leaf, key), ca.cert.Raw)})
	for _, tt := range []struct {
		cfg  Config
		want bool
	}{
		{Config{Domains: []string{"a.example.net"}}, true},
		{Config{Domains: []string{"a.example.net"}, AllowWildcards: true}, false},
		{Config{Domains: []string{"a.b.example.net"}, AllowWildcards: true}, true},
		{Config{Domains: []string{"*.EXAMPLE.net."}}, false},
	} {
		if got := slices.Contains(rules(t, check(t, tt.cfg, dir), "a.pem"), "bad name"); got != tt.want {
			t.Errorf("%v: bad name %v, want %v", tt.cfg.Domains, got, tt.want)
		}
	}
}

func TestChains(t *testing.T) {
	ca, other := newAuthority(t, "ca"), newAuthority(t, "ca") // the same name, another key
	stranger := newAuthority(t, "stranger")
	leaf := ca.issue(t, leafFor("a.example.net"), newKey(t))
	for _, tt := range []struct {
		name  string
		files map[string]string
		roots *authority
		want  []string
	}{
		{"whole", map[string]string{"a.pem": certPEM(leaf, ca.cert.Raw)}, nil, nil},
		{"root elsewhere", map[string]string{"a.pem": certPEM(leaf), "ca.pem": certPEM(ca.cert.Raw)}, nil, nil},
		{"no issuer", map[string]string{"a.pem": certPEM(leaf)}, nil, []string{"note chain"}},
		{"forged issuer", map[string]string{"a.pem": certPEM(leaf, other.cert.Raw)}, nil, []string{"bad signature"}},
		{"out of order", map[string]string{"a.pem": certPEM(leaf, stranger.cert.Raw)}, nil, []string{"warn order"}},
		{"trusted", map[string]string{"a.pem": certPEM(leaf)}, &ca, nil},
		{"not trusted", map[string]string{"a.pem": certPEM(leaf, ca.cert.Raw)}, &stranger, []string{"bad chain"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Config{}
			if tt.roots != nil {
				cfg.Roots = x509.NewCertPool()
				cfg.Roots.AddCert(tt.roots.cert)
			}
			if got := rules(t, check(t, cfg, write(t, tt.files)), "a.pem"); !slices.Equal(got, tt.want) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}

func TestKeysAndCertificates(t *testing.T) {
	ca := newAuthority(t, "ca")
	key, stray := newKey(t), newKey(t)
	chain := certPEM(ca.issue(t, leafFor("a.example.net"), key), ca.cert.Raw)
	for _, tt := range []struct {
		name, cert string
		files      map[string]string
		want       []string
		tried      bool
	}{
		{"one file", "a.pem", map[string]string{"a.pem": keyPEM(t, key) + chain}, nil, true},
		{"beside", "a.crt", map[string]string{"a.crt": chain, "a.key": keyPEM(t, key)}, nil, true},
		{"suffix", "a-cert.pem", map[string]string{"a-cert.pem": chain, "a-key.pem": keyPEM(t, key)}, nil, true},
		{"certbot", "fullchain.pem", map[string]string{"fullchain.pem": chain, "privkey.pem": keyPEM(t, key)}, nil, true},
		{"certbot's archive", "fullchain12.pem", map[string]string{"fullchain12.pem": chain, "privkey12.pem": keyPEM(t, key), "privkey11.pem": keyPEM(t, stray)}, nil, true},
		{"another's", "a.pem", map[string]string{"a.pem": chain, "a.key": keyPEM(t, stray)}, []string{"bad key-match"}, false},
		{"another's inside", "a.pem", map[string]string{"a.pem": chain + keyPEM(t, stray)}, []string{"bad key-match"}, false},
		{"of the second", "a.pem", map[string]string{"a.pem": chain + keyPEM(t, ca.key)}, []string{"bad key-match"}, false},
		{"none", "a.pem", map[string]string{"a.pem": chain, "b.key": keyPEM(t, stray)}, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := check(t, Config{}, write(t, tt.files))
			if got := rules(t, res, tt.cert); !slices.Equal(got, tt.want) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
			for _, r := range res.Reports {
				if strings.HasSuffix(r.Source, tt.cert) && (len(r.Trials) > 0) != tt.tried {
					t.Errorf("tried with %q", r.Trials)
				}
			}
		})
	}
}

func TestWeakKeys(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skipf("this Go makes no key of 1024 bits: %v", err)
	}
	ca := newAuthority(t, "ca")
	dir := write(t, map[string]string{"a.pem": certPEM(ca.issue(t, leafFor("a.example.net"), key), ca.cert.Raw)})
	if got := rules(t, check(t, Config{}, dir), "a.pem"); !slices.Equal(got, []string{"bad key-weak"}) {
		t.Errorf("found %q", got)
	}
}

// TestFilesThatAreNone: what a lenient reader skips in silence.
func TestFilesThatAreNone(t *testing.T) {
	ca := newAuthority(t, "ca")
	good := certPEM(ca.cert.Raw)
	lines := strings.Split(good, "\n")
	for _, tt := range []struct {
		name, text, want string
	}{
		{"empty", "", "bad file: the file is empty"},
		{"words", "hello", "neither PEM nor DER"},
		{"no end", strings.Join(lines[:4], "\n"), "line 1: the block"},
		{"bad character", strings.Replace(good, lines[2], "!"+lines[2][1:], 1), "line 3: character"},
		{"line missing", strings.Replace(good, lines[2]+"\n", "", 1), "octet"},
		{"damaged boundary", strings.Replace(good, "-----END", "----END", 1), "damaged boundary"},
		{"nested", good[:100] + "\n" + good, "begins inside"},
		{"other end", strings.Replace(good, "END CERTIFICATE", "END X", 1), "ends as"},
		{"byte order mark", "\xef\xbb\xbf" + good, "warn pem"},
		{"DER that is cut", string(ca.cert.Raw[:100]), "octet 1, certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := check(t, Config{}, write(t, map[string]string{"a.pem": tt.text}))
			var all []string
			for _, f := range res.Reports[0].Findings {
				all = append(all, f.String())
			}
			if !strings.Contains(strings.Join(all, "\n"), tt.want) {
				t.Errorf("found %q, want %q", all, tt.want)
			}
		})
	}
}

func TestPKCS12(t *testing.T) {
	ca, key := newAuthority(t, "ca"), newKey(t)
	leaf := parse(t, ca.issue(t, leafFor("a.example.net"), key))
	pfx, err := pkcs12.Modern2023.Encode(key, leaf, []*x509.Certificate{ca.cert}, "secret")
	if err != nil {
		t.Fatal(err)
	}
	dir := write(t, map[string]string{"a.p12": string(pfx)})
	for password, want := range map[string][]string{"secret": nil, "": {"bad pkcs12"}, "wrong": {"bad pkcs12"}} {
		res := check(t, Config{Password: password}, dir)
		if got := rules(t, res, "a.p12"); !slices.Equal(got, want) {
			t.Errorf("password %q: found %q, want %q", password, got, want)
		}
		if password == "secret" && (res.Certificates() != 2 || !slices.Equal(res.Reports[0].Trials, []string{"go"})) {
			t.Errorf("%d certificates, tried with %q", res.Certificates(), res.Reports[0].Trials)
		}
	}
}

// TestHostileNames: nothing of a certificate reaches a terminal as it is.
func TestHostileNames(t *testing.T) {
	ca := newAuthority(t, "evil\x1b[2J\r\nca")
	leaf := leafFor("a.example.net")
	leaf.Subject.CommonName = "\x1b]0;owned\x07"
	leaf.DNSNames = nil
	dir := write(t, map[string]string{"a.pem": certPEM(ca.issue(t, leaf, newKey(t)))})
	res := check(t, Config{Domains: []string{"b"}}, dir)
	if text := fmt.Sprintf("%+v", res); strings.ContainsAny(text, "\x1b\x07\r\n") {
		t.Errorf("control characters: %q", text)
	}
}

func TestArguments(t *testing.T) {
	pem := certPEM(newAuthority(t, "ca").cert.Raw)
	dir := write(t, map[string]string{
		"notes.txt": "x", "sub/a.pem": pem, "chain": "# ours\n" + pem,
		"fleet.yaml": "trust_roots: |\n  " + strings.ReplaceAll(pem, "\n", "\n  "), "state.json": fmt.Sprintf("{%q: %q}", "roots", pem),
	})
	res := check(t, Config{}, dir)
	if len(res.Reports) != 2 || res.LeftAside != 3 {
		t.Errorf("%d reports, %d left aside", len(res.Reports), res.LeftAside)
	}
	c, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Check(t.Context(), []string{filepath.Join(dir, "none.pem")}); err == nil || !strings.Contains(err.Error(), "neither a file") {
		t.Errorf("error %v", err)
	}
	if _, err := New(Config{Trial: "twice"}); err == nil {
		t.Error("a trial that is none is taken")
	}
	if _, err := New(Config{Trial: TrialAll}); err == nil {
		t.Error("OpenSSL that is missing is taken")
	}
}
