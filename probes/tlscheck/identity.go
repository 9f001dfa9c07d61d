package tlscheck

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// name judges whether the certificate is for the SIP domain (RFC 5922 §7.2).
// An empty serverName is not checked.
func (p *Prober) name(cert *x509.Certificate, serverName string) string {
	if serverName == "" {
		return ""
	}
	if addr, err := netip.ParseAddr(serverName); err == nil {
		for _, ip := range cert.IPAddresses {
			if a, ok := netip.AddrFromSlice(ip); ok && a.Unmap() == addr.Unmap() {
				return ""
			}
		}
		return fmt.Sprintf("certificate is not for the address %s", addr)
	}
	names := identities(cert)
	wildcard := false
	for _, n := range names {
		if strings.EqualFold(trimDot(n), trimDot(serverName)) {
			return ""
		}
		wildcard = wildcard || covers(n, serverName)
	}
	switch {
	case wildcard && p.cfg.AllowWildcards:
		return ""
	case wildcard:
		return fmt.Sprintf("certificate is for %s; wildcards do not count for %s (RFC 5922 section 7.2)", list(names), quoted(serverName))
	case len(names) == 0:
		return fmt.Sprintf("certificate names no SIP domain in subjectAltName, %s expected", quoted(serverName))
	}
	return fmt.Sprintf("certificate is for %s, not for %s", list(names), quoted(serverName))
}

// identities returns the SIP domains that a certificate is for (RFC 5922
// §7.1): the hosts of sip: URIs without a user part, and only if there are none
// the DNS names. The subject's common name is an option there that we do not
// take.
func identities(cert *x509.Certificate) []string {
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
			q = append(q, fmt.Sprintf("%d more", len(names)-most))
			break
		}
		q = append(q, quoted(n))
	}
	return strings.Join(q, ", ")
}
