package tlscheck

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/certlint"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/probes"
)

// name judges whether the certificate is for the SIP domain (RFC 5922 §7.2).
// An empty server name is not checked.
func (p *Prober) name(cert *x509.Certificate, spec probes.Spec) string {
	serverName, wildcards := spec.ServerName, p.cfg.AllowWildcards || spec.Check.Transport == fleet.WSS
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
	names := certlint.Identities(cert)
	match := certlint.Matches(cert, serverName)
	switch {
	case match == certlint.FullMatch, match == certlint.WildcardMatch && wildcards:
		return ""
	case match == certlint.WildcardMatch:
		return fmt.Sprintf("certificate is for %s; wildcards do not count for %s (RFC 5922 section 7.2)", list(names), quoted(serverName))
	case len(names) == 0:
		return fmt.Sprintf("certificate names no SIP domain in subjectAltName, %s expected", quoted(serverName))
	}
	return fmt.Sprintf("certificate is for %s, not for %s", list(names), quoted(serverName))
}

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
