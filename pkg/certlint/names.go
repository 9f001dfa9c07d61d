package certlint

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"net/url"
	"strings"
	"time"
)

// Identities returns the SIP domains that a certificate is for (RFC 5922
// §7.1): the hosts of sip: URIs without a user part, and only if there are none
// the DNS names. The subject's common name is an option there that is not
// taken: clients differ in it.
func Identities(cert *x509.Certificate) []string {
	var hosts []string
	for _, u := range cert.URIs {
		if h, ok := sipHost(u); ok {
			hosts = append(hosts, h)
		}
	}
	if len(hosts) > 0 {
		return hosts
	}
	return cert.DNSNames
}

// sipHost returns the host of a sip: URI without a user part.
func sipHost(u *url.URL) (string, bool) {
	if !strings.EqualFold(u.Scheme, "sip") || u.Opaque == "" || strings.Contains(u.Opaque, "@") {
		return "", false
	}
	host, _, _ := strings.Cut(u.Opaque, ";")
	host, _, _ = strings.Cut(host, ":")
	return host, host != ""
}

// Match says how the identities of a certificate fit a SIP domain.
type Match uint8

// The matches. A wildcard is none for SIP (RFC 5922 §7.2), though many phones
// take it.
const (
	NoMatch Match = iota
	WildcardMatch
	FullMatch
)

// Matches compares a certificate's identities with a SIP domain.
func Matches(cert *x509.Certificate, domain string) Match {
	best := NoMatch
	for _, n := range Identities(cert) {
		switch {
		case strings.EqualFold(trimDot(n), trimDot(domain)):
			return FullMatch
		case covers(n, domain):
			best = WildcardMatch
		}
	}
	return best
}

// covers reports whether pattern is a wildcard for name, one label deep.
func covers(pattern, name string) bool {
	suffix, ok := strings.CutPrefix(trimDot(pattern), "*.")
	_, parent, below := strings.Cut(trimDot(name), ".")
	return ok && below && strings.EqualFold(parent, suffix)
}

func trimDot(s string) string { return strings.TrimSuffix(s, ".") }

// list quotes up to three names.
func list(names []string) string {
	const most = 3
	var q []string
	for i, n := range names {
		if i == most {
			q = append(q, itoa(len(names)-most)+" more")
			break
		}
		q = append(q, quoted(n))
	}
	return strings.Join(q, ", ")
}

func summarize(c *x509.Certificate) Summary {
	sum := sha256.Sum256(c.Raw)
	names := Identities(c)
	cleaned := make([]string, len(names))
	for i, n := range names {
		cleaned[i] = clean(n)
	}
	return Summary{
		Subject: clean(c.Subject.String()), Issuer: clean(c.Issuer.String()), Names: cleaned,
		NotBefore: c.NotBefore.UTC().Format(time.RFC3339), NotAfter: c.NotAfter.UTC().Format(time.RFC3339),
		Key: keyName(c.PublicKey), CA: c.IsCA, SHA256: hex.EncodeToString(sum[:]),
	}
}

// subject names a certificate for people.
func subject(c *x509.Certificate) string {
	if names := Identities(c); len(names) > 0 {
		return quoted(names[0])
	}
	if c.Subject.CommonName != "" {
		return quoted(c.Subject.CommonName)
	}
	return quoted(c.Subject.String())
}
