package tlscheck

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/certlint"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// finding is one thing that is wrong with a certificate, as a sentence.
type finding struct {
	cause health.Cause
	text  string
}

// judge returns all that is wrong with the certificates a server showed, leaf
// first. The worst comes first: an expired one is renewed in any case.
func (p *Prober) judge(certs []*x509.Certificate, staple []byte, spec probes.Spec, now time.Time) []finding {
	if len(certs) == 0 {
		return []finding{{health.CauseCertInvalid, "the server showed no certificate"}}
	}
	leaf := certs[0]
	var found []finding
	add := func(cause health.Cause, text string) {
		if text != "" {
			found = append(found, finding{cause, text})
		}
	}
	add(health.CauseCertExpired, p.dates(leaf, now))
	add(health.CauseCertName, p.name(leaf, spec))
	cause, text := p.chain(certs, spec.Roots, now)
	add(cause, text)
	add(health.CauseCertInvalid, usage(leaf))
	add(health.CauseCertRevoked, revoked(leaf, certs, staple, now))
	slices.SortStableFunc(found, func(a, b finding) int { return rank(a.cause) - rank(b.cause) })
	return found
}

func rank(c health.Cause) int {
	return slices.Index([]health.Cause{health.CauseCertRevoked, health.CauseCertExpired, health.CauseCertName, health.CauseCertUntrust, health.CauseCertInvalid}, c)
}

// dates judges the leaf's validity (RFC 5280 §4.1.2.5).
func (p *Prober) dates(cert *x509.Certificate, now time.Time) string {
	const day = "2006-01-02 15:04 UTC"
	switch {
	case now.Add(-p.cfg.ClockTolerance).After(cert.NotAfter):
		return fmt.Sprintf("certificate of %s expired on %s (%s ago)", subject(cert), cert.NotAfter.UTC().Format(day), certlint.Span(now.Sub(cert.NotAfter)))
	case now.Add(p.cfg.ClockTolerance).Before(cert.NotBefore):
		return fmt.Sprintf("certificate of %s is not valid before %s (in %s)", subject(cert), cert.NotBefore.UTC().Format(day), certlint.Span(cert.NotBefore.Sub(now)))
	}
	return ""
}

// chain judges whether the leaf leads to a root, at a moment when the leaf is
// valid: its own dates are judged apart.
func (p *Prober) chain(certs []*x509.Certificate, roots *x509.CertPool, now time.Time) (health.Cause, string) {
	leaf, today := certs[0], now
	if now.After(leaf.NotAfter) {
		now = leaf.NotAfter
	}
	if now.Before(leaf.NotBefore) {
		now = leaf.NotBefore
	}
	between := x509.NewCertPool()
	for _, c := range certs[1:] {
		between.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, // judged by usage
	})
	var unknown x509.UnknownAuthorityError
	var noRoots x509.SystemRootsError
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return health.CauseNone, ""
	case errors.As(err, &unknown), errors.As(err, &noRoots):
		return health.CauseCertUntrust, fmt.Sprintf("certificate of %s is signed by %s, which is not trusted", subject(leaf), issuer(leaf))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && !today.Before(invalid.Cert.NotBefore) && !today.After(invalid.Cert.NotAfter):
		return health.CauseNone, "" // an authority younger than the leaf's end
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return health.CauseCertExpired, fmt.Sprintf("certificate of the authority %s is outside its dates (%s to %s)",
			subject(invalid.Cert), invalid.Cert.NotBefore.UTC().Format(time.DateOnly), invalid.Cert.NotAfter.UTC().Format(time.DateOnly))
	}
	return health.CauseCertInvalid, fmt.Sprintf("certificate of %s cannot be used: %s", subject(leaf), wire.Clean(err.Error()))
}

// usage judges what the certificate may be used for. TLS clients ask for
// serverAuth; RFC 5924 §5 takes sipDomain, any, or no restriction at all.
func usage(cert *x509.Certificate) string {
	if certlint.ForServers(cert) {
		return ""
	}
	return fmt.Sprintf("certificate of %s is not for servers (extended key usage, RFC 5924)", subject(cert))
}

// subject names a certificate for people.
func subject(cert *x509.Certificate) string {
	if names := certlint.Identities(cert); len(names) > 0 {
		return quoted(names[0])
	}
	return quoted(cert.Subject.CommonName)
}

func issuer(cert *x509.Certificate) string {
	if cert.Issuer.CommonName == "" {
		return quoted(cert.Issuer.String())
	}
	return quoted(cert.Issuer.CommonName)
}

func quoted(s string) string { return `"` + wire.Clean(s) + `"` }
